"""`python -m examples.digits.picture [FILE]` draws one scene as both models see it: the picture in the README."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from examples.digits.build import Recipe, detectors
from examples.digits.detector import Detection
from examples.digits.handwriting import divide
from examples.digits.scenes import HEIGHT, WIDTH, Box, Label, Scene, compose, compose_one
from examples.digits.segmentation import overlaps

SCENE: Final = 61
CONFIDENCE: Final = 0.5
IOU: Final = 0.5

SCALE: Final = 1.5
GAP: Final = 20
HEAD: Final = 48
FOOT: Final = 46

PAPER, WORDS, PALE = (255, 255, 255), (28, 32, 40), (120, 126, 138)
RIGHT, WRONG, MISSED = (26, 152, 80), (224, 82, 24), (50, 104, 220)


@dataclass(frozen=True, slots=True)
class Seen:
    """A scene's truth and predictions, told apart."""

    right: list[Detection]
    wrong: list[Detection]
    missed: list[Label]


def judge(scene: Scene, detections: Sequence[Detection]) -> Seen:
    """Match as Sightline does: of each class the surest first, each with the best truth that is still free."""
    free = list(scene.labels)
    right: list[Detection] = []
    wrong: list[Detection] = []
    for detection in detections:
        if detection.confidence < CONFIDENCE:
            continue
        same = [label for label in free if label.digit == detection.digit and _overlap(label.box, detection.box) >= IOU]
        if same:
            free.remove(max(same, key=lambda label: _overlap(label.box, detection.box)))
            right.append(detection)
        else:
            wrong.append(detection)
    return Seen(right, wrong, free)


def draw(scene: Scene, seen: dict[str, Seen]) -> Image.Image:
    """The scene once for each model, with what it got right, what it made up, and what it missed."""
    wide, high = round(WIDTH * SCALE), round(HEIGHT * SCALE)
    canvas = Image.new("RGB", (len(seen) * wide + (len(seen) + 1) * GAP, HEAD + high + FOOT), PAPER)
    pen = ImageDraw.Draw(canvas)
    for place, (model, what) in enumerate(seen.items()):
        left = GAP + place * (wide + GAP)
        photo = scene.image().convert("RGB").resize((wide, high), Image.Resampling.BICUBIC)
        _mark(ImageDraw.Draw(photo), what)
        canvas.paste(photo, (left, HEAD))
        score = f"{len(what.right)} right, {len(what.wrong)} wrong, {len(what.missed)} missed"
        pen.text((left, HEAD / 2), f"digits {model}", WORDS, _font(22), anchor="lm")
        pen.text((left + wide, HEAD / 2), score, PALE, _font(17), anchor="rm")
    _legend(pen, canvas.height - FOOT / 2)
    return canvas


def main() -> None:
    """Train both models, let them look at one scene, and save what they saw."""
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else Path("docs/images/digits.png")
    recipe = Recipe()
    writing = divide(recipe.seed)
    training = list(compose(recipe.training, "training", writing["training"], seed=recipe.seed))
    scene = compose_one(SCENE, "test", writing["test"], seed=recipe.seed)
    seen: dict[str, Seen] = {}
    for model in detectors(recipe.seed):
        model.learn(training)
        seen[model.name] = judge(scene, model.detect(scene))
    target.parent.mkdir(parents=True, exist_ok=True)
    draw(scene, seen).quantize(palette=_palette(scene), dither=Image.Dither.NONE).save(target, optimize=True)


def _mark(pen: ImageDraw.ImageDraw, seen: Seen) -> None:
    for label in seen.missed:
        _frame(pen, label.box, MISSED, f"{label.digit}", dashed=True)
    for detection in seen.right:
        _frame(pen, detection.box, RIGHT, f"{detection.digit}")
    for detection in seen.wrong:
        _frame(pen, detection.box, WRONG, f"{detection.digit}")


def _frame(
    pen: ImageDraw.ImageDraw, box: Box, colour: tuple[int, int, int], text: str, *, dashed: bool = False
) -> None:
    left, top, width, height = (side * SCALE for side in box)
    right, bottom = left + width, top + height
    if dashed:
        for side in (
            (left, top, right, top),
            (left, bottom, right, bottom),
            (left, top, left, bottom),
            (right, top, right, bottom),
        ):
            _dashes(pen, side, colour)
    else:
        pen.rectangle((left, top, right, bottom), outline=colour, width=2)
    # Missed truths are named below their box and predictions above it, so that both can be read where they overlap.
    at, anchor = ((left - 1, bottom + 2), "lt") if dashed else ((left - 1, top - 4), "lb")
    font = _font(15)
    tag = pen.textbbox(at, text, font, anchor=anchor)
    pen.rectangle((tag[0] - 1, tag[1] - 4, tag[2] + 5, tag[3] + 3), fill=colour)
    pen.text((at[0] + 2, at[1]), text, PAPER, font, anchor=anchor)


def _dashes(pen: ImageDraw.ImageDraw, side: tuple[float, float, float, float], colour: tuple[int, int, int]) -> None:
    start, stop = np.array(side[:2]), np.array(side[2:])
    count = max(1, round(float(np.abs(stop - start).sum()) / 14))
    for dash in range(count):
        ends = [start + (stop - start) * share / count for share in (dash, dash + 0.6)]
        pen.line([(float(x), float(y)) for x, y in ends], fill=colour, width=2)


def _legend(pen: ImageDraw.ImageDraw, middle: float) -> None:
    left = float(GAP)
    entries = (
        (RIGHT, "matches the truth"),
        (WRONG, "matches nothing"),
        (MISSED, "truth that was missed"),
    )
    for colour, text in entries:
        pen.rectangle((left, middle - 8, left + 16, middle + 8), fill=colour)
        pen.text((left + 26, middle), text, WORDS, _font(17), anchor="lm")
        left += 26 + pen.textlength(text, _font(17)) + 36


def _palette(scene: Scene) -> Image.Image:
    """Few colours make a small file; the marks' must be among them, which are rare and would be lost in the grain."""
    photo = np.array(scene.image().getpalette(), dtype=np.float64).reshape(-1, 3)[::9]
    shades = np.linspace(0, 1, 7)[1:, None]
    marks = [shades * colour + (1 - shades) * PAPER for colour in np.array([RIGHT, WRONG, MISSED, WORDS, PALE])]
    colours = np.concatenate([photo, *marks, [PAPER]]).round().astype(np.uint8)
    palette = Image.new("P", (1, 1))
    palette.putpalette(np.pad(colours, ((0, 256 - len(colours)), (0, 0)), mode="edge").tobytes())
    return palette


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _overlap(one: Box, other: Box) -> float:
    return float(overlaps(np.array([one]), np.array([other]))[0, 0])


if __name__ == "__main__":
    main()
