"""Generations of the read model: databases that were made from one log, of which one is the current.

The database that a deployment names holds the collection `generations`: one document for each generation that a rebuild
made (`_id` its database; `state` building or swapped, `log_id`, `version` of Sightline, `made_unix_ms`), and the
pointer, `_id` current, whose `database` is the current one. No pointer: the named database itself is.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from pymongo.errors import OperationFailure
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from services.common.progress import CLOSED
from services.common.readmodel.collections import COLLECTIONS, PROGRESS
from services.common.readmodel.driver import Client, Database

GENERATIONS = "generations"
POINTER = "current"

_WRITE_CONFLICT = 112


class Moved(Exception):
    """The current generation isn't what it was: somebody writes it, or swapped it."""


@dataclass(frozen=True, slots=True)
class Generation:
    """A generation that is being made."""

    database: str
    found: bool
    """Whether an earlier rebuild has begun it."""


async def current_generation(home: Database) -> str:
    """The database of the current generation."""
    pointer = await home[GENERATIONS].find_one({"_id": POINTER})
    return str(pointer["database"]) if pointer else home.name


async def begin_generation(home: Database, *, log_id: str, version: str, anew: bool, made_unix_ms: int) -> Generation:
    """The generation to build: one that was begun, if it was by the same version and from the same log, or a new one.

    `anew`: always a new one. Those that were begun and are of no use any more are dropped.
    """
    chosen: str | None = None
    numbers = [1]
    for document in await home[GENERATIONS].find({"_id": {"$ne": POINTER}}).to_list(None):
        numbers.append(_number(document["_id"]))
        if document["state"] != "building":
            continue
        if chosen is None and not anew and (document["log_id"], document["version"]) == (log_id, version):
            chosen = document["_id"]
        else:
            await drop_generation(home, document["_id"])
    if chosen is not None:
        return Generation(chosen, found=True)
    database = f"{home.name}_g{max(numbers) + 1}"
    made = {"_id": database, "state": "building", "log_id": log_id, "version": version, "made_unix_ms": made_unix_ms}
    await home[GENERATIONS].insert_one(made)
    return Generation(database, found=False)


async def swap(home: Database, old: Database, new: str, revs: Mapping[str, int], carried: Collection[str]) -> None:
    """Make `new` the current generation, in one transaction that closes the old one.

    `revs`: where the progress of the old one stands, by `_id`. `carried`: of these, those that go on in the new one.
    `Moved`: it doesn't stand there, and nothing was changed.
    """
    client: Client = home.client
    async with await client.start_session() as session:
        session.start_transaction(ReadConcern("snapshot"), WriteConcern("majority"))
        try:
            pointer = await home[GENERATIONS].find_one({"_id": POINTER}, session=session)
            if (pointer["database"] if pointer else home.name) != old.name:
                raise Moved(f"{old.name} isn't the current generation any more")
            there = await old[PROGRESS.name].count_documents({}, session=session)
            closed, change = 0, {"$set": {"log_id": CLOSED}, "$inc": {"rev": 1}}
            progress = client[new][PROGRESS.name]
            for document in await old[PROGRESS.name].find({"_id": {"$in": [*carried]}}, session=session).to_list(None):
                await progress.replace_one({"_id": document["_id"]}, document, upsert=True, session=session)
            for id, rev in revs.items():
                stands = {"_id": id, "rev": rev}
                changed = await old[PROGRESS.name].update_one(stands, change, session=session)
                closed += changed.matched_count
            if closed != len(revs) or there != len(revs):
                raise Moved(f"somebody writes to {old.name}")
            named = {"_id": POINTER, "database": new}
            await home[GENERATIONS].replace_one({"_id": POINTER}, named, upsert=True, session=session)
            swapped = {"$set": {"state": "swapped"}}
            made = await home[GENERATIONS].update_one({"_id": new, "state": "building"}, swapped, session=session)
            if not made.matched_count:
                raise Moved(f"{new} was dropped by another rebuild")
        except OperationFailure as error:
            if error.code == _WRITE_CONFLICT:
                raise Moved(f"somebody writes to {old.name}") from error
            raise
        await session.commit_transaction()


async def other_generations(home: Database) -> Sequence[str]:
    """The databases of all generations but the current one: swapped out, or never finished."""
    current = await current_generation(home)
    documents = await home[GENERATIONS].find({"_id": {"$nin": [POINTER, current]}}, {"_id": 1}).to_list(None)
    others = sorted((str(document["_id"]) for document in documents), key=_number)
    if current != home.name and await home[PROGRESS.name].find_one({}) is not None:
        others.insert(0, home.name)
    return others


async def drop_generation(home: Database, database: str) -> None:
    """Drop what a generation holds, and forget it."""
    if database == home.name:  # what generations share lies there, too
        mine = sorted(
            (each.name for each in COLLECTIONS if each.kind != "operational"), key=lambda name: name == PROGRESS.name
        )
        for collection in mine:  # progress goes last: it tells that there is something left to drop
            await home.drop_collection(collection)
        return
    await home.client.drop_database(database)
    await home[GENERATIONS].delete_one({"_id": database})


def _number(database: str) -> int:
    match = re.search(r"_g(\d+)$", database)
    return int(match[1]) if match else 1
