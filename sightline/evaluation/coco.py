"""COCO files as evidence: parsed JSON, or its bytes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import attrgetter
from typing import Any, TypeVar

import msgspec
import numpy as np

from sightline.arrays import Floats, Ints, Longs
from sightline.evaluation.boxes import PredictionBoxes, TruthBoxes, evidence_of_boxes
from sightline.evaluation.evidence import Evidence
from sightline.formats.coco import Result, read_results

CocoTruth = bytes | Mapping[str, Any]
CocoResults = bytes | Sequence[Mapping[str, Any]]

_Box = tuple[float, float, float, float]
_T = TypeVar("_T")


class _Image(msgspec.Struct, gc=False):
    id: int


class _Category(msgspec.Struct, gc=False):
    id: int
    name: str


class _Annotation(msgspec.Struct, gc=False):
    image_id: int
    category_id: int
    bbox: _Box
    area: float | None = None
    iscrowd: int | bool = 0


class _Truth(msgspec.Struct):
    images: list[_Image]
    categories: list[_Category]
    annotations: list[_Annotation]


@dataclass(frozen=True, slots=True)
class CocoBoxes:
    """The boxes of a COCO truth file and a results file, the ordinals of its rows, and its class names by class id."""

    truths: TruthBoxes
    predictions: PredictionBoxes
    ordinal: Longs
    class_names: dict[int, str]

    def evidence(self) -> Evidence:
        """The evidence of these boxes."""
        return evidence_of_boxes(self.truths, self.predictions, self.ordinal, len(self.class_names))


def boxes_of_coco(truths: CocoTruth, predictions: CocoResults) -> CocoBoxes:
    """Read COCO truth and results.

    Rows are the images by id; class ids are places in the categories by id. A truth without `area` has that of its
    box; a prediction without `score` counts as 1. Raises ValueError for what is not COCO, for an image or category
    that the truth file does not name, and for numbers that are not finite.
    """
    truth = _read(truths, _Truth)
    result_images, result_categories, result_boxes, scores = _results(predictions)
    image_ids = np.unique(_longs(truth.images, "id"))
    names = {category.id: category.name for category in truth.categories}
    category_ids = np.array(sorted(names), np.int64)

    annotations = truth.annotations
    box = _finite(_boxes(annotations), "an annotation's bbox")
    area = (a.area if a.area is not None else a.bbox[2] * a.bbox[3] for a in annotations)
    truth_boxes = TruthBoxes(
        _places(_longs(annotations, "image_id"), image_ids, "an annotation's image_id"),
        _places(_longs(annotations, "category_id"), category_ids, "an annotation's category_id"),
        box,
        _finite(np.fromiter(area, np.float64, len(annotations)), "an annotation's area"),
        np.fromiter((bool(a.iscrowd) for a in annotations), np.bool_, len(annotations)),
    )
    prediction_boxes = PredictionBoxes(
        _places(result_images, image_ids, "a result's image_id"),
        _places(result_categories, category_ids, "a result's category_id"),
        _finite(result_boxes, "a result's bbox"),
        _finite(scores, "a result's score"),
    )
    class_names = {place: names[category_id] for place, category_id in enumerate(category_ids.tolist())}
    return CocoBoxes(truth_boxes, prediction_boxes, image_ids, class_names)


def evidence_of_coco(truths: CocoTruth, predictions: CocoResults) -> tuple[Evidence, dict[int, str]]:
    """Evidence of COCO truth and results, and class names by class id: see `boxes_of_coco`."""
    boxes = boxes_of_coco(truths, predictions)
    return boxes.evidence(), boxes.class_names


def _read(source: Any, form: type[_T]) -> _T:
    """Parse bytes, or check what is parsed already. msgspec's errors are ValueErrors that say where.

    Not strictly: table software writes whole numbers as floats.
    """
    if isinstance(source, bytes):
        return msgspec.json.decode(source, type=form, strict=False)
    return msgspec.convert(source, form, strict=False)


def _results(source: CocoResults) -> tuple[Longs, Longs, Floats, Floats]:
    """Image ids, category ids, boxes and scores. What is not as it should be is for msgspec to explain."""
    found = read_results(source) if isinstance(source, bytes) else None
    if found is not None:
        return found.image_id, found.category_id, found.box, np.where(np.isnan(found.confidence), 1.0, found.confidence)
    results = _read(source, list[Result])
    scores = np.fromiter((1.0 if r.score is None else r.score for r in results), np.float64, len(results))
    return _longs(results, "image_id"), _longs(results, "category_id"), _boxes(results), scores


def _longs(items: Collection[Any], name: str) -> Longs:
    get: Callable[[Any], int] = attrgetter(name)
    return np.fromiter(map(get, items), np.int64, len(items))


def _boxes(items: Collection[Any]) -> Floats:
    get: Callable[[Any], _Box] = attrgetter("bbox")
    flat = np.fromiter(chain.from_iterable(map(get, items)), np.float64, 4 * len(items))
    return flat.reshape(-1, 4)


def _finite(values: Floats, what: str) -> Floats:
    if not np.isfinite(values).all():
        raise ValueError(f"{what} is not finite")
    return values


def _places(ids: Longs, known: Longs, what: str) -> Ints:
    """The place of each id in `known` (sorted, distinct)."""
    if len(known) == 0:
        places = np.zeros(len(ids), np.int64)
    elif known[-1] - known[0] < 4 * len(ids):
        table = np.zeros(known[-1] - known[0] + 1, np.int64)
        table[known - known[0]] = np.arange(len(known))
        places = table[np.clip(ids - known[0], 0, len(table) - 1)]
    else:
        places = np.minimum(np.searchsorted(known, ids), len(known) - 1)
    strangers = np.flatnonzero(known[places] != ids) if len(known) else np.arange(len(ids))
    if len(strangers):
        raise ValueError(f"{what} is {ids[strangers[0]]}, which the truth does not name (item {strangers[0]})")
    return places.astype(np.int32)
