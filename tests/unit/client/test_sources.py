"""From arrays, tables and dicts to lines, and back to arrays and tables."""

import json
import os
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import pandas
import pyarrow
import pytest

from sightline.client import Prediction, sources
from sightline.client.columns import Columns, of_lines
from sightline.client.flows.uploading import body_of
from sightline.client.lines import Lines, prediction
from sightline.formats.labelbox import AnnotationReader
from sightline.formats.labelbox_writing import RowName, prediction_lines

KEYS = ["a.jpg", "b/ü.jpg", "a.jpg"]
BOXES = [[1.5, 2, 3, 4], [0.1, 0, 1e-9, 7], [5, 6, 7, 8]]


def told(_: int) -> None: ...


def lines(source: Any = None, *, gzip: bool = False, empty: tuple[str, ...] = (), **columns: Any) -> list[Any]:
    body, chosen = body_of(source, columns, empty, None, gzip=gzip, sent=told)
    assert chosen == "ndjson"
    content = b"".join(body.chunks())
    if gzip:
        assert body.headers["Content-Encoding"] == "gzip"
        content = zlib.decompress(content, wbits=31)
    return [json.loads(line) for line in content.splitlines()]


def line(key: str, name: str, box: list[float], **more: Any) -> dict[str, Any]:
    x, y, width, height = box
    return {
        "dataRow": {"globalKey": key},
        "name": name,
        "bbox": {"top": y, "left": x, "height": height, "width": width},
        **more,
    }


@pytest.mark.parametrize("gzip", [False, True])
def test_arrays_become_lines(gzip: bool) -> None:
    uuids = [uuid4() for _ in KEYS]
    expected = [
        line(key, "car", box, confidence=0.5, uuid=str(uuid)) for key, box, uuid in zip(KEYS, BOXES, uuids, strict=True)
    ]
    octets = np.frombuffer(b"".join(uuid.bytes for uuid in uuids), np.uint8).reshape(-1, 16)
    for given in (uuids, [str(uuid) for uuid in uuids], octets):
        assert lines(row=KEYS, class_name="car", boxes=BOXES, confidence=0.5, uuid=given, gzip=gzip) == expected


def test_what_is_not_said_is_not_sent() -> None:
    without = lines(row=np.array(KEYS), class_name=["car", "bus", "car"], boxes=np.array(BOXES))
    assert without == [line(*each) for each in zip(KEYS, ["car", "bus", "car"], BOXES, strict=True)]
    some = lines(row=KEYS, class_name="car", boxes=BOXES, confidence=[0.1, np.nan, 1.0], empty=("c.jpg",))
    assert [each.get("confidence") for each in some] == [0.1, None, 1.0, None]
    assert some[-1] == {"dataRow": {"globalKey": "c.jpg"}, "empty": True}
    assert lines(empty=("c.jpg",)) == some[-1:]


def test_the_server_reads_the_very_same_numbers() -> None:
    chance = np.random.default_rng(0)
    boxes, confidence = chance.uniform(0, 1e4, (40_000, 4)), chance.uniform(0, 1, 40_000)
    keys = [f"{place % 7}.jpg" for place in range(40_000)]
    body, _ = body_of(
        None,
        {"row": keys, "class_name": "car", "boxes": boxes, "confidence": confidence},
        (),
        None,
        gzip=False,
        sent=told,
    )
    reader = AnnotationReader()
    blocks = [block for chunk in body.chunks() for block in reader.feed(chunk)] + list(reader.finish())
    assert not any(block.rejections for block in blocks)
    assert np.array_equal(np.concatenate([block.box for block in blocks]), boxes)
    assert np.array_equal(np.concatenate([block.confidence for block in blocks]), confidence)
    assert [key for block in blocks for key in block.global_keys] == keys


def test_tables_and_dicts_say_the_same_as_arrays() -> None:
    expected = lines(row=KEYS, class_name="car", boxes=BOXES, confidence=0.5)
    table = Columns(KEYS, ["car"] * 3, BOXES, [0.5] * 3).to_pandas()
    assert lines(table) == expected
    assert lines(table.rename(columns={"row": "global_key"})) == expected
    dicts = [
        {"row": key, "class_name": "car", "box": box, "confidence": 0.5} for key, box in zip(KEYS, BOXES, strict=True)
    ]
    assert lines(dicts) == lines(iter(dicts)) == lines(expected) == expected


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"boxes": [[1, 2, 3, 4]]}, "shape"),
        ({"boxes": np.zeros((4, 3))}, "shape"),
        ({"boxes": [[1, 2, 3, 4], [1, 2, 3], [1, 2, 3, 4]]}, "boxes at index 1"),
        ({"boxes": [[1, 2, 3, 4], [1, 2, np.nan, 4], [1, 2, 3, 4]]}, "index 1"),
        ({"confidence": [0.1, 0.2]}, "3 items"),
        ({"confidence": [0.1, np.inf, 0.2]}, "index 1"),
        ({"uuid": ["x"]}, "3 items"),
        ({"class_name": None}, "row, class_name and boxes"),
    ],
)
def test_what_cannot_be_sent_is_said_before(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        lines(**{"row": KEYS, "class_name": "car", "boxes": BOXES, **given})


def test_a_table_without_a_column_is_refused() -> None:
    with pytest.raises(ValueError, match="class_name"):
        lines(pandas.DataFrame({"row": KEYS, "box": BOXES}))


def test_rows_of_a_table_leave_out_what_is_missing() -> None:
    table = pandas.DataFrame({"global_key": ["a", "b"], "width": [640, None], "split": ["test", None]})
    assert list(sources.rows_of(table)) == [{"global_key": "a", "width": 640, "split": "test"}, {"global_key": "b"}]


@pytest.mark.parametrize(
    ("name", "format"),
    [("a.json", "coco"), ("a.json.gz", "coco"), ("a.ndjson", "ndjson"), ("a.jsonl.gz", "ndjson"), ("a", "coco")],
)
def test_names_of_files_tell_their_format(name: str, format: str) -> None:
    assert sources.guess(Path(name)) == format


def test_predictions_become_arrays_and_tables() -> None:
    said = prediction_lines(
        [RowName("a"), RowName("b é")],
        ["car", "bus"],
        np.array([[1.0, 2, 3, 4], [5, 6, 7, 8]]),
        np.array([np.nan, 0.5]),
        np.array([[0] * 15 + [1], [255] * 16], np.uint8),
    )
    for size in (1, 7, len(said)):
        pieces = [said[begin : begin + size] for begin in range(0, len(said), size)]
        columns = of_lines(map(Lines().feed, pieces))
        assert columns.row.tolist() == ["a", "b é"]  # type: ignore[union-attr]
        assert columns.uuid.tolist() == [str(UUID(int=1)), str(UUID(int=2**128 - 1))]  # type: ignore[union-attr]
    assert columns.boxes.tolist() == [[1, 2, 3, 4], [5, 6, 7, 8]]  # type: ignore[union-attr]
    table, arrow = columns.to_pandas(), columns.to_arrow()
    assert isinstance(arrow, pyarrow.Table)
    assert (
        list(table.columns)
        == arrow.column_names
        == [*("row", "class_name", "x", "y", "width", "height", "confidence", "uuid")]
    )
    assert np.isnan(table["confidence"][0])
    assert len(of_lines([])) == 0
    assert len(of_lines([()])) == 0
    [first, _] = map(prediction, Lines().feed(said))
    assert first == Prediction("a", "car", (1, 2, 3, 4), None, str(UUID(int=1)))


def test_the_client_loads_no_arrays_and_no_tables_before_they_are_asked_for() -> None:
    watch = "import sys, sightline; sightline.Client('http://x').close(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", watch], capture_output=True, text=True, check=True)
    assert not set(done.stdout.split()) & {"numpy", "pandas", "pyarrow", "tqdm", "numba", "pydantic", "fastapi"}
    watch = "import sys, sightline; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", watch], capture_output=True, text=True, check=True)
    assert not set(done.stdout.split()) & {"httpx", "msgspec"}


def test_a_pipe_is_read_once_and_to_its_end(tmp_path: Path) -> None:
    pipe = tmp_path / "rows.ndjson"
    os.mkfifo(pipe)
    body = sources.file(pipe, format="ndjson")
    assert body.once
    assert "Content-Length" not in body.headers
    with subprocess.Popen(["/bin/sh", "-c", f"printf '{{}}' > {pipe}"]):
        assert b"".join(body.chunks()) == b"{}"
