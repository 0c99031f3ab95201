"""Everything as files: pictures, data rows, COCO truth with its mistakes, and the predictions of both models.

The detectors learn from training scenes, which nobody else sees: the files hold validation and test scenes only, so
that every number made from them is about handwriting and scenes that are new to the models.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from threadpoolctl import threadpool_limits

from examples.digits.detector import CarefulDetector, Detection, Detector, PlainDetector
from examples.digits.handwriting import NAMES, Split, divide
from examples.digits.mistakes import Mistake, blunder
from examples.digits.scenes import HEIGHT, WIDTH, Box, Label, Scene, compose

Report = Callable[[str, int, int], None]
"""Told which step is under way, how much of it is done, and out of how much."""

THREADS: Final = 2
MODULES: Final = ("handwriting", "imaging", "scenes", "segmentation", "detector", "mistakes", "build")
"""Whose code decides what is in the files."""
UPLOADED: Final[tuple[Split, ...]] = ("validation", "test")


@dataclass(frozen=True, slots=True)
class Recipe:
    """What decides everything that is made: how many scenes of each split, and the seed."""

    training: int = 110
    validation: int = 100
    test: int = 110
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Files:
    """Where things are in a built folder."""

    folder: Path

    @property
    def images(self) -> Path:
        """The pictures: the root of the data rows' assets."""
        return self.folder / "images"

    @property
    def rows(self) -> Path:
        """The data rows, one JSON object a line."""
        return self.folder / "rows.ndjson"

    @property
    def truth(self) -> Path:
        """Ground truth in COCO's format, mistakes and all."""
        return self.folder / "truth.json"

    @property
    def mistakes(self) -> Path:
        """What is wrong in the ground truth."""
        return self.folder / "mistakes.json"

    def predictions(self, model: str) -> Path:
        """What a model saw, as COCO results."""
        return self.folder / f"predictions-{model}.json"

    @property
    def mark(self) -> Path:
        """Written last: the recipe and the code that a finished folder was made with."""
        return self.folder / "made-from.json"


def detectors(seed: int = 0) -> tuple[Detector, ...]:
    """The model versions to compare, the older one first."""
    return PlainDetector(seed=seed), CarefulDetector(seed=seed)


def build(folder: Path, recipe: Recipe = Recipe(), report: Report = lambda step, done, total: None) -> Files:
    """Make all files in a folder, or leave them as they are when the same recipe and code made them."""
    files = Files(folder)
    fingerprint = _fingerprint(recipe)
    if files.mark.exists() and files.mark.read_text() == fingerprint:
        return files
    files.images.mkdir(parents=True, exist_ok=True)
    files.mark.unlink(missing_ok=True)
    scenes = _draw(recipe, files.images, report)
    shown = [scene for scene in scenes if scene.split in UPLOADED]
    labels, mistakes = blunder(shown, seed=recipe.seed)
    truth = coco_truth(shown, labels)
    _write(files.truth, truth)
    files.mistakes.write_text(json.dumps(mistake_records(mistakes, truth), indent=2) + "\n")
    files.rows.write_text("".join(json.dumps(row) + "\n" for row in data_rows(shown)))
    with threadpool_limits(THREADS):
        for model in detectors(recipe.seed):
            report(f"Training {model.name}", 0, 1)
            model.learn([scene for scene in scenes if scene.split == "training"])
            report(f"Training {model.name}", 1, 1)
            seen = list(_watched(f"Running {model.name}", shown, model, report))
            _write(files.predictions(model.name), coco_results(seen))
    files.mark.write_text(fingerprint)
    return files


def data_rows(scenes: Sequence[Scene]) -> Iterator[dict[str, Any]]:
    """The scenes as data rows; an ordinal is the image's id in the COCO files."""
    for ordinal, scene in enumerate(scenes, start=1):
        yield {
            "global_key": scene.file_name,
            "ordinal": ordinal,
            "asset_url": scene.file_name,
            "width": WIDTH,
            "height": HEIGHT,
            "split": scene.split,
            "metadata": scene.metadata,
        }


def coco_truth(scenes: Sequence[Scene], labels: Mapping[str, Sequence[Label]]) -> dict[str, Any]:
    """Ground truth in COCO's format."""
    images = [
        {"id": ordinal, "file_name": scene.file_name, "width": WIDTH, "height": HEIGHT}
        for ordinal, scene in enumerate(scenes, start=1)
    ]
    said = [(image["id"], label) for image in images for label in labels[str(image["file_name"])]]
    return {
        "info": {"description": "Handwritten digits on paper. The models' training scenes are not in here."},
        "images": images,
        "categories": [{"id": category(digit), "name": name} for digit, name in enumerate(NAMES)],
        "annotations": [
            {
                "id": number,
                "image_id": image_id,
                "category_id": category(label.digit),
                "bbox": list(label.box),
                "area": label.box[2] * label.box[3],
                "iscrowd": 0,
            }
            for number, (image_id, label) in enumerate(said, start=1)
        ],
    }


def coco_results(seen: Sequence[Sequence[Detection]]) -> list[dict[str, Any]]:
    """Predictions as COCO results; `seen` has the scenes' order."""
    return [
        {
            "image_id": ordinal,
            "category_id": category(detection.digit),
            "bbox": list(detection.box),
            "score": detection.confidence,
        }
        for ordinal, detections in enumerate(seen, start=1)
        for detection in detections
    ]


def mistake_records(mistakes: Sequence[Mistake], truth: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The mistakes for people to read, each with the id of the annotation that is wrong (none: it is missing)."""
    names = {image["id"]: image["file_name"] for image in truth["images"]}
    ids = {(names[one["image_id"]], one["category_id"], tuple(one["bbox"])): one["id"] for one in truth["annotations"]}
    return [
        {
            "kind": mistake.kind,
            "file_name": mistake.file_name,
            "annotation_id": ids[_key(mistake.file_name, mistake.label)] if mistake.label else None,
            "on_the_scene": _described(mistake.truth),
            "in_the_truth": _described(mistake.label),
        }
        for mistake in mistakes
    ]


def category(digit: int) -> int:
    """A digit's category id in the COCO files, which begin at 1."""
    return digit + 1


def _draw(recipe: Recipe, images: Path, report: Report) -> list[Scene]:
    writing = divide(recipe.seed)
    wanted: dict[Split, int] = {"training": recipe.training, "validation": recipe.validation, "test": recipe.test}
    total = sum(wanted.values())
    scenes: list[Scene] = []
    for split, count in wanted.items():
        for scene in compose(count, split, writing[split], seed=recipe.seed):
            scenes.append(scene)
            if split in UPLOADED:
                scene.save(images)
            report("Drawing scenes", len(scenes), total)
    return scenes


def _watched(step: str, scenes: Sequence[Scene], model: Detector, report: Report) -> Iterator[list[Detection]]:
    for done, scene in enumerate(scenes, start=1):
        yield model.detect(scene)
        report(step, done, len(scenes))


def _described(label: Label | None) -> dict[str, Any] | None:
    return {"class": NAMES[label.digit], "bbox": list(label.box)} if label else None


def _key(file_name: str, label: Label) -> tuple[str, int, Box]:
    return file_name, category(label.digit), label.box


def _fingerprint(recipe: Recipe) -> str:
    sources = (Path(__file__).with_name(f"{module}.py") for module in MODULES)
    code = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()
    return json.dumps({"recipe": asdict(recipe), "code": code}, indent=2) + "\n"


def _write(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, separators=(",", ":")))
