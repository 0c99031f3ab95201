"""Pack the golden events: from tests/golden/NAME.json, which people read, to NAME.bin, as it lies on the log."""

from __future__ import annotations

from pathlib import Path

from google.protobuf import json_format

from sightline.wire.events.v1.event_pb2 import Event

GOLDEN = Path(__file__).resolve().parents[1] / "tests" / "golden"


def main() -> None:
    """Pack all of them."""
    for path in sorted(GOLDEN.glob("*.json")):
        event = json_format.Parse(path.read_text(), Event())
        path.with_suffix(".bin").write_bytes(event.SerializeToString(deterministic=True))


if __name__ == "__main__":
    main()
