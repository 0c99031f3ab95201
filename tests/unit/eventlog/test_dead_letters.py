"""Dead letters: what is put aside, and how it is read."""

from __future__ import annotations

from services.common.eventlog.port import Message, Record
from services.common.eventlog.topics import DEAD_LETTERS, PREDICTIONS, topics
from services.common.runloop.dead_letters import REPLAYS, dead_letter, read_dead_letter
from services.common.runloop.decoding import arrive

TOPIC = {topic.name: topic for topic in topics(4)}[DEAD_LETTERS]


def kept(message: Message) -> Record:
    return Record(message.topic, 0, 5, message.key, message.value, message.headers, 99)


def put_aside(*headers: tuple[str, bytes]) -> Record:
    record = Record(PREDICTIONS, 3, 17, b"\xff", b"nonsense", headers, 11)
    return kept(dead_letter(record, onto=DEAD_LETTERS, group="g", reason="wrong", bug=True, time_unix_ms=12))


def test_where_from_and_why_comes_back() -> None:
    letter = read_dead_letter(put_aside(("trace", b"1")))
    assert (letter.topic, letter.partition, letter.offset, letter.group) == (PREDICTIONS, 3, 17, "g")
    assert (letter.reason, letter.bug, letter.time_unix_ms, letter.replays) == ("wrong", True, 12, None)
    assert letter.headers == (("trace", b"1"),)


def test_what_a_producer_says_in_our_headers_does_not_count() -> None:
    letter = read_dead_letter(put_aside(("sightline-topic", b"catalog"), ("sightline-reason", b"mine")))
    assert (letter.topic, letter.reason, letter.headers) == (PREDICTIONS, "wrong", ())


def test_a_letter_says_what_it_replayed() -> None:
    assert read_dead_letter(put_aside((REPLAYS, b"4"))).replays == 4
    assert read_dead_letter(put_aside((REPLAYS, "٤".encode()))).replays is None


def test_a_record_without_headers_is_a_letter_too() -> None:
    letter = read_dead_letter(Record(DEAD_LETTERS, 0, 5, b"", b"", (), 99))
    assert (letter.topic, letter.partition, letter.offset, letter.time_unix_ms) == ("", 0, 0, 99)


def test_letters_are_handed_out_as_they_came() -> None:
    letter = put_aside()
    delivery = arrive(letter, TOPIC).delivery
    assert delivery is not None
    assert delivery.record is letter
    assert delivery.event.WhichOneof("payload") is None
