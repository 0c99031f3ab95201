"""Versions of a dataset, copy on write: what is stored says from which version on it holds, and to which (exclusive).

Without an end it still holds in the draft.
"""

from __future__ import annotations

from typing import Any

FIRST_DRAFT = 1
"""The version that a new dataset's truth goes to."""


def holds_at(since: int, until: int | None, version: int) -> bool:
    """Whether what holds from one version to another does in this one."""
    return since <= version and (until is None or version < until)


def in_version(version: int) -> dict[str, Any]:
    """The same as a filter of documents with `from` and `to`."""
    return {"from": {"$lte": version}, "$or": [{"to": None}, {"to": {"$gt": version}}]}
