"""The driver, by the names that this folder uses: what its types leave open is closed here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorClientSession, AsyncIOMotorDatabase
from pymongo import DeleteMany, DeleteOne, InsertOne, ReplaceOne, UpdateMany, UpdateOne

APP_NAME = "sightline"
"""How the server knows our connections."""

Document = dict[str, Any]
Operation = InsertOne[Any] | ReplaceOne[Any] | UpdateOne | DeleteOne | UpdateMany | DeleteMany
Client = AsyncIOMotorClient[Document]
Database = AsyncIOMotorDatabase[Document]
Session = AsyncIOMotorClientSession


async def run_command(database: Database, command: Document, session: Session) -> Document:
    """The server's answer to a raw command."""
    return await database.command(command, session=session)  # pyright: ignore


async def bulk_write(
    database: Database, collection: str, operations: Sequence[Operation], session: Session | None = None
) -> None:
    """Apply operations in their order."""
    await database[collection].bulk_write(operations, session=session)  # pyright: ignore
