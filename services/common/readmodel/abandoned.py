"""Transactions whose process is gone. They hold their documents until the server's limit, a minute by default.

A process that is killed between two commands of a transaction leaves it open, and whoever takes over its partition
conflicts with it. So does a commit that never reached the server.
"""

from __future__ import annotations

from pymongo.errors import PyMongoError

from services.common.readmodel.driver import APP_NAME, Client, Document

IDLE_SECONDS = 2.0
"""A live transaction of ours waits for its client for milliseconds. One that is ended by mistake is tried again."""


async def end_abandoned(client: Client) -> None:
    """End transactions of Sightline that nobody goes on with. Needs no rights but those of one's own user."""
    idle: list[Document] = [
        {"$currentOp": {"idleSessions": True}},
        {
            "$match": {
                "type": "idleSession",
                "appName": APP_NAME,
                "transaction.timeInactiveMicros": {"$gt": int(IDLE_SECONDS * 1e6)},
            }
        },
        {"$project": {"lsid.id": 1}},
    ]
    try:
        sessions = await client.get_database("admin").aggregate(idle).to_list(None)
        if sessions:
            await client.get_database("admin").command(
                {"killSessions": [{"id": each["lsid"]["id"]} for each in sessions]}
            )
    except PyMongoError:
        # Then the server's own limit ends them.
        return
