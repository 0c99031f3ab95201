"""COCO truth: `images`, `annotations` and `categories`, in any order in the file.

Annotations may come before their images, so all are kept until the end: as packed records, in a temporary file where
they are many.
"""

from __future__ import annotations

import mmap
import re
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256

import msgspec
import numpy as np
import numpy.typing as npt

from sightline.arrays import Bools, Longs
from sightline.domain.kinds import BOX
from sightline.domain.names import name_fault
from sightline.domain.ordinals import LEAST_ORDINAL, MOST_ORDINAL
from sightline.formats.coco.results import Id
from sightline.formats.faults import FileBroken, Rejection, Rejections
from sightline.formats.json_elements import ELEMENT_LIMIT, Elements, Piece
from sightline.formats.typed_elements import TypedElements

Records = npt.NDArray[np.void]

RECORD = np.dtype(
    [
        ("image_id", "<i8"),
        ("category_id", "<i8"),
        ("annotation_id", "<i8"),
        ("place", "<i8"),
        ("box", "<f8", (4,)),
        ("area", "<f8"),
        ("crowd", "u1"),
    ]
)
"""One annotation. `place` is its place in the file's list, from 0."""

KEEP_IN_MEMORY = 64 << 20
_LISTS = ("images", "annotations", "categories")
_SIDE_LIMIT = 2**31 - 1
_IMAGE_ID = re.compile(rb'"image_id"\s*:\s*(-?[0-9]{1,19})\b')


class _Image(msgspec.Struct, gc=False):
    id: Id
    file_name: str | None = None
    width: int | None = None
    height: int | None = None


class _Category(msgspec.Struct, gc=False):
    id: Id
    name: str


class _Annotation(msgspec.Struct, gc=False):
    id: Id
    image_id: Id
    category_id: Id
    bbox: tuple[float, float, float, float]
    area: float | None = None
    iscrowd: int | bool | None = None


@dataclass(frozen=True, slots=True)
class Truth:
    """The whole truth of a file, checked. An image is a row; its name is its `file_name`, on clashes its id."""

    categories: Mapping[int, str]
    image_ids: Longs
    names: tuple[str, ...]
    widths: Longs
    """In pixels; -1 where the file does not say it."""
    heights: Longs
    withheld: Bools
    """Images with a rejected annotation: what is left of their truth is not the truth."""
    rejections: Rejections
    _records: Records
    _order: Longs
    _starts: Longs

    @property
    def annotation_count(self) -> int:
        """Annotations that are accepted, those of withheld images among them."""
        return len(self._order)

    def annotations(self, image: int) -> Records:
        """The annotations of an image (its place in `image_ids`), in file order."""
        return self._records[self._order[self._starts[image] : self._starts[image + 1]]]

    def digest(self) -> str:
        """SHA-256 over all that is said here, whatever the order of the file's lists and images."""
        digest = sha256(b"sightline/coco-truth/1\n")
        digest.update(msgspec.json.encode(sorted(self.categories.items())))
        for image in sorted(range(len(self.names)), key=self.names.__getitem__):
            records = self.annotations(image)
            head = (
                self.names[image],
                int(self.image_ids[image]),
                int(self.widths[image]),
                int(self.heights[image]),
                bool(self.withheld[image]),
                len(records),
            )
            digest.update(b"\n" + msgspec.json.encode(head))
            for column in ("category_id", "box", "area", "crowd", "annotation_id"):
                digest.update(records[column].tobytes())
        return digest.hexdigest()


class TruthReader:
    """Reads COCO truth from bytes that are fed to it in chunks of any size."""

    def __init__(self, *, element_limit: int = ELEMENT_LIMIT, keep_in_memory: int = KEEP_IN_MEMORY) -> None:
        self._elements = Elements("COCO truth file", frozenset(_LISTS), element_limit=element_limit)
        self._images = TypedElements(_Image)
        self._categories = TypedElements(_Category)
        self._annotations = TypedElements(_Annotation, self._owner)
        self._rejections = Rejections()
        self._image_list: list[_Image] = []
        self._image_ids: set[int] = set()
        self._category_names: dict[int, str] = {}
        self._withheld_ids: set[int] = set()
        self._keep_in_memory = keep_in_memory
        self._records = tempfile.SpooledTemporaryFile(max_size=keep_in_memory)  # noqa: SIM115  (it lives until `finish`)

    @property
    def position(self) -> int:
        """Bytes taken in so far."""
        return self._elements.position

    def feed(self, chunk: bytes) -> None:
        """Take more of the file. `FileBroken` if it can't be read on."""
        for piece in self._elements.feed(chunk):
            self._take(piece)

    def finish(self) -> Truth:
        """The file has ended: all that it says. `FileBroken` if it is not whole."""
        for piece in self._elements.finish():
            self._take(piece)
        if missing := [name for name in _LISTS if name not in self._elements.seen]:
            raise FileBroken(f"This is no COCO truth file: it has no list `{missing[0]}`.", self.position)
        names = Counter(self._category_names.values())
        if any(count > 1 for count in names.values()):
            raise FileBroken("Two categories of the file have the same name.", self.position)
        return self._assemble()

    def close(self) -> None:
        """Let go of what was kept. A `Truth` that was made stays readable."""
        self._records.close()

    def _take(self, piece: Piece) -> None:
        places: list[int] = []
        match piece.key:
            case "images":
                images: list[_Image] = []
                self._rejections.extend(self._images.decode(piece, 0, len(piece.ends), images, places))
                for image, place in zip(images, places, strict=True):
                    self._take_image(image, place)
            case "categories":
                categories: list[_Category] = []
                self._rejections.extend(self._categories.decode(piece, 0, len(piece.ends), categories, places))
                for category, place in zip(categories, places, strict=True):
                    self._take_category(category, place)
            case _:
                annotations: list[_Annotation] = []
                self._rejections.extend(self._annotations.decode(piece, 0, len(piece.ends), annotations, places))
                self._take_annotations(annotations, places)

    def _take_image(self, image: _Image, place: int) -> None:
        where = f"images[{place}]"
        sides = (image.width or 0, image.height or 0)
        if not LEAST_ORDINAL <= image.id <= MOST_ORDINAL:
            message = f"The image's id is not from {LEAST_ORDINAL} to {MOST_ORDINAL}."
            self._rejections.add(Rejection(place + 1, "out_of_range", message, where + ".id"))
        elif image.id in self._image_ids:
            self._rejections.add(Rejection(place + 1, "duplicate_id", "Another image has this id.", where))
        elif image.file_name and (fault := name_fault(image.file_name)):
            self._rejections.add(Rejection(place + 1, "name", fault, where + ".file_name"))
        elif min(sides) < 0 or max(sides) > _SIDE_LIMIT:
            message = "The width or the height of the image is out of range."
            self._rejections.add(Rejection(place + 1, "out_of_range", message, where))
        else:
            self._image_ids.add(image.id)
            self._image_list.append(image)

    def _take_category(self, category: _Category, place: int) -> None:
        where = f"categories[{place}]"
        name = category.name.strip()
        if category.id in self._category_names:
            self._rejections.add(Rejection(place + 1, "duplicate_id", "Another category has this id.", where))
        elif fault := name_fault(name):
            self._rejections.add(Rejection(place + 1, "name", fault, where + ".name"))
        else:
            self._category_names[category.id] = name

    def _take_annotations(self, items: list[_Annotation], places: list[int]) -> None:
        records = np.zeros(len(items), RECORD)
        records["image_id"] = [item.image_id for item in items]
        records["category_id"] = [item.category_id for item in items]
        records["annotation_id"] = [item.id for item in items]
        records["place"] = places
        boxes = np.array([item.bbox for item in items], np.float64).reshape(len(items), 4)
        records["box"] = boxes
        with np.errstate(over="ignore", invalid="ignore"):
            areas = BOX.area(boxes)
        said = np.array([np.nan if item.area is None else item.area for item in items], np.float64)
        records["area"] = np.where(np.isnan(said), areas, said)
        crowds = np.array([item.iscrowd or 0 if abs(item.iscrowd or 0) < 2 else 2 for item in items], np.int8)
        records["crowd"] = crowds
        faults = BOX.check(boxes)
        no_crowd = (crowds < 0) | (crowds > 1)
        bad = (faults > 0) | (said < 0) | no_crowd
        for i in np.flatnonzero(bad):
            where = f"annotations[{places[i]}]"
            if faults[i]:
                fault = BOX.faults[int(faults[i]) - 1]
                rejection = Rejection(places[i] + 1, fault.code, fault.message, where + ".bbox")
            elif no_crowd[i]:
                rejection = Rejection(places[i] + 1, "invalid", "`iscrowd` is neither 0 nor 1.", where + ".iscrowd")
            else:
                rejection = Rejection(places[i] + 1, "negative_area", "The area is negative.", where + ".area")
            self._rejections.add(rejection)
            self._withheld_ids.add(items[i].image_id)
        self._records.write(records[~bad].tobytes())

    def _owner(self, text: bytes, message: str) -> str:
        """Remember which image an annotation that can't be read belongs to, as far as that can be told."""
        if found := _IMAGE_ID.search(text):
            self._withheld_ids.add(int(found.group(1)))
        return message

    def _assemble(self) -> Truth:
        records = self._all_records()
        ids = np.array([image.id for image in self._image_list], np.int64)
        by_id = np.argsort(ids, kind="stable")
        categories = np.array(sorted(self._category_names), np.int64)
        image_of, image_known = _places(ids[by_id], records["image_id"])
        _, category_known = _places(categories, records["category_id"])
        for i in np.flatnonzero(~(image_known & category_known)):
            place = int(records["place"][i])
            where = f"annotations[{place}]"
            if image_known[i]:
                message = "The file has no such category (or it was rejected)."
                self._rejections.add(Rejection(place + 1, "unknown_class", message, where + ".category_id"))
                self._withheld_ids.add(int(records["image_id"][i]))
            else:
                message = "The file has no such image (or it was rejected)."
                self._rejections.add(Rejection(place + 1, "unknown_image", message, where + ".image_id"))
        kept = np.flatnonzero(image_known & category_known)
        image = by_id[image_of[kept]] if len(ids) else np.zeros(0, np.int64)
        order = kept[np.argsort(image, kind="stable")]
        counts = np.bincount(image, minlength=len(ids))
        return Truth(
            categories=self._category_names,
            image_ids=ids,
            names=_row_names(self._image_list),
            widths=np.array([-1 if i.width is None else i.width for i in self._image_list], np.int64),
            heights=np.array([-1 if i.height is None else i.height for i in self._image_list], np.int64),
            withheld=np.isin(ids, np.array(sorted(self._withheld_ids), np.int64)),
            rejections=self._rejections,
            _records=records,
            _order=order,
            _starts=np.concatenate(([0], np.cumsum(counts))),
        )

    def _all_records(self) -> Records:
        file = self._records
        if file.tell() > self._keep_in_memory:
            file.flush()
            return np.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), RECORD)
        file.seek(0)
        return np.frombuffer(file.read(), RECORD)


def _places(known: Longs, asked: Longs) -> tuple[Longs, Bools]:
    """Where each asked value stands among the known ones, which ascend, and whether it is there at all."""
    if not len(known):
        return np.zeros(len(asked), np.int64), np.zeros(len(asked), np.bool_)
    place = np.minimum(np.searchsorted(known, asked), len(known) - 1)
    return place, known[place] == asked


def _row_names(images: list[_Image]) -> tuple[str, ...]:
    names = [image.file_name or str(image.id) for image in images]
    while True:
        # An id that steps in for a name may itself be another image's name; ids are unique, so this comes to an end.
        times = Counter(names)
        clashing = [i for i, name in enumerate(names) if times[name] > 1 and name != str(images[i].id)]
        if not clashing:
            return tuple(names)
        for i in clashing:
            names[i] = str(images[i].id)


def read_truth(chunks: Iterable[bytes]) -> Truth:
    """The whole truth of a file."""
    reader = TruthReader()
    try:
        for chunk in chunks:
            reader.feed(chunk)
        return reader.finish()
    finally:
        reader.close()


def truth_digest(chunks: Iterable[bytes]) -> str:
    """The digest of a file's truth, as an import of it would store it."""
    return read_truth(chunks).digest()
