"""The one layer between views and the read model: it puts the project into every query.

Views name collections and ids, never a project. Nothing that a client sent becomes an operator: filters are equalities,
and page tokens hold plain values only.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from services.common.readmodel.collections import (
    DATA_ROWS,
    DATASETS,
    PROGRESS,
    PROJECTS,
    RUN_ROWS,
    RUN_TOUCHES,
    SCOPE_TOUCHES,
    TRUTHS,
    Collection,
    under,
)
from services.common.readmodel.mongo import ReadModel
from services.common.readmodel.paging import Order, total_order
from services.common.readmodel.snapshot import Read, Snapshot
from services.common.versions import in_version
from services.query import tokens
from sightline.domain.names import DEFAULT_PROJECT

BY_NAME: Order = (("name", 1),)

Document = Mapping[str, Any]


class Touches(NamedTuple):
    """By row partition, the revision at which it last changed what a run's numbers rest on."""

    rows: dict[int, int]
    """Predictions and truths, by those who match them."""
    scope: dict[int, int]
    """Which rows are in its splits, by those who keep data rows."""


class Reads:
    """Reads of one project."""

    def __init__(self, store: ReadModel, project_id: str = DEFAULT_PROJECT) -> None:
        self._store = store
        self.project_id = project_id

    def id(self, *parts: str) -> str:
        """The `_id` of a document of this project."""
        return "/".join((self.project_id, *parts))

    async def problem(self) -> str | None:
        """Whether the read model answers: it raises if not."""
        await self.one(DATASETS)
        return None

    async def one(self, collection: Collection, *parts: str) -> Document | None:
        """The document with this id."""
        return await self._store.get(collection.name, self.id(*parts))

    async def several(self, collection: Collection, ids: Sequence[str]) -> dict[str, Document]:
        """Documents by id (without the project); those that aren't there are left out."""
        if not ids:
            return {}
        wanted = {"_id": {"$in": [self.id(part) for part in ids]}}
        found = await self._store.page(collection.name, wanted, limit=len(ids))
        return {document["_id"].removeprefix(self.id("")): document for document in found.documents}

    async def row_of_run(
        self, run_id: str, dataset_id: str, version: int, global_key: str
    ) -> tuple[Document | None, Document | None, Document | None]:
        """Of one moment: the data row, its truth in this version, and what the run says of it. None: not there."""
        row = self.id(dataset_id, global_key)
        async with self._store.snapshot() as moment:
            run_rows = await moment.find(Read(RUN_ROWS.name, {"_id": self.id(run_id, global_key)}))
            truths = await moment.find(Read(TRUTHS.name, {"row": row, **in_version(version)}))
            data_rows = await moment.find(Read(DATA_ROWS.name, {"_id": row}))
        return next(iter(data_rows), None), next(iter(truths), None), next(iter(run_rows), None)

    @asynccontextmanager
    async def moment(self) -> AsyncGenerator[Snapshot]:
        """Reads that all see one moment, for whoever puts the project into them by `id`."""
        async with self._store.snapshot() as moment:
            yield moment

    async def progress(self, group: str, partitions: int) -> dict[str, Document]:
        """How far a group is, by row partition. Of no project: a partition holds rows of all."""
        wanted = {"_id": {"$in": [f"{group}/{partition}" for partition in range(partitions)]}}
        found = await self._store.page(PROGRESS.name, wanted, projection={"outbox": 0}, limit=partitions)
        return {str(document["partition"]): document for document in found.documents}

    async def touches(self, run_ids: Sequence[str], partitions: int) -> dict[str, Touches]:
        """For each run, when something that its numbers rest on last changed."""
        ids = [f"{run_id}/{partition}" for run_id in run_ids for partition in range(partitions)]
        touches = {run_id: Touches({}, {}) for run_id in run_ids}
        rows, scope = await asyncio.gather(self.several(RUN_TOUCHES, ids), self.several(SCOPE_TOUCHES, ids))
        for run_id, partition in (id.rsplit("/", 1) for id in ids):
            for found, revisions in zip((rows, scope), touches[run_id], strict=True):
                if document := found.get(f"{run_id}/{partition}"):
                    revisions[int(partition)] = document["rev"]
        return touches

    async def listing(
        self,
        collection: Collection,
        equal: Mapping[str, tokens.Plain],
        *,
        order: Order,
        page_size: int,
        page_token: str | None,
    ) -> tuple[Sequence[Document], str | None]:
        """One page of the project's documents with these values (None: any), and the token of the next page."""
        return await self._listing(
            collection, {"project_id": self.project_id}, equal, order=order, page_size=page_size, page_token=page_token
        )

    async def _listing(
        self,
        collection: Collection,
        within: Mapping[str, str],
        equal: Mapping[str, tokens.Plain],
        *,
        order: Order,
        page_size: int,
        page_token: str | None,
    ) -> tuple[Sequence[Document], str | None]:
        asked = tokens.question(collection.name, {"equal": equal, "order": order})
        given = {field: {"$eq": value} for field, value in equal.items() if value is not None}
        after = tokens.read(asked, page_token)
        # The last of a place is an `_id`.
        if after is not None and (len(after) != len(total_order(order)) or not isinstance(after[-1], str)):
            raise tokens.refused()
        found = await self._store.page(collection.name, {**within, **given}, order=order, after=after, limit=page_size)
        return found.documents, None if found.place is None else tokens.write(asked, list(found.place))

    async def range(
        self,
        collection: Collection,
        first: str,
        last: str,
        filter: Mapping[str, Any],
        *,
        asked: str,
        page_size: int,
        page_token: str | None,
    ) -> tuple[Sequence[Document], str | None]:
        """One page of documents by `_id`, and the token of the next page. `asked`: the question that tokens belong to.

        The filter is a view's own; of what a client sent it holds plain values only.
        """
        after = tokens.read(asked, page_token)
        if after is not None and (len(after) != 1 or not isinstance(after[0], str)):
            raise tokens.refused()
        wanted = {"project_id": self.project_id, "_id": {"$gte": first, "$lte": last}, **filter}
        found = await self._store.page(collection.name, wanted, order=(("_id", 1),), after=after, limit=page_size)
        return found.documents, None if found.place is None else tokens.write(asked, list(found.place))

    async def truth(self, dataset_id: str, global_key: str, version: int) -> Document | None:
        """The truth of a row in a version."""
        wanted = {"row": self.id(dataset_id, global_key), **in_version(version)}
        found = await self._store.page(TRUTHS.name, wanted, limit=1)
        return next(iter(found.documents), None)

    async def truths_that_differ(
        self, dataset_id: str, one: int, other: int, after: str, fields: Sequence[str], *, at_once: int = 100
    ) -> AsyncIterator[Document]:
        """Truths that belong to one of two versions and not to the other, row by row, of rows after a global key."""
        low, high = sorted((one, other))
        ended = {"from": {"$lte": low}, "to": {"$gt": low, "$lte": high}}
        begun = {"from": {"$gt": low, "$lte": high}, "$or": [{"to": None}, {"to": {"$gt": high}}]}
        rows = {**under(self.project_id, dataset_id), **({"$gt": self.id(dataset_id, after)} if after else {})}
        wanted = {"project_id": self.project_id, "row": rows, "$or": [ended, begun]}
        projection = dict.fromkeys(("row", "global_key", "from", "to", *fields), 1)
        place: Sequence[Any] | None = None
        while True:
            found = await self._store.page(
                TRUTHS.name, wanted, order=(("row", 1),), after=place, limit=at_once, projection=projection
            )
            for document in found.documents:
                yield document
            if found.place is None:
                return
            place = found.place

    async def all(
        self, collection: Collection, equal: Mapping[str, tokens.Plain], *, order: Order, at_once: int = 1000
    ) -> AsyncIterator[Document]:
        """All such documents, read as they are needed."""
        token: str | None = None
        while True:
            documents, token = await self.listing(collection, equal, order=order, page_size=at_once, page_token=token)
            for document in documents:
                yield document
            if token is None:
                return

    # Projects: within them everything else is read

    async def project(self, project_id: str) -> Document | None:
        """A project, whichever."""
        return await self._store.get(PROJECTS.name, project_id)

    async def projects(
        self, *, name: str | None, page_size: int, page_token: str | None
    ) -> tuple[Sequence[Document], str | None]:
        """One page of all projects by name, and the token of the next page."""
        return await self._listing(
            PROJECTS, {}, {"name": name}, order=BY_NAME, page_size=page_size, page_token=page_token
        )

    async def held(self, project_id: str, collection: Collection) -> int:
        """How many documents of a collection a project has."""
        return await self._store.count(collection.name, {"project_id": {"$eq": project_id}})
