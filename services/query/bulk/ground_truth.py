"""All truth of a dataset version: as lines that an upload takes, or as a COCO file."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from itertools import groupby

import msgspec
import numpy as np

from services.query.bulk.annotations import Annotations, unpacked
from services.query.bulk.categories import NO_CATEGORY, categories_of
from services.query.bulk.image_ids import image_ids
from services.query.bulk.moment import Moment, moment
from services.query.bulk.wanted import Format, Wanted
from services.query.reads import Document, Reads
from services.query.views.datasets import document as dataset_document
from services.query.views.ontologies import class_name, class_names
from sightline.arrays import Longs
from sightline.formats.coco import writing as coco
from sightline.formats.labelbox_writing import RowName, empty_lines, truth_lines

_COLUMNS = {
    "class_ids": ("<i4", 1),
    "boxes": ("<f8", 4),
    "areas": ("<f8", 1),
    "crowds": ("?", 1),
    "annotation_ids": ("<i8", 1),
}


async def ground_truth(
    reads: Reads, dataset_id: str, version: int | None, wanted: Wanted, format: Format
) -> AsyncIterator[bytes]:
    """All of one moment, by global key and then in the order of the file; of the draft unless a version is named."""
    dataset = await dataset_document(reads, dataset_id, version)
    at = dataset["draft"] if version is None else version
    names = await class_names(reads, dataset["ontology_id"])
    class_ids = wanted.class_ids(names)
    async with moment(reads) as now:
        truth = _Truth(now, dataset_id, at, wanted, class_ids)
        if format == "ndjson":
            pieces = _lines(truth, names)
        else:
            pieces = _coco(truth, names, await categories_of(reads, dataset_id, at, names))
        async for piece in pieces:
            yield piece


class _Truth:
    """What is wanted of a version's truth."""

    def __init__(
        self, now: Moment, dataset_id: str, version: int, wanted: Wanted, class_ids: Sequence[int] | None
    ) -> None:
        self.now = now
        self._dataset_id = dataset_id
        self._version = version
        self._wanted = wanted
        self._class_ids = class_ids

    async def rows(self, *fields: str) -> AsyncIterator[list[Document]]:
        """Its rows, in batches."""
        async for found in self.now.truths(self._dataset_id, self._version, self._wanted.rows, fields):
            yield await self._narrow(found)

    async def numbered(self, *fields: str) -> AsyncIterator[tuple[list[Document], list[int]]]:
        """Its rows with the numbers of their pictures, which are the same whatever is wanted."""
        ids = await image_ids(self.now, self._dataset_id, self._version)
        async for found in self.now.truths(self._dataset_id, self._version, (), ("ordinal", *fields)):
            numbers = {document["global_key"]: ids.of(document["ordinal"]) for document in found}
            keys = self._wanted.rows
            documents = await self._narrow([each for each in found if not keys or each["global_key"] in keys])
            yield documents, [numbers[document["global_key"]] for document in documents]

    async def sizes(self, keys: Sequence[str]) -> list[tuple[int | None, int | None]]:
        """Width and height of the pictures of rows, as far as they are known."""
        rows = await self.now.data_rows(self._dataset_id, keys, ("width", "height"))
        return [(row["width"], row["height"]) if (row := rows.get(key)) else (None, None) for key in keys]

    def annotations(self, documents: Sequence[Document]) -> Annotations:
        """Of some of its rows."""
        return unpacked(documents, _COLUMNS).of_classes(self._class_ids)

    async def _narrow(self, documents: list[Document]) -> list[Document]:
        return await self.now.in_splits(self._dataset_id, documents, self._wanted.splits)


async def _lines(truth: _Truth, names: dict[int, str]) -> AsyncIterator[bytes]:
    async for documents in truth.rows("count", *_COLUMNS):
        for empty, some in groupby(documents, lambda document: not document["count"]):
            together = list(some)
            rows = [RowName(document["global_key"]) for document in together]
            if empty:
                yield empty_lines(rows)
                continue
            for part in truth.annotations(together).parts():
                yield await asyncio.to_thread(_written, part, rows, names)


def _written(part: Annotations, rows: Sequence[RowName], names: dict[int, str]) -> bytes:
    classes = (class_name(names, class_id) for class_id in part["class_ids"].tolist())
    return truth_lines(part.of_rows(rows), classes, part["boxes"], part["areas"], part["crowds"])


async def _coco(truth: _Truth, names: dict[int, str], categories: dict[int, int]) -> AsyncIterator[bytes]:
    listed = [coco.Category(categories[class_id], name) for class_id, name in sorted(names.items())]
    yield b'{"categories":%b,\n"images":[' % msgspec.json.encode(listed)
    async for piece in _images(truth):
        yield piece
    yield b'],\n"annotations":['
    async for piece in _annotations(truth, categories):
        yield piece
    yield b"]}\n"


async def _images(truth: _Truth) -> AsyncIterator[bytes]:
    items = coco.JsonList()
    async for documents, ids in truth.numbered():
        keys = [document["global_key"] for document in documents]
        sizes = await truth.sizes(keys)
        yield items.more(coco.Image(id, key, *size) for id, key, size in zip(ids, keys, sizes, strict=True))


async def _annotations(truth: _Truth, categories: dict[int, int]) -> AsyncIterator[bytes]:
    items = coco.JsonList()
    own_names = await _ids_are_names(truth)
    written = 0
    async for documents, ids in truth.numbered("count", *_COLUMNS):
        image = np.array(ids, np.int64)
        for part in truth.annotations(documents).parts():
            category = np.array([categories.get(each, NO_CATEGORY) for each in part["class_ids"].tolist()], np.int64)
            numbers: Longs = part["annotation_ids"] if own_names else np.arange(len(part)) + written + 1
            written += len(part)
            columns = (numbers, image[part.row], category, part["boxes"], part["areas"], part["crowds"])
            yield items.more(await asyncio.to_thread(coco.truths, *columns))


async def _ids_are_names(truth: _Truth) -> bool:
    """Whether the annotations' own ids tell them apart. They do in truth that came from one COCO file; 0 is none,
    since pycocotools takes a truth of that id for unmatched."""
    found = [np.zeros(0, np.int64)]
    async for documents in truth.rows("annotation_ids"):
        found.append(np.frombuffer(b"".join([document["annotation_ids"] for document in documents]), "<i8"))
    ids = np.sort(np.concatenate(found))
    return not len(ids) or (int(ids[0]) > 0 and bool((np.diff(ids) > 0).all()))
