"""COCO results: a list of `{image_id, category_id, bbox: [x, y, width, height], score}`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import chain
from typing import Annotated

import msgspec
import numpy as np
import numpy.typing as npt

from sightline.arrays import Floats, Longs
from sightline.domain.kinds import BOX
from sightline.formats.coco.result_kernel import read_plain
from sightline.formats.faults import FileBroken, Rejection
from sightline.formats.json_elements import ELEMENT_LIMIT, Elements, Piece
from sightline.formats.typed_elements import TypedElements

Id = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]

CONFIDENCE_RANGE = "The score is not between 0 and 1."


@dataclass(frozen=True, slots=True)
class ResultBlock:
    """Some results in file order, in columns, and what was left out between them."""

    image_id: Longs
    category_id: Longs
    box: Floats
    """One row per result: x, y, width, height."""
    confidence: Floats
    """NaN where the file has no score."""
    place: Longs
    """Place of each result in the file, from 0."""
    rejections: Sequence[Rejection] = ()

    def __len__(self) -> int:
        return len(self.place)

    def only(self, kept: npt.NDArray[np.bool_]) -> ResultBlock:
        """Some of the results, and all rejections."""
        return ResultBlock(
            self.image_id[kept],
            self.category_id[kept],
            self.box[kept],
            self.confidence[kept],
            self.place[kept],
            self.rejections,
        )


class Result(msgspec.Struct, gc=False):
    """One result as it stands in a file."""

    image_id: Id
    category_id: Id
    bbox: tuple[float, float, float, float]
    score: float | None = None


class _OtherKinds(msgspec.Struct):
    segmentation: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    keypoints: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


def _explain(text: bytes, message: str) -> str:
    if "`bbox`" in message:
        try:
            other = msgspec.json.decode(text, type=_OtherKinds)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            return message
        for name in ("segmentation", "keypoints"):
            if getattr(other, name) is not msgspec.UNSET:
                return f"This result has `{name}` and no `bbox`: only boxes are read."
    return message


class ResultReader:
    """Reads COCO results from bytes that are fed to it in chunks of any size."""

    def __init__(self, *, element_limit: int = ELEMENT_LIMIT) -> None:
        self._elements = Elements("COCO results file", element_limit=element_limit)
        self._typed = TypedElements(Result, _explain)

    @property
    def position(self) -> int:
        """Bytes taken in so far."""
        return self._elements.position

    def feed(self, chunk: bytes) -> Iterator[ResultBlock]:
        """Take more of the file; the results that are whole now. `FileBroken` if it can't be read on."""
        return map(self._block, self._elements.feed(chunk))

    def finish(self) -> Iterator[ResultBlock]:
        """The file has ended: the last results. `FileBroken` if it is not whole."""
        return map(self._block, self._elements.finish())

    def _block(self, piece: Piece) -> ResultBlock:
        return _checked(_decoded(piece, self._typed))


def _decoded(piece: Piece, typed: TypedElements[Result]) -> ResultBlock:
    """The results of a piece, unchecked: plain ones by the kernel, the others by the decoder."""
    image_id, category_id, box, confidence, there = read_plain(piece)
    rejections: list[Rejection] = []
    for low, high in _runs(~there):
        items: list[Result] = []
        places: list[int] = []
        rejections += typed.decode(piece, low, high, items, places)
        for item, place in zip(items, places, strict=True):
            i = place - piece.first
            image_id[i], category_id[i], box[i] = item.image_id, item.category_id, item.bbox
            confidence[i] = np.nan if item.score is None else item.score
            there[i] = True
    place = np.arange(piece.first, piece.first + len(there))
    block = ResultBlock(image_id, category_id, box, confidence, place, rejections)
    return block if there.all() else block.only(there)


def _runs(mask: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Where a mask is true, as half-open intervals."""
    edges = np.flatnonzero(np.diff(mask, prepend=False, append=False))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def _checked(block: ResultBlock) -> ResultBlock:
    """Leave out what is well-formed and can't be."""
    faults = BOX.check(block.box)
    out_of_range = (block.confidence < 0) | (block.confidence > 1)
    bad = (faults > 0) | out_of_range
    if not bad.any():
        return block
    rejections = list(block.rejections)
    for i in np.flatnonzero(bad):
        place = int(block.place[i])
        if faults[i]:
            fault = BOX.faults[int(faults[i]) - 1]
            rejections.append(Rejection(place + 1, fault.code, fault.message, f"[{place}].bbox"))
        else:
            rejections.append(Rejection(place + 1, "confidence_out_of_range", CONFIDENCE_RANGE, f"[{place}].score"))
    rejections.sort(key=lambda rejection: rejection.number)
    return replace(block.only(~bad), rejections=rejections)


def read_results(data: bytes) -> ResultBlock | None:
    """All results of a file as they stand there, with numbers out of range among them; None if anything doesn't fit.

    Elements are found here, while those found before are decoded in other threads.
    """
    elements, typed = Elements("COCO results file"), TypedElements(Result)
    try:
        with ThreadPoolExecutor(2) as threads:
            pieces = chain(elements.feed(data), elements.finish())
            waiting = [threads.submit(_decoded, piece, typed) for piece in pieces]
    except FileBroken:
        return None
    blocks = [block.result() for block in waiting]
    if any(block.rejections for block in blocks):
        return None
    return ResultBlock(
        np.concatenate([np.zeros(0, np.int64), *(block.image_id for block in blocks)]),
        np.concatenate([np.zeros(0, np.int64), *(block.category_id for block in blocks)]),
        np.concatenate([np.zeros((0, 4)), *(block.box for block in blocks)]),
        np.concatenate([np.zeros(0), *(block.confidence for block in blocks)]),
        np.concatenate([np.zeros(0, np.int64), *(block.place for block in blocks)]),
    )
