"""All predictions of a run: as lines that an upload takes, or as COCO results."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from services.query.bulk.annotations import Annotations, unpacked
from services.query.bulk.categories import NO_CATEGORY, categories_of
from services.query.bulk.image_ids import NO_IMAGE, Images
from services.query.bulk.moment import Moment, moment
from services.query.bulk.wanted import Format, Wanted
from services.query.measured import run_document
from services.query.reads import Document, Reads
from services.query.views.ontologies import class_name, class_names
from sightline.formats.coco.writing import JsonList, results
from sightline.formats.labelbox_writing import RowName, empty_lines, prediction_lines
from sightline.formats.uuids import UUID_BYTES

_COLUMNS = {
    "class_ids": ("<i4", 1),
    "boxes": ("<f8", 4),
    "confidences": ("<f8", 1),
    "places": ("<i4", 1),
    "uuids": ("u1", UUID_BYTES),
}


async def predictions(reads: Reads, run_id: str, wanted: Wanted, format: Format) -> AsyncIterator[bytes]:
    """All of one moment, by global key and then in the order of their upload."""
    run = await run_document(reads, run_id)
    names = await class_names(reads, run["ontology_id"])
    class_ids = wanted.class_ids(names)
    async with moment(reads) as now:
        blocks = _blocks(now, run, wanted, class_ids)
        pieces = _lines(blocks, names) if format == "ndjson" else await _results(reads, now, run, names, blocks)
        async for piece in pieces:
            yield piece


@dataclass(frozen=True, slots=True)
class _Block:
    """Some predictions, or rows that are said to have none."""

    predictions: Annotations
    empty: Sequence[str] = ()


async def _blocks(now: Moment, run: Document, wanted: Wanted, class_ids: Sequence[int] | None) -> AsyncIterator[_Block]:
    async for found in now.run_rows(run["run_id"], wanted.rows, ("count", *_COLUMNS)):
        documents = await now.in_splits(run["dataset_id"], found, wanted.splits)
        for empty, some in groupby(documents, lambda document: wanted.empty and not document["count"]):
            together = list(some)
            if empty:
                yield _Block(unpacked((), _COLUMNS), [document["global_key"] for document in together])
            else:
                yield _Block(_chosen(unpacked(together, _COLUMNS), wanted, class_ids))


def _chosen(said: Annotations, wanted: Wanted, class_ids: Sequence[int] | None) -> Annotations:
    """What is wanted of some rows' predictions, in the order of their upload."""
    said = said.only(np.lexsort((said["places"], said.row))).of_classes(class_ids)
    if wanted.min_confidence is None:
        return said
    confidence = said["confidences"]
    return said.only(np.where(np.isnan(confidence), 1.0, confidence) >= wanted.min_confidence)


async def _lines(blocks: AsyncIterator[_Block], names: dict[int, str]) -> AsyncIterator[bytes]:
    async for block in blocks:
        rows = [RowName(key) for key in block.predictions.keys]
        for part in block.predictions.parts():
            yield await asyncio.to_thread(_written, part, rows, names)
        if block.empty:
            yield empty_lines(map(RowName, block.empty))


def _written(part: Annotations, rows: Sequence[RowName], names: dict[int, str]) -> bytes:
    classes = (class_name(names, class_id) for class_id in part["class_ids"].tolist())
    return prediction_lines(part.of_rows(rows), classes, part["boxes"], part["confidences"], part["uuids"])


async def _results(
    reads: Reads, now: Moment, run: Document, names: dict[int, str], blocks: AsyncIterator[_Block]
) -> AsyncIterator[bytes]:
    dataset_id, version = run["dataset_id"], run["dataset_version"]
    categories = await categories_of(reads, dataset_id, version, names)
    images = await Images.of(now, dataset_id, version)
    return _result_pieces(blocks, images, categories)


async def _result_pieces(
    blocks: AsyncIterator[_Block], images: Images, categories: dict[int, int]
) -> AsyncIterator[bytes]:
    """A COCO file. What is said of rows that aren't labelled is in no metric, and left out: their pictures aren't in
    the file of the truth."""
    items = JsonList()
    yield b"["
    async for block in blocks:
        said = block.predictions
        image = np.array(await images.numbers(said.keys), np.int64)
        for part in said.only(image[said.row] != NO_IMAGE).parts():
            category = np.array([categories.get(each, NO_CATEGORY) for each in part["class_ids"].tolist()], np.int64)
            made = await asyncio.to_thread(results, image[part.row], category, part["boxes"], part["confidences"])
            yield items.more(made)
    yield b"]\n"
