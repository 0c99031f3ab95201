"""The collections, as data."""

from __future__ import annotations

from services.common.readmodel.collections import COLLECTIONS


def test_names_are_unique_and_owners_are_said() -> None:
    assert len({collection.name for collection in COLLECTIONS}) == len(COLLECTIONS)
    assert {collection.owner for collection in COLLECTIONS} <= {"ingest", "metrics", "each group"}


def test_no_index_is_the_beginning_of_another() -> None:
    """Each costs every write: what a longer one answers needs no shorter one."""
    for collection in COLLECTIONS:
        for index in collection.indexes:
            longer = [other.fields[: len(index.fields)] for other in collection.indexes if other != index]
            assert index.fields not in longer, f"{collection.name}: {index.fields}"
