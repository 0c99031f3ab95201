"""COCO's files as they are written: pieces of JSON, so that a file of any size takes no memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from sightline.arrays import Bools, Floats, Longs

_ENCODER = msgspec.json.Encoder()

Box = tuple[float, float, float, float]


class Result(msgspec.Struct, gc=False):
    """A prediction, as `COCO.loadRes` reads it."""

    image_id: int
    category_id: int
    bbox: Box
    score: float


class Image(msgspec.Struct, omit_defaults=True, gc=False):
    """A picture."""

    id: int
    file_name: str
    width: int | None = None
    height: int | None = None


class Annotation(msgspec.Struct, gc=False):
    """A truth."""

    id: int
    image_id: int
    category_id: int
    bbox: Box
    area: float
    iscrowd: int


class Category(msgspec.Struct):
    """A class."""

    id: int
    name: str


def results(image_ids: Longs, category_ids: Longs, boxes: Floats, scores: Floats) -> list[Result]:
    """Predictions. Without a confidence they count as 1, and COCO has to be told so."""
    columns = zip(image_ids.tolist(), category_ids.tolist(), boxes.tolist(), scores.tolist(), strict=True)
    return [Result(image, category, box, 1.0 if score != score else score) for image, category, box, score in columns]


def truths(
    ids: Longs, image_ids: Longs, category_ids: Longs, boxes: Floats, areas: Floats, crowds: Bools
) -> list[Annotation]:
    """Truths."""
    columns = (each.tolist() for each in (ids, image_ids, category_ids, boxes, areas, crowds))
    return [
        Annotation(id, image, category, box, area, int(crowd))
        for id, image, category, box, area, crowd in zip(*columns, strict=True)
    ]


def category_ids(names: Mapping[int, str], coco_ids: Mapping[str, int]) -> dict[int, int]:
    """The category of each class: the one of the file that the truth came from, or else the next that is free."""
    ids: dict[int, int] = {}
    for category, class_id in sorted((int(category), class_id) for category, class_id in coco_ids.items()):
        ids.setdefault(class_id, category)
    free = max(map(int, coco_ids), default=0) + 1
    for class_id in sorted(names.keys() - ids.keys()):
        ids[class_id] = class_id if not coco_ids else free
        free += 1
    return ids


class JsonList:
    """A JSON list that is written piece by piece."""

    def __init__(self) -> None:
        self._begun = False

    def more(self, items: Iterable[object]) -> bytes:
        """Some more items."""
        text = _ENCODER.encode(list(items))[1:-1]
        before = b",\n" if self._begun and text else b""
        self._begun = self._begun or bool(text)
        return before + text
