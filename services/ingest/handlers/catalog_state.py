"""The catalog as a batch of requests sees it: what was read, and what earlier requests of the batch made of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from services.common.documents import Delete, DeleteMany, Replace, State, Write
from services.common.readmodel import collections

Fields = dict[str, Any]

PROJECTS = collections.PROJECTS.name
DATASETS = collections.DATASETS.name
DATASET_VERSIONS = collections.DATASET_VERSIONS.name
ONTOLOGIES = collections.ONTOLOGIES.name
MODELS = collections.MODELS.name
MODEL_RUNS = collections.MODEL_RUNS.name
RUN_CONFIGS = collections.RUN_CONFIGS.name
IMPORTS = collections.IMPORTS.name
DECISIONS = collections.CATALOG_DECISIONS.name


def _names(collection: str, document: Fields) -> tuple[Any, ...] | None:
    """What must be unique of a document, next to its id."""
    match collection:
        case "projects":
            return (document["name"],)
        case "datasets" | "ontologies" | "models" | "run_configs":
            return (document["project_id"], document["name"])
        case "model_runs":
            return (document["project_id"], document["model_id"], document["name"])
        case _:
            return None


class CatalogState:
    """Documents by id and by name; `put` replaces one for whoever asks next."""

    def __init__(self, state: State) -> None:
        self._documents: dict[tuple[str, str], Fields] = {}
        self._named: dict[tuple[str, tuple[Any, ...]], Fields] = {}
        self._writes: dict[tuple[str, str], Replace | Delete] = {}
        for collection, documents in state.items():
            for document in documents:
                self._hold(collection, dict(document))
        self._stored_names = {(name, held["_id"]): _names(name, held) for (name, _), held in self._documents.items()}

    def _hold(self, collection: str, document: Fields) -> None:
        self._let_go(collection, document["_id"])
        self._documents[collection, document["_id"]] = document
        if (name := _names(collection, document)) is not None:
            self._named[collection, name] = document

    def _let_go(self, collection: str, id: str) -> None:
        document = self._documents.pop((collection, id), None)
        if document is not None and (name := _names(collection, document)) is not None:
            self._named.pop((collection, name), None)

    def get(self, collection: str, *ids: object) -> Fields | None:
        """The document with this `_id`, given in its parts. Don't change it: `put` a new one."""
        return self._documents.get((collection, "/".join(map(str, ids))))

    def named(self, collection: str, *name: object) -> Fields | None:
        """The document that has this name; the project comes first, of what belongs to one."""
        return self._named.get((collection, name))

    def find(self, collection: str, **fields: object) -> list[Fields]:
        """The documents that have these values, by `_id`. Whoever asks has seen to it that all of them were read."""
        wanted = fields.items()
        found = [
            document
            for (name, _), document in self._documents.items()
            if name == collection and all(document.get(field) == value for field, value in wanted)
        ]
        return sorted(found, key=lambda document: document["_id"])

    def put(self, collection: str, document: Fields) -> None:
        """Make or replace a document."""
        self._hold(collection, document)
        self._writes[collection, document["_id"]] = Replace(collection, document)

    def delete(self, collection: str, document: Fields) -> None:
        """Take a document away; its name is free."""
        self._let_go(collection, document["_id"])
        self._writes[collection, document["_id"]] = Delete(collection, document["_id"])

    def writes(self) -> Sequence[Write]:
        """All that was put or deleted.

        What has another name now is deleted first: others may have swapped names with it, and no two documents may
        have one name, not even for a moment.
        """
        renamed: defaultdict[str, list[str]] = defaultdict(list)
        for place, write in self._writes.items():
            before = self._stored_names.get(place)
            if isinstance(write, Replace) and before is not None and before != _names(place[0], dict(write.document)):
                renamed[place[0]].append(place[1])
        first = [DeleteMany(collection, {"_id": {"$in": ids}}) for collection, ids in renamed.items()]
        return [*first, *sorted(self._writes.values(), key=lambda write: isinstance(write, Replace))]

    def documents(self, collection: str) -> dict[str, Fields]:
        """All documents of a collection as they are now, by `_id`."""
        return {id: document for (name, id), document in self._documents.items() if name == collection}
