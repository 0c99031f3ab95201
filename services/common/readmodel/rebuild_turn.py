"""Whose turn it is to rebuild: one rebuild at a time, held by a lease in the database that the deployment names.

The lease is told by MongoDB's clock. It ends by itself after its holder's death; on the holder's own machine its death
is seen at once.
"""

from __future__ import annotations

import asyncio
import os
import socket
import uuid
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import Any

from pymongo.errors import DuplicateKeyError, PyMongoError

from services.common.eventlog.sqlite.processes import here, started
from services.common.readmodel.driver import Database, Document

TURNS = "rebuild_turns"
LEASE_SECONDS = 30
RENEW_SECONDS = 5.0

_ONE = "rebuild"


class Taken(Exception):
    """It is another's turn; the message says whose, and since when."""


class Lost(Exception):
    """Another has taken the turn over."""


@asynccontextmanager
async def turn(home: Database, what: str, *, force: bool = False) -> AsyncGenerator[None]:
    """Hold the turn. `what`: shown to others who ask. `force`: take it, whoever has it. `Lost` ends what is done in it.

    `Taken`: another holds it.
    """
    token = uuid.uuid4().hex
    await _take(home, what, token, force=force)
    try:
        async with asyncio.TaskGroup() as tasks:
            keeping = tasks.create_task(_keep(home, token), name="turn")
            yield
            keeping.cancel()
    except ExceptionGroup as group:  # of the two only one fails: it cancels the other
        raise group.exceptions[0] from None
    finally:
        with suppress(PyMongoError):  # then the lease ends it
            await home[TURNS].delete_one({"_id": _ONE, "token": token})


async def _take(home: Database, what: str, token: str, *, force: bool) -> None:
    owner = {"place": here(), "machine": socket.gethostname(), "pid": os.getpid(), "started": started(os.getpid())}
    said = {"token": token, "what": what, "owner": owner}
    mine = [{"$set": {"since": "$$NOW", "until": _until(), **{name: {"$literal": said[name]} for name in said}}}]
    held = await home[TURNS].find_one({"_id": _ONE})
    if held is not None:
        over: Document = {} if force or _is_gone(held) else {"$expr": {"$lt": ["$until", "$$NOW"]}}
        if (await home[TURNS].update_one({"_id": _ONE, "token": held["token"], **over}, mine)).matched_count:
            return
    try:
        await home[TURNS].update_one({"_id": _ONE, "token": token}, mine, upsert=True)
    except DuplicateKeyError:
        raise Taken(_said(await home[TURNS].find_one({"_id": _ONE}) or held)) from None


async def _keep(home: Database, token: str) -> None:
    while True:
        await asyncio.sleep(RENEW_SECONDS)
        with suppress(PyMongoError):  # an outage is noticed by what is done in this turn
            renewed = await home[TURNS].update_one({"_id": _ONE, "token": token}, [{"$set": {"until": _until()}}])
            if not renewed.matched_count:
                raise Lost


def _until() -> dict[str, Any]:
    return {"$dateAdd": {"startDate": "$$NOW", "unit": "second", "amount": LEASE_SECONDS}}


def _is_gone(held: Document) -> bool:
    owner = held["owner"]
    return owner["place"] == here() and started(owner["pid"]) != owner["started"]


def _said(held: Document | None) -> str:
    if held is None:
        return "it ended just now"
    owner = held["owner"]
    return (
        f"`{held['what']}`, process {owner['pid']} on {owner['machine']}, since {held['since']:%Y-%m-%d %H:%M:%S} UTC"
    )
