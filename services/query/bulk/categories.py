"""COCO names classes by numbers: which are those of a version's classes."""

from __future__ import annotations

from collections.abc import Mapping

from services.common.readmodel.collections import DATASET_VERSIONS
from services.query.reads import Reads
from services.query.views.datasets import document as dataset_document
from sightline.formats.coco.writing import category_ids

NO_CATEGORY = -1
"""Of a class that the ontology doesn't have."""


async def categories_of(reads: Reads, dataset_id: str, version: int, names: Mapping[int, str]) -> dict[int, int]:
    """COCO's categories of classes: those of the file that a version's truth came from, as far as it had them."""
    committed = await reads.one(DATASET_VERSIONS, dataset_id, str(version))
    if committed is not None:
        return category_ids(names, committed.get("categories") or {})
    return category_ids(names, (await dataset_document(reads, dataset_id)).get("draft_categories") or {})
