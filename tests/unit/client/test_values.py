"""What can't be sent as it is, is refused before anything is sent: with its column, its place, and what to do."""

import json
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import pandas
import pyarrow
import pytest

from sightline.client import sources
from sightline.client.columns import Columns
from tests.unit.client.test_sources import lines

BOX = [1, 2, 3, 4]
UUID_ = uuid4()
TWO: Mapping[str, Any] = {"row": ["a", "b"], "class_name": "car", "boxes": [BOX, BOX]}
ITEM: Mapping[str, Any] = {"row": "a", "class_name": "car", "box": BOX}
FLAT = {"class_name": "car", "x": [1, 1], "y": [2, 2], "width": [3, 3], "height": [4, 4]}
NONE = np.ma.array([0.5, 0.5], mask=[False, True])


def rows(given: Any) -> list[dict[str, Any]]:
    body = sources.given_lines(sources.rows_of(given), sources.data_row, (), gzip=False)
    return [json.loads(line) for chunk in body.chunks() for line in chunk.splitlines()]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"row": ["a", None]}, "row at index 1 is missing: a global key is a text or a whole number"),
        ({"row": ["a", np.nan]}, "row at index 1 is nan"),
        ({"row": pandas.array(["a", None], dtype="string")}, "row at index 1 is missing"),
        ({"row": np.ma.array(["a", "b"], mask=[False, True])}, "row at index 1 is missing"),
        ({"row": [1, 1.0]}, "row at index 1 is 1.0"),
        ({"row": [1, True]}, "row at index 1 is True"),
        ({"row": np.array([1.0, 2.0])}, "row at index 0 is 1.0"),
        ({"row": [b"a", "b"]}, "row at index 0 is b'a'"),
        ({"row": "ab"}, "give a global key for each box"),
        ({"class_name": ["car", None]}, "class_name at index 1 is missing: give a text"),
        ({"class_name": ["car", 1]}, "class_name at index 1 is 1: give a text"),
        ({"class_name": ["car"]}, "class_name must have 2 items"),
        ({"boxes": [BOX, [1, 2, None, 4]]}, "boxes at index 1 is missing"),
        ({"boxes": [BOX, [1, 2, True, 4]]}, "boxes at index 1 is True"),
        ({"boxes": [BOX, ["1", 2, 3, 4]]}, "boxes at index 1 is '1'"),
        ({"boxes": [BOX, [10**400, 2, 3, 4]]}, "boxes at index 1 is 1000"),
        ({"boxes": np.ma.array([BOX, BOX], mask=[[False] * 4, [True] * 4])}, "boxes at index 1 is missing"),
        ({"confidence": [0.5, True]}, "confidence at index 1 is True: give a finite number"),
        ({"confidence": [0.5, "0.5"]}, "confidence at index 1 is '0.5'"),
        ({"confidence": True}, "confidence at index 0 is True"),
        ({"confidence": np.array([True, False])}, "confidence at index 0 is True"),
        ({"confidence": np.inf}, "confidence at index 0 is inf"),
        ({"confidence": [0.5, np.float32(-np.inf)]}, "confidence at index 1 is -inf"),
        ({"uuid": [UUID_, None]}, "uuid at index 1 is missing: .* leave the column out"),
        ({"uuid": [UUID_, pandas.NA]}, "uuid at index 1 is missing"),
        ({"uuid": [UUID_, b"short"]}, "uuid at index 1 is b'short'"),
        ({"empty": "ab"}, "give a list of global keys"),
        ({"empty": ["c", None]}, "empty at index 1 is missing"),
    ],
)
def test_columns_that_cannot_be_sent(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        lines(**{**TWO, **given})


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"row": ["a", None]}, "row at index 1 is"),
        ({"x": pandas.array([1, None], dtype="Int64")}, "x at index 1 is"),
        ({"x": [1, np.nan]}, "x at index 1 is nan: give a finite number"),
        ({"class_name": pandas.array(["car", None], dtype="string")}, "class_name at index 1 is missing"),
        ({"uuid": [str(UUID_), None]}, "uuid at index 1 is"),
    ],
)
def test_tables_that_cannot_be_sent(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        lines(pandas.DataFrame({"row": ["a", "b"], **FLAT, **given}))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"row": None}, "row at index 1 is missing|global_key at index 1 is missing"),
        ({"row": np.nan}, "row at index 1 is nan"),
        ({"row": False}, "row at index 1 is False"),
        ({"class_name": np.nan}, "class_name at index 1 is nan"),
        ({"box": [1, 2, 3]}, "box at index 1 is .*: give x, y, width, height"),
        ({"box": 7}, "box at index 1 is 7"),
        ({"box": [1, 2, np.nan, 4]}, "box at index 1 is nan"),
        ({"confidence": np.inf}, "confidence at index 1 is inf"),
        ({"confidence": "high"}, "confidence at index 1 is 'high'"),
        ({"uuid": np.nan}, "uuid at index 1 is nan"),
        ({"customMetrics": [{"value": np.nan}]}, "customMetrics.value at index 1 is nan: JSON has no such number"),
        ({"note": object()}, "note at index 1 is <object"),
    ],
)
def test_dicts_that_cannot_be_sent(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        lines([ITEM, {**ITEM, **given}])


@pytest.mark.parametrize("confidence", [np.inf, -np.inf, np.float32(np.inf)])
def test_lines_in_labelboxs_shape_are_looked_at_too(confidence: float) -> None:
    [line] = lines([ITEM])
    with pytest.raises(ValueError, match="confidence at index 0"):
        lines([{**line, "confidence": confidence}])
    with pytest.raises(ValueError, match=r"bbox.top at index 0 is nan"):
        lines([{**line, "bbox": {**line["bbox"], "top": np.nan}}])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"global_key": None}, "global_key at index 1 is missing"),
        ({"global_key": pandas.NA}, "global_key at index 1 is missing"),
        ({"width": 640.7}, "width at index 1 is 640.7: give a whole number"),
        ({"width": True}, "width at index 1 is True"),
        ({"width": np.nan}, "width at index 1 is nan"),
        ({"ordinal": 2.0**53}, "ordinal at index 1 is .*Int64"),
        ({"ordinal": 10**30}, "ordinal at index 1"),
        ({"ordinal": 2**53}, "ordinal at index 1 is 9007199254740992: give one from -9007199254740991 to"),
        ({"ordinal": -(2**63)}, "ordinal at index 1 is -9223372036854775808: give one from"),
        ({"metadata": {"light": {"lux": np.inf}}}, "metadata.light.lux at index 1 is inf"),
    ],
)
def test_rows_that_cannot_be_sent(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        rows([{"global_key": "a"}, {"global_key": "b", **given}])


def test_rows_of_tables_say_whole_numbers_only() -> None:
    with pytest.raises(ValueError, match=r"width at index 0 is 640\.7"):
        rows(pandas.DataFrame({"global_key": ["a"], "width": [640.7]}))
    with pytest.raises(ValueError, match="ordinal at index 0"):
        rows(pandas.DataFrame({"global_key": ["a", "b"], "ordinal": [2**53 + 1, None]}))
    with pytest.raises(ValueError, match="global_key at index 1 is"):
        rows(pandas.DataFrame({"global_key": ["a", None]}))


def test_what_is_missing_in_a_table_of_rows_is_not_said() -> None:
    given = {"global_key": ["a", "b"], "width": [640, None], "split": ["test", None], "ordinal": [2**53 - 1, None]}
    expected = [{"global_key": "a", "width": 640, "split": "test", "ordinal": 2**53 - 1}, {"global_key": "b"}]
    plain = pandas.DataFrame({name: pandas.array(values, dtype="object") for name, values in given.items()})
    typed = plain.assign(**{name: pandas.array(given[name], dtype="Int64") for name in ("width", "ordinal")})
    assert rows(plain) == rows(typed) == rows(pyarrow.table(given)) == expected
    assert rows(
        [{"global_key": np.int64(7), "width": np.int64(5), "split": None, "metadata": {"a": np.float64(1)}}]
    ) == [{"global_key": "7", "width": 5, "split": None, "metadata": {"a": 1.0}}]


@pytest.mark.parametrize("none", [None, np.nan, np.float32(np.nan), pandas.NA, np.ma.masked])
def test_a_missing_confidence_is_none(none: object) -> None:
    expected = [0.5, None]
    assert [line.get("confidence") for line in lines(**TWO, confidence=[0.5, none])] == expected
    assert [line.get("confidence") for line in lines([{**ITEM, "confidence": 0.5}, {**ITEM, "confidence": none}])] == (
        expected
    )
    for column in (NONE, pandas.array([0.5, None], dtype="Float64"), pyarrow.array([0.5, None])):
        assert [line.get("confidence") for line in lines(**TWO, confidence=column)] == expected


@pytest.mark.parametrize("kind", [float, np.float16, np.float32, np.float64, np.array])
def test_one_value_may_stand_for_all(kind: Any) -> None:
    assert [line["confidence"] for line in lines(**TWO, confidence=kind(0.5))] == [0.5, 0.5]


def test_numpys_scalars_are_numbers() -> None:
    item = {"row": np.str_("a"), "class_name": np.str_("car"), "box": np.array(BOX, np.float32)}
    expected = lines([{**ITEM, "confidence": 0.5, "uuid": str(UUID_), "customMetrics": [{"name": "n", "value": 2}]}])
    more = {"confidence": np.float64(0.5), "uuid": UUID_, "customMetrics": [{"name": "n", "value": np.int64(2)}]}
    assert lines([{**item, **more}]) == expected
    assert lines([{**item, **more, "box": list(map(np.int64, BOX)), "uuid": UUID_.bytes}]) == expected
    assert lines([{**expected[0], "confidence": np.float32(0.5)}]) == expected


def test_keys_may_be_whole_numbers_in_all_shapes() -> None:
    expected = ["0", "1"]
    for given in ([0, 1], ["0", np.int64(1)], np.arange(2), pandas.array([0, 1], dtype="Int64")):
        assert [line["dataRow"]["globalKey"] for line in lines(**{**TWO, "row": given})] == expected
    assert [line["dataRow"]["globalKey"] for line in lines([{**ITEM, "row": key} for key in (0, 1)])] == expected


def test_uuids_may_be_bytes_that_end_in_zeros() -> None:
    uuids = [UUID(int=1 << 8), UUID(int=5)]
    expected = [str(each) for each in uuids]
    for given in ([each.bytes for each in uuids], uuids, pyarrow.array([each.bytes for each in uuids])):
        assert [line["uuid"] for line in lines(**TWO, uuid=given)] == expected


def test_arrow_tables_say_what_dataframes_say() -> None:
    columns = Columns(["a", "b"], ["car", "bus"], [BOX, BOX], np.array([0.5, np.nan]))
    assert lines(columns.to_arrow()) == lines(columns.to_pandas()) == lines(**columns.arguments)
    boxes = pyarrow.table({"global_key": ["a"], "class_name": ["car"], "box": [BOX]})
    assert lines(boxes) == lines([ITEM])


def test_a_list_is_looked_at_before_anything_is_sent_and_a_generator_on_the_way() -> None:
    bad = [ITEM, {**ITEM, "row": None}]
    with pytest.raises(ValueError, match="index 1"):
        sources.given_lines(bad, sources.annotation, (), gzip=False)

    def made() -> Iterator[Mapping[str, Any]]:
        yield from bad

    body = sources.given_lines(made(), sources.annotation, (), gzip=False)
    with pytest.raises(ValueError, match="index 1"):
        list(body.chunks())
