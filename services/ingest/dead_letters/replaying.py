"""Replays and drops dead letters: what people decide about what was put aside.

A letter is *claimed* before its event goes back onto the log, so that of two people who replay it one does. A claim
runs out, should its process be gone; a replay adds only what is not there, so one that happens twice changes nothing.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from services.common.documents import Document, Read
from services.common.eventlog.port import EventLog, LogError, MessageTooLarge, Position
from services.common.eventlog.topics import DEAD_LETTERS as TOPIC
from services.common.eventlog.topics import row_key
from services.common.groups import INGEST_ROWS
from services.common.readmodel.collections import DATA_ROWS, DEAD_LETTERS, RUN_ROWS, TRUTHS
from services.common.readmodel.mongo import ReadModel
from services.common.readmodel.passing import group_passed
from services.common.runloop.clock import unix_ms
from services.common.runloop.dead_letters import read_dead_letter
from services.common.runloop.loop import RunLoop
from services.common.runtime.errors import Problem, not_found
from services.ingest.dead_letters.again import Again, Letter, NotReplayable, again, identities
from sightline.domain.dead_letters import DeadLetterFilter
from sightline.identity import IDENTITY_BYTES
from sightline.wire.events.v1.event_pb2 import Event

PATIENCE_SECONDS = 30.0
CLAIM_SECONDS = 90.0
LOOK_SECONDS = 0.05
IDENTITIES_SHOWN = 100
BYTES_AT_ONCE = 16 << 20

GONE = "its bytes are no longer on the log, whose topic dead-letters has forgotten them: it can only be dropped"

_AFTER = {
    True: "",
    False: "it was passed over: its run, its dataset or its row was deleted, or its import had failed",
    None: "its consumer has not come to it yet: look again",
}
"""What there is to say of a replay, by whether it was applied."""

Fields = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Before:
    """What was there of what an event says."""

    said: frozenset[bytes]
    there: frozenset[bytes]


@dataclass(frozen=True, slots=True)
class _Claimed:
    """A letter in our hands, and its event."""

    document: Document
    token: str
    again: Again
    before: _Before | None


class DeadLetters:
    """Decides dead letters of a project."""

    def __init__(self, log: EventLog, store: ReadModel, loop: RunLoop, *, patience: float = PATIENCE_SECONDS) -> None:
        """`loop` is this process' loop over the dead letters."""
        self._log = log
        self._store = store
        self._loop = loop
        self._patience = patience

    async def replay(self, project: str, letter_id: str, note: str) -> Fields:
        """Put one event back. Raises the `Problem` that keeps it from that."""
        [decided] = await self._replay([await self._open(project, letter_id)], note)
        return _granted(decided)

    async def drop(self, project: str, letter_id: str, note: str) -> Fields:
        """Close a letter for good."""
        return _granted(await self._drop(await self._open(project, letter_id), note))

    async def replay_all(
        self, project: str, which: DeadLetterFilter, note: str, after: str | None, limit: int
    ) -> Fields:
        """Put back what a filter names."""
        letters, following = await self._named(project, which, after, limit)
        decided: list[Fields] = []
        for some in _together(letters):
            decided += await self._replay(some, note)
        return {"items": decided, "next": following}

    async def drop_all(self, project: str, which: DeadLetterFilter, note: str, after: str | None, limit: int) -> Fields:
        """Close for good what a filter names."""
        letters, following = await self._named(project, which, after, limit)
        return {"items": [await self._drop(letter, note) for letter in letters], "next": following}

    # ---- which

    async def _open(self, project: str, letter_id: str) -> Document:
        await self._catch_up()
        document = await self._store.get(DEAD_LETTERS.name, f"{project}/{letter_id}")
        if document is None:
            raise not_found("dead letter", "GET /v1/dead-letters lists those of this project")
        return document

    async def _named(
        self, project: str, which: DeadLetterFilter, after: str | None, limit: int
    ) -> tuple[Sequence[Document], str | None]:
        """Open letters that a filter names, oldest first, and where to go on."""
        await self._catch_up()
        asked = {field: {"$eq": value} for field, value in which.model_dump(exclude_none=True).items()}
        wanted = {"project_id": project, "state": {"$in": ["open", "replaying"]}, **asked}
        if after is not None:
            wanted["offset"] = {"$gt": int(after.removeprefix("dl_"))}
        projection = {"event": 0, "headers": 0}
        page = await self._store.page(
            DEAD_LETTERS.name, wanted, order=(("offset", 1),), limit=limit, projection=projection
        )
        return page.documents, None if page.place is None else page.documents[-1]["dead_letter_id"]

    async def _catch_up(self) -> None:
        """Wait until all dead letters that are on the log are known."""
        end = (await self._log.end_offsets(TOPIC))[0]
        if end:
            await self._loop.passed(Position(TOPIC, 0, end - 1), timeout=self._patience)

    # ---- drop

    async def _drop(self, letter: Document, note: str) -> Fields:
        outcome = {"what": "dropped", "event_id": None, "refused_as": None, "at_unix_ms": unix_ms(), "note": note}
        change = {"$set": {"state": "dropped", "outcome": outcome}, "$unset": {"claim": ""}}
        if not await self._store.update(DEAD_LETTERS.name, letter["_id"], change, where=_free()):
            return await self._closed(letter)
        return _decided(letter, "dropped", "dropped")

    # ---- replay

    async def _replay(self, letters: Sequence[Document], note: str) -> list[Fields]:
        """Put events back, all at once."""
        found = [await self._claim(letter, note) for letter in letters]
        claimed = [each for each in found if isinstance(each, _Claimed)]
        try:
            positions = await self._log.append([each.again.message for each in claimed]) if claimed else ()
        except LogError:
            for each in claimed:
                await self._let_go(each)
            raise
        passed = await self._all_passed(claimed, positions)
        await self._catch_up()
        return [await self._settled(each, passed) if isinstance(each, _Claimed) else each for each in found]

    async def _claim(self, letter: Document, note: str) -> _Claimed | Fields:
        """Take a letter into our hands, or say why not."""
        if letter["state"] not in ("open", "replaying"):
            return await self._closed(letter)
        event_id, token = uuid4().hex, uuid4().hex
        try:
            found = await self._read(letter)
            if found is None:
                await self._store.update(DEAD_LETTERS.name, letter["_id"], {"$set": {"bytes_gone": True}})
                return _decided(letter, "gone", letter["state"], GONE)
            topic = self._log.topics.get(letter["topic"])
            if topic is None:
                raise NotReplayable("it came from a topic that this log doesn't have")
            prepared = again(found, topic.payloads, event_id=event_id, time_unix_ms=unix_ms())
            self._log.check([prepared.message])
        except (NotReplayable, MessageTooLarge) as reason:
            return _decided(letter, "not_replayable", letter["state"], str(reason))
        outcome = {"what": "replayed", "event_id": event_id, "refused_as": None, "at_unix_ms": unix_ms(), "note": note}
        claim = {"token": token, "until_unix_ms": unix_ms() + int(CLAIM_SECONDS * 1000)}
        change = {
            "$set": {"state": "replaying", "claim": claim, "outcome": outcome},
            "$push": {"replays": event_id},
        }
        if not await self._store.update(DEAD_LETTERS.name, letter["_id"], change, where=_free()):
            return await self._closed(letter)
        said = said_by(prepared.event)
        before = None if said is None else _Before(said, await self._there(prepared.event, letter["group"]) & said)
        return _Claimed(letter, token, prepared, before)

    async def _let_go(self, claimed: _Claimed) -> None:
        change = {"$set": {"state": "open", "outcome": claimed.document["outcome"]}, "$unset": {"claim": ""}}
        await self._store.update(
            DEAD_LETTERS.name, claimed.document["_id"], change, where={"claim.token": claimed.token}
        )

    async def _settled(self, claimed: _Claimed, passed: Mapping[str, bool]) -> Fields:
        """What a replay came to. One that was refused has been opened again by the handler."""
        letter, before = claimed.document, claimed.before
        passed_it = passed[claimed.again.event.event_id]
        applied = True if passed_it else None
        numbers: Fields = {"added": None, "there": None, "identities": []}
        if before is not None:
            now = await self._there(claimed.again.event, letter["group"]) & before.said
            there = sorted(identity.hex() for identity in before.there if len(identity) == IDENTITY_BYTES)
            numbers = {
                "added": len(now - before.there) if passed_it else None,
                "there": len(before.there),
                "identities": there[:IDENTITIES_SHOWN],
            }
            if passed_it and before.said and not now:
                applied = False
        change = {"state": "replayed", **{f"outcome.{name}": value for name, value in numbers.items()}}
        mine = {"claim.token": claimed.token}
        done = await self._store.update(
            DEAD_LETTERS.name, letter["_id"], {"$set": change, "$unset": {"claim": ""}}, where=mine
        )
        if done:
            return _decided(letter, "replayed", "replayed", _AFTER[applied], applied=applied, **numbers)
        event_id = claimed.again.event.event_id
        refused = await self._store.find(
            Read(DEAD_LETTERS.name, {"_id": letter["_id"], "outcome.event_id": event_id, "outcome.what": "refused"})
        )
        if refused:
            return _decided(letter, "refused", refused[0]["state"], refused[0]["reason"], applied=False)
        return await self._closed(letter)

    async def _closed(self, letter: Document) -> Fields:
        now = await self._store.get(DEAD_LETTERS.name, letter["_id"]) or letter
        return _decided(letter, "closed", now["state"], "somebody else has decided about it, or is about to")

    async def _read(self, letter: Document) -> Letter | None:
        """The bytes of a letter, as long as the log has them."""
        offset = letter["offset"]
        if (await self._log.begin_offsets(TOPIC))[0] > offset:
            return None
        record = next(iter(await self._log.read(TOPIC, 0, offset, max_records=1)), None)
        if record is None or record.offset != offset:
            return None
        read = read_dead_letter(record)
        return Letter(offset, read.topic, read.partition, record.key, record.value, read.headers)

    # ---- what is there

    async def _there(self, event: Event, group: str) -> frozenset[bytes]:
        """What is there now of the row that an event is about, for the group that had refused the event."""
        project = event.project_id
        match event.WhichOneof("payload"):
            case "predictions_upserted":
                said = event.predictions_upserted
                known = f"{project}/{said.run_id}/{said.global_key}"
                waiting = f"{project}/{said.run_id}@{said.dataset_id}/{said.global_key}"
                for id in (known, waiting):
                    row = await self._store.get(RUN_ROWS.name, id, {"uuids": 1})
                    if row is not None:
                        uuids = row["uuids"]
                        return frozenset(uuids[i : i + IDENTITY_BYTES] for i in range(0, len(uuids), IDENTITY_BYTES))
            case "ground_truth_replaced":
                truth = event.ground_truth_replaced
                key = row_key(project, truth.dataset_id, truth.global_key)
                if group == INGEST_ROWS:
                    mine = Read(DATA_ROWS.name, {"_id": key, "labelled": {"$elemMatch": {"to": None}}})
                else:
                    mine = Read(TRUTHS.name, {"row": key, "to": None}, {"_id": 1})
                if await self._store.find(mine):
                    return frozenset([b"truth"])
            case "data_row_upserted":
                made = event.data_row_upserted
                row = await self._store.get(DATA_ROWS.name, row_key(project, made.dataset_id, made.global_key))
                if row is not None and row["known"]:
                    return frozenset([b"row"])
            case _:
                pass
        return frozenset()

    # ---- waiting

    async def _all_passed(self, claimed: Sequence[_Claimed], positions: Sequence[Position]) -> dict[str, bool]:
        """For each event whether the group that had refused it has come past it, after waiting for that.

        A group's dead letters are out before it is past their events.
        """
        deadline = time.monotonic() + self._patience
        return {
            each.again.event.event_id: await group_passed(
                self._store,
                each.document["group"],
                {(position.topic, position.partition): position.offset + 1},
                deadline=deadline,
                look_seconds=LOOK_SECONDS,
            )
            for each, position in zip(claimed, positions, strict=True)
        }


def said_by(event: Event) -> frozenset[bytes] | None:
    """What an event says of a row, in words that can be compared with what is there; None: of no row."""
    match event.WhichOneof("payload"):
        case "predictions_upserted":
            return identities(event.predictions_upserted.boxes)
        case "ground_truth_replaced":
            return frozenset([b"truth"])
        case "data_row_upserted":
            return frozenset([b"row"])
        case _:
            return None


def _free() -> Fields:
    """That nobody has decided about a letter, nor is about to."""
    run_out = {"state": "replaying", "claim.until_unix_ms": {"$lt": unix_ms()}}
    return {"$or": [{"state": "open"}, run_out]}


def _decided(
    letter: Document,
    what: str,
    state: str,
    detail: str = "",
    *,
    applied: bool | None = None,
    added: int | None = None,
    there: int | None = None,
    identities: Sequence[str] = (),
) -> Fields:
    return {
        "dead_letter_id": letter["dead_letter_id"],
        "what": what,
        "state": state,
        "detail": detail,
        "applied": applied,
        "added": added,
        "there": there,
        "identities": list(identities),
    }


def _granted(decided: Fields) -> Fields:
    """What was decided about one letter. Raises the `Problem` that it comes to otherwise."""
    match decided["what"]:
        case "not_replayable":
            raise Problem(409, "not-replayable", "this dead letter can only be dropped", decided["detail"])
        case "gone":
            raise Problem(410, "dead-letter-gone", "the bytes of this dead letter are gone", decided["detail"])
        case "closed":
            detail = f"{decided['detail']}: it is {decided['state']} now"
            raise Problem(409, "dead-letter-closed", "this dead letter is not open", detail, state=decided["state"])
        case _:
            return decided


def _together(letters: Sequence[Document]) -> Iterator[Sequence[Document]]:
    """Letters in groups whose bytes are held at once."""
    group: list[Document] = []
    size = 0
    for letter in letters:
        if group and size + letter["size"] > BYTES_AT_ONCE:
            yield group
            group, size = [], 0
        group.append(letter)
        size += letter["size"]
    if group:
        yield group
