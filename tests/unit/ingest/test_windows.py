"""Windows of an upload: of each row, its events say what the upload says, in the upload's order."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.ingest.importing import windows as importing
from services.ingest.importing.events import EventMaker
from services.ingest.importing.windows import Columns, RowNames, Uuids, Windows
from sightline.wire.events.v1.event_pb2 import Event
from sightline.wire.events.v1.predictions_pb2 import BoxPredictions

ROWS = RowNames(["a", "b", "c"], [0, 1, 2])
MOST, MOST_NAMED = 3, 2
"""Predictions in an event here, without uuids and with."""

Line = tuple[int, bool]
"""A row, and whether the prediction has a uuid. Its number in the upload is its confidence, box and uuid."""


@pytest.fixture
def small_events(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "PREDICTIONS_PER_EVENT", MOST)
    monkeypatch.setattr(importing, "PREDICTIONS_WITH_UUIDS_PER_EVENT", MOST_NAMED)


def columns(lines: Sequence[Line], first: int) -> Columns:
    numbers = np.arange(first, first + len(lines))
    octets = np.frombuffer(b"".join(int(n).to_bytes(16) for n in numbers), np.uint8).reshape(-1, 16)
    return Columns(
        np.array([row for row, _ in lines], np.int32),
        numbers.astype(np.int32) + 1,
        np.repeat(numbers.astype(np.float64), 4).reshape(-1, 4),
        numbers / 1000,
        numbers,
        Uuids(octets, np.array([named for _, named in lines], np.bool_)),
    )


def said_of(upload: Sequence[Sequence[Line]]) -> tuple[dict[str, list[tuple[int, bool]]], list[int]]:
    """What the events say of each row: numbers of lines, and whether with uuid; and how many events each window has."""
    windows = Windows(EventMaker("p", "d", "i", "r"), ROWS, uuids=True)
    said: defaultdict[str, list[tuple[int, bool]]] = defaultdict(list)
    events: list[int] = []
    first = 0
    for window in upload:
        windows.add(columns(window, first))
        first += len(window)
        size, messages = windows.take()
        assert size == len(window)
        count = 0
        for message in messages:
            upserted = Event.FromString(message.value).predictions_upserted
            assert message.partition == ROWS.partitions[ROWS.global_keys.index(upserted.global_key)]
            said[upserted.global_key] += numbers_of(upserted.boxes)
            count += 1
        events.append(count)
    return dict(said), events


def numbers_of(boxes: BoxPredictions) -> list[tuple[int, bool]]:
    numbers = (np.frombuffer(boxes.class_ids, "<i4") - 1).tolist()
    assert 0 < boxes.count == len(numbers)
    assert np.frombuffer(boxes.boxes, "<f8").tolist() == [float(n) for n in numbers for _ in range(4)]
    assert np.frombuffer(boxes.confidences, "<f8").tolist() == [n / 1000 for n in numbers]
    assert boxes.uuids in (b"", b"".join(n.to_bytes(16) for n in numbers))
    return [(n, bool(boxes.uuids)) for n in numbers]


def fewest(window: Sequence[Line]) -> int:
    """Events of a window where one begins only with another row, another kind, or when one is full."""
    count = 0
    for row in range(len(ROWS.global_keys)):
        for named, lines in itertools.groupby(named for place, named in window if place == row):
            count += -(-len(list(lines)) // (MOST_NAMED if named else MOST))
    return count


@pytest.mark.usefixtures("small_events")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.lists(st.tuples(st.integers(0, 2), st.booleans()), min_size=1, max_size=20), max_size=4))
def test_any_mix_is_said_row_by_row_in_the_order_of_the_upload(upload: list[list[Line]]) -> None:
    expected: defaultdict[str, list[tuple[int, bool]]] = defaultdict(list)
    for number, (row, named) in enumerate(itertools.chain.from_iterable(upload)):
        expected[ROWS.global_keys[row]].append((number, named))
    said, events = said_of(upload)
    assert said == dict(expected)
    assert events == [fewest(window) for window in upload]


@pytest.mark.parametrize("named", [False, True])
def test_a_file_of_one_kind_has_an_event_for_each_row(named: bool) -> None:
    _, events = said_of([[(n % 3, named) for n in range(300)]])
    assert events == [3]
