"""The catalog as a batch of requests sees it: what was read, and what earlier requests of the batch made of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from services.common.documents import Replace, State
from services.common.readmodel import collections

Fields = dict[str, Any]

DATASETS = collections.DATASETS.name
DATASET_VERSIONS = collections.DATASET_VERSIONS.name
ONTOLOGIES = collections.ONTOLOGIES.name
MODELS = collections.MODELS.name
MODEL_RUNS = collections.MODEL_RUNS.name
IMPORTS = collections.IMPORTS.name
DECISIONS = collections.CATALOG_DECISIONS.name


def _names(collection: str, document: Fields) -> tuple[Any, ...] | None:
    """What must be unique of a document, next to its id."""
    match collection:
        case "datasets" | "ontologies" | "models":
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
        self._written: dict[tuple[str, str], Fields] = {}
        for collection, documents in state.items():
            for document in documents:
                self._hold(collection, dict(document))

    def _hold(self, collection: str, document: Fields) -> None:
        self._documents[collection, document["_id"]] = document
        if (name := _names(collection, document)) is not None:
            self._named[collection, name] = document

    def get(self, collection: str, *ids: object) -> Fields | None:
        """The document with this `_id`, given in its parts. Don't change it: `put` a new one."""
        return self._documents.get((collection, "/".join(map(str, ids))))

    def named(self, collection: str, *name: object) -> Fields | None:
        """The document that has this name; the project comes first."""
        return self._named.get((collection, name))

    def put(self, collection: str, document: Fields) -> None:
        """Make or replace a document."""
        self._hold(collection, document)
        self._written[collection, document["_id"]] = document

    def writes(self) -> Sequence[Replace]:
        """All that was put."""
        return [Replace(collection, document) for (collection, _), document in self._written.items()]

    def written(self, collection: str) -> dict[str, Fields]:
        """What was put into one collection, by `_id`."""
        return {id: document for (name, id), document in self._written.items() if name == collection}
