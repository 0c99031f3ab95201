"""Writes of single rows under an Idempotency-Key: done once, and answered the same again.

Rows don't go through the catalog, which remembers its requests. Of these the key is written down first and the
answer last, so that a request that broke off between the two may be repeated.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import Any

import msgspec

from services.common.readmodel.collections import ROW_REQUESTS
from services.common.readmodel.mongo import ReadModel
from services.ingest.catalog import Granted, key_reused, request_id


class RowRequests:
    """Remembers what was asked and answered."""

    def __init__(self, store: ReadModel) -> None:
        self._store = store

    async def once(
        self, project: str, key: str | None, asked: tuple[Any, ...], do: Callable[[], Awaitable[Granted]]
    ) -> Granted:
        """Do what is asked, or answer as before. Another request under the same key is a `Problem`."""
        if key is None:
            return await do()
        id = f"{project}/{request_id(key)}"
        fingerprint = sha256(msgspec.json.encode(asked, order="deterministic")).hexdigest()
        begun = {"_id": id, "project_id": project, "fingerprint": fingerprint, "status": None, "body": None}
        if not await self._store.insert(ROW_REQUESTS.name, begun):
            earlier = await self._store.get(ROW_REQUESTS.name, id)
            if earlier is not None and earlier["fingerprint"] != fingerprint:
                raise key_reused()
            if earlier is not None and earlier["status"] is not None:
                return Granted(earlier["status"], msgspec.json.decode(earlier["body"]), True)
        answer = await do()
        if answer.status < 400:  # what was refused may be asked again
            body = msgspec.json.encode(answer.body, enc_hook=int)  # whole numbers of the store are of its own kind
            said = {"status": answer.status, "body": body}
            await self._store.update(ROW_REQUESTS.name, id, {"$set": said})
        return answer
