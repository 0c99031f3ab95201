"""What a member has fetched and not handed out."""

from __future__ import annotations

from services.common.eventlog.kafka.buffer import FULL_BYTES, FULL_RECORDS, Buffer, Place
from services.common.eventlog.port import Record

A, B = ("a", 0), ("b", 1)


def records(place: Place, start: int, count: int, size: int = 1) -> list[Record]:
    return [Record(*place, offset, b"", b"." * size, (), 0) for offset in range(start, start + count)]


def buffer_of(*places: Place, count: int = 10) -> Buffer:
    buffer = Buffer()
    for place in places:
        buffer.seek(place, 0)
        buffer.put(place, records(place, 0, count))
    return buffer


def offsets(taken: list[Record], place: Place) -> list[int]:
    return [record.offset for record in taken if (record.topic, record.partition) == place]


def test_each_place_is_handed_out_in_order_and_first_in_its_turn() -> None:
    buffer = buffer_of(A, B)
    first, second = (buffer.take(4, 1000, without=()) for _ in range(2))
    assert {(r.topic, r.partition) for r in first} != {(r.topic, r.partition) for r in second}
    rest = [record for _ in range(4) for record in buffer.take(4, 1000, without=())]
    for place in (A, B):
        assert offsets([*first, *second, *rest], place) == list(range(10))


def test_what_is_not_sought_is_not_taken_in() -> None:
    buffer = Buffer()
    buffer.put(A, records(A, 0, 3))
    assert buffer.take(10, 10, without=()) == []
    assert buffer.next_offsets == {}


def test_a_seek_drops_what_was_fetched_before() -> None:
    buffer = buffer_of(A)
    buffer.seek(A, 7)
    assert buffer.take(10, 1000, without=()) == []
    assert buffer.next_offsets[A] == 7
    buffer.put(A, records(A, 7, 2))
    assert offsets(buffer.take(10, 1000, without=()), A) == [7, 8]


def test_what_is_paused_stays() -> None:
    buffer = buffer_of(A, B)
    assert offsets(buffer.take(100, 1000, without={A[1]}), A) == []
    assert offsets(buffer.take(100, 1000, without=()), A) == list(range(10))


def test_one_record_however_large_and_no_more_than_asked_for() -> None:
    buffer = Buffer()
    buffer.seek(A, 0)
    buffer.put(A, records(A, 0, 5, size=100))
    assert len(buffer.take(10, 1, without=())) == 1
    assert len(buffer.take(10, 250, without=())) == 2
    assert len(buffer.take(1, 1000, without=())) == 1


def test_enough_is_enough() -> None:
    buffer = Buffer()
    for place in (A, B):
        buffer.seek(place, 0)
    buffer.put(A, records(A, 0, 2, size=FULL_BYTES // 2))
    buffer.put(B, records(B, 0, FULL_RECORDS))
    assert buffer.full(A)
    assert buffer.full(B)
    buffer.take(3, FULL_BYTES * 3, without=())
    buffer.take(3, FULL_BYTES * 3, without=())
    assert not buffer.full(A)
    assert not buffer.full(B)
