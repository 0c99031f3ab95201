"""Generate `sightline/wire` from `proto/`. With --check, only say whether it is up to date (exit 1 if not)."""

from __future__ import annotations

import filecmp
import re
import shutil
import sys
import tempfile
from importlib.resources import files
from pathlib import Path

from grpc_tools import protoc

ROOT = Path(__file__).resolve().parents[1]
PROTO = ROOT / "proto"
WIRE = ROOT / "sightline" / "wire"
DOCSTRING = '"""Generated from proto/ by `make wire`. Do not edit."""\n'


def generate(target: Path) -> None:
    """Compile every .proto and move the result below `sightline.wire`."""
    with tempfile.TemporaryDirectory() as place:
        out = Path(place)
        sources = sorted(str(p.relative_to(PROTO)) for p in PROTO.rglob("*.proto"))
        arguments = ["protoc", f"-I{PROTO}", f"-I{files('grpc_tools') / '_proto'}"]
        arguments += [f"--python_out={out}", f"--pyi_out={out}", f"--grpc_python_out={out}", *sources]
        if protoc.main(arguments):  # pyright: ignore[reportUnknownMemberType]
            sys.exit("protoc failed")
        for path in sorted(out.rglob("*.py*")):
            text = path.read_text()
            source = PROTO / path.relative_to(out).with_name(path.name.replace("_pb2_grpc.py", ".proto"))
            if path.name.endswith("_pb2_grpc.py") and "service " not in source.read_text():
                continue
            text = re.sub(r"\bfrom sightline\.(\w+)\.v(\d+)\b", r"from sightline.wire.\1.v\2", text)
            text = re.sub(r"\bimport sightline\.(\w+)\.v(\d+)\b", r"import sightline.wire.\1.v\2", text)
            moved = target / path.relative_to(out / "sightline")
            moved.parent.mkdir(parents=True, exist_ok=True)
            moved.write_text(text)
    for folder in [target, *(p for p in target.rglob("*") if p.is_dir())]:
        (folder / "__init__.py").write_text(DOCSTRING)


def same(left: Path, right: Path) -> bool:
    """Whether two trees hold the same generated files."""
    names = {p.relative_to(left) for p in left.rglob("*.py*") if p.suffix in {".py", ".pyi"}}
    others = {p.relative_to(right) for p in right.rglob("*.py*") if p.suffix in {".py", ".pyi"}}
    return names == others and all(filecmp.cmp(left / n, right / n, shallow=False) for n in names)


def main() -> None:
    """Generate, or check."""
    if "--check" in sys.argv:
        with tempfile.TemporaryDirectory() as place:
            generate(Path(place))
            if not same(Path(place), WIRE):
                sys.exit("sightline/wire is not what proto/ says: run `make wire`")
        return
    shutil.rmtree(WIRE, ignore_errors=True)
    generate(WIRE)


if __name__ == "__main__":
    main()
