"""`make demo`: the local stack, real predictions of a real model streamed into it, and both runs side by side.

Serves until Ctrl-C and keeps its data for the next time. `ONCE=1` ends after the tables and leaves nothing behind;
`PORT=9000` chooses the port.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Final

from rich.console import Console

from examples.digits.local_stack import PORT, LocalStack, StackError, choose_port, local_stack
from sightline.cli.outcome import Stop
from sightline.client import Client, SightlineError

if TYPE_CHECKING:
    from examples.digits.build import Files
    from examples.digits.upload import Measured

REPOSITORY: Final = Path(__file__).resolve().parents[2]
KEPT: Final = REPOSITORY / "data" / "demo"
NEEDED: Final = {"sklearn": "scikit-learn", "PIL": "Pillow"}

INTERRUPTED: Final = 130

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


def main() -> int:
    """Run the demo; the exit code."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)
    once = os.environ.get("ONCE", "") not in ("", "0")
    try:
        missing = [name for module, name in NEEDED.items() if find_spec(module) is None]
        if missing:
            raise StackError(f"the demo needs {' and '.join(missing)}: `make install` gets all that it needs")
        with _data_dir(once) as folder:
            _demonstrate(folder, once=once)
    except KeyboardInterrupt:
        return INTERRUPTED
    except Stop as refusal:
        return _fail(f"{refusal}\nIf the data is from an earlier version of this demo, remove it: rm -r {_short(KEPT)}")
    except (StackError, SightlineError, OSError) as error:
        return _fail(str(error))
    return 0


def _demonstrate(folder: Path, *, once: bool) -> None:
    # These take a second or two to import: what is missing should be said before.
    from examples.digits.build import Files, build
    from examples.digits.show import Steps, results
    from examples.digits.upload import upload

    files = Files(folder / "digits")
    port = choose_port(os.environ.get("PORT"))
    if port != PORT and "PORT" not in os.environ:
        err.print(f"Port {PORT} is taken: this demo is on [bold]{port}[/].")
    with local_stack(folder / "stack", port, files.images) as stack:
        with Steps(err) as steps:
            build(files.folder, report=steps.report)
            with steps.step("Starting the stack"):
                stack.wait_until_ready()
            with Client(stack.url) as client:
                measured = upload(client, files, steps)
        out.print(results({name: one.metrics for name, one in measured.items()}))
        if not once:
            _serve(stack, files, measured)
    err.print("The stack has stopped.")


def _serve(stack: LocalStack, files: Files, measured: dict[str, Measured]) -> None:
    """Say where it is and what to try, until Ctrl-C."""
    newest = list(measured.values())[-1].run
    scene = min(path.name for path in files.images.glob("test-*.png"))
    address = "" if stack.url.endswith(f":{PORT}") else f"SIGHTLINE_URL={stack.url} "
    command = f"{address}.venv/bin/sightline"
    hints = {
        "Other thresholds": f"{command} metrics {newest.name} --iou 0.75 --confidence 0.7",
        "Worst scenes first": f"{command} rows {newest.name} --sort iou",
        "Over HTTP": f"{stack.url}/v1/model-runs/{newest.run_id}/metrics?iou=0.75&confidence=0.7",
        "A scene": f"{stack.url}/v1/datasets/{newest.dataset_id}/data-rows/{scene}/asset",
        "Hunt for mistakes": f"some labels are wrong on purpose: {_short(files.mistakes)} tells which",
    }
    out.print(f"[bold green]Sightline is serving at {stack.url}[/]\n")
    for title, text in hints.items():
        # Never wrapped, so that commands and addresses can be copied.
        out.print(f"  [dim]{title:<20}[/]{text}", soft_wrap=True)
    out.print(f"\nCtrl-C ends it; the data stays in {_short(files.folder.parent)}.")
    try:
        stack.wait()
    except KeyboardInterrupt:
        err.print("\nEnding …")


@contextmanager
def _data_dir(once: bool) -> Generator[Path]:
    """Where everything lies: kept in the repository, or for this once."""
    if once:
        with tempfile.TemporaryDirectory(prefix="sightline-demo-") as folder:
            yield Path(folder)
    else:
        KEPT.mkdir(parents=True, exist_ok=True)
        yield KEPT


def _short(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _fail(why: str) -> int:
    err.print("[bold red]The demo can't go on:[/]", end=" ")
    err.print(why, markup=False)
    return 1


def _end(number: int, frame: FrameType | None) -> None:
    """However the demo is asked to end, and wherever it was started: as Ctrl-C does, in order."""
    del number, frame
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
