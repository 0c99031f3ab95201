"""Reads and writes of the documents in the read model, as plain values.

Services say with them what they need and what becomes of it; `services/common/readmodel/` alone knows how a store
does it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Read:
    """Documents that a service needs: all of a collection that match a filter on indexed fields."""

    collection: str
    filter: Mapping[str, Any]
    projection: Mapping[str, Any] | None = None


State = Mapping[str, Sequence[Document]]
"""What several reads found: the documents of each `Read`, by collection (reads of one collection together)."""


@dataclass(frozen=True, slots=True)
class Replace:
    """Put this document, whole, under its `_id`."""

    collection: str
    document: Document
    new: bool = False
    """Whether a read has shown that it isn't there: a store needn't look for it. Where it is, nothing is stored."""


@dataclass(frozen=True, slots=True)
class Update:
    """Set these fields of the document with this `_id`; where it isn't there, nothing is done."""

    collection: str
    id: Any
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove the document with this `_id`."""

    collection: str
    id: Any


@dataclass(frozen=True, slots=True)
class UpdateMany:
    """Change all documents that match. For what concerns every row of a partition; the filter names the partition."""

    collection: str
    filter: Mapping[str, Any]
    update: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class DeleteMany:
    """Remove all documents that match."""

    collection: str
    filter: Mapping[str, Any]
    for_good: bool = False
    """Whether what matches can never come back: a store may take it away piece by piece before it stores the rest."""


Write = Replace | Update | Delete | UpdateMany | DeleteMany
