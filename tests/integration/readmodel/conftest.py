"""Faults at named commands."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo.errors import OperationFailure

FailCommands = Callable[..., Awaitable[None]]


@pytest.fixture
async def fail_commands(mongo_url: str) -> AsyncIterator[FailCommands]:
    """Makes the server fail commands of the read model: `await fail_commands("getMore", times=1, errorCode=286)`."""
    client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(mongo_url)

    async def fail(*commands: str, times: int, **how: object) -> None:
        data = {"failCommands": commands, "appName": "sightline", **how}
        try:
            await client.admin.command({"configureFailPoint": "failCommand", "mode": {"times": times}, "data": data})
        except OperationFailure as error:
            pytest.skip(f"this MongoDB takes no fail points: {error}")

    yield fail
    with contextlib.suppress(OperationFailure):
        await client.admin.command({"configureFailPoint": "failCommand", "mode": "off"})
    client.close()
