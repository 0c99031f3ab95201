"""Sheets of paper with handwritten digits on them, as a careless person with a cheap camera would take them.

A scene is first *ink* (coverage from 0 to 1: digits, and clutter that is none), then a *photograph* of it (light, blur,
noise). Everything about scene i of a split follows from (seed, split, i), so any scene can be made again alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from examples.digits.handwriting import SPLITS, Handwriting, Split
from examples.digits.imaging import Pixels, as_pixels, blurred, resized, smooth_path

Lighting = Literal["bright", "dim", "uneven"]
Density = Literal["empty", "sparse", "dense"]
Box = tuple[float, float, float, float]
"""Left, top, width and height in pixels."""
Ink = Pixels
"""How much of each pixel is covered with ink, from 0 to 1."""
Name = TypeVar("Name", bound=str)

WIDTH: Final = 384
HEIGHT: Final = 288
EDGE: Final = 4
"""Pixels of paper that stay free at every edge."""

LIGHTINGS: Final[dict[Lighting, float]] = {"bright": 0.5, "dim": 0.25, "uneven": 0.25}
DENSITIES: Final[dict[Density, float]] = {"empty": 0.07, "sparse": 0.5, "dense": 0.43}
NUMBERS: Final[dict[Density, tuple[int, int]]] = {"empty": (0, 0), "sparse": (1, 3), "dense": (4, 7)}
"""How many numbers (of one to three digits each) are written on a sheet."""

INKS: Final = ((24, 30, 66), (32, 32, 36), (74, 28, 34), (22, 58, 54))
PAPERS: Final = ((255, 252, 244), (250, 251, 255), (255, 247, 228), (246, 252, 246))


@dataclass(frozen=True, slots=True)
class Label:
    """One digit on a scene, and the tightest box around its ink."""

    digit: int
    box: Box


@dataclass(frozen=True, slots=True)
class Scene:
    """One picture and the whole truth about it."""

    name: str
    split: Split
    pixels: NDArray[np.uint8]
    labels: tuple[Label, ...]
    lighting: Lighting
    density: Density
    clutter: int
    noise: float
    tint: tuple[tuple[int, int, int], tuple[int, int, int]]
    sources: tuple[int, ...]
    """Which of scikit-learn's digits were written here."""

    @property
    def file_name(self) -> str:
        """The picture's name in the images folder, and the data row's global key."""
        return f"{self.name}.png"

    @property
    def metadata(self) -> dict[str, str | int | float]:
        """What is known of the scene besides its truth: what the demo's data rows carry."""
        return {"lighting": self.lighting, "density": self.density, "clutter": self.clutter, "noise": self.noise}

    def image(self) -> Image.Image:
        """The photograph in colour: a palette from ink to paper over the grey pixels, which alone are what is seen."""
        ink, paper = (np.array(colour, dtype=np.float64) for colour in self.tint)
        shade = np.linspace(0, 1, 256)[:, None]
        colours = shade * paper + (1 - shade) * ink * shade.clip(0.25)
        image = Image.fromarray(self.pixels, mode="L")
        image.putpalette(np.round(colours).astype(np.uint8).tobytes())
        return image

    def save(self, folder: Path) -> None:
        """Write the picture into a folder."""
        self.image().save(folder / self.file_name, compress_level=4)


def compose(count: int, split: Split, writing: Handwriting, *, seed: int = 0) -> Iterator[Scene]:
    """Scenes of one split, written in that split's hand alone."""
    for index in range(count):
        yield compose_one(index, split, writing, seed=seed)


def compose_one(index: int, split: Split, writing: Handwriting, *, seed: int = 0) -> Scene:
    """Scene number `index` of a split."""
    random = np.random.default_rng([seed, SPLITS.index(split), index])
    lighting = _choose(random, LIGHTINGS)
    density = _choose(random, DENSITIES)
    sheet = _Sheet(random, writing)
    low, high = NUMBERS[density]
    for _ in range(random.integers(low, high + 1)):
        sheet.write_number()
    clutter = int(random.poisson(3.0))
    for _ in range(clutter):
        sheet.scribble()
    noise = round(float(random.uniform(0.012, 0.03)), 3)
    return Scene(
        name=f"{split}-{index:04d}",
        split=split,
        pixels=_photograph(sheet.ink, lighting, noise, random),
        labels=tuple(sheet.labels),
        lighting=lighting,
        density=density,
        clutter=clutter,
        noise=noise,
        tint=(INKS[random.integers(len(INKS))], PAPERS[random.integers(len(PAPERS))]),
        sources=tuple(sheet.sources),
    )


class _Sheet:
    """Paper being written on."""

    def __init__(self, random: Generator, writing: Handwriting) -> None:
        self.random = random
        self.writing = writing
        self.ink: Ink = np.zeros((HEIGHT, WIDTH), dtype=np.float32)
        self.taken = np.zeros((HEIGHT, WIDTH), dtype=bool)
        self.labels: list[Label] = []
        self.sources: list[int] = []

    def write_number(self) -> None:
        """Write one to three digits side by side, some of them touching, on a free place (none free: nothing)."""
        height = float(self.random.triangular(16, 28, 62))
        strength = float(self.random.uniform(0.62, 1.0))
        chosen = [int(self.random.integers(len(self.writing.digits))) for _ in range(self.random.integers(1, 4))]
        stamps = [
            _stamp(self.writing.images[one], height * self.random.uniform(0.88, 1.12), self.random) for one in chosen
        ]
        gaps = [int(height * self.random.uniform(-0.06, 0.3)) for _ in stamps]
        length = sum(stamp.shape[1] for stamp in stamps) + sum(gaps[1:])
        place = self._free_place(length, max(stamp.shape[0] for stamp in stamps), overlap=0.06)
        if place is None:
            return
        left, top = place
        for source, stamp, gap in zip(chosen, stamps, gaps, strict=True):
            if self.labels and left > place[0]:
                left += gap
            drop = top + int(self.random.integers(0, max(1, int(height * 0.12))))
            drop = min(drop, HEIGHT - EDGE - stamp.shape[0])
            self._press(stamp * strength, left, drop)
            high, wide = stamp.shape
            self.labels.append(
                Label(int(self.writing.digits[source]), (float(left), float(drop), float(wide), float(high)))
            )
            self.sources.append(int(self.writing.sources[source]))
            left += wide

    def scribble(self) -> None:
        """Put something on the sheet that is no digit: a line, a blot, or a doodle."""
        kind = self.random.choice(["line", "blot", "doodle"], p=[0.4, 0.25, 0.35])
        extent = float(self.random.uniform(14, 60 if kind != "line" else 150))
        mark = {"line": _line, "blot": _blot, "doodle": _doodle}[str(kind)](extent, self.random)
        # Most marks keep clear of digits, as on real paper; some strike through them.
        place = self._free_place(mark.shape[1], mark.shape[0], overlap=1.0 if self.random.random() < 0.12 else 0.02)
        if place is not None:
            self._press(mark * float(self.random.uniform(0.5, 1.0)), *place)

    def _free_place(self, width: int, height: int, *, overlap: float) -> tuple[int, int] | None:
        if width >= WIDTH - 2 * EDGE or height >= HEIGHT - 2 * EDGE:
            return None
        for _ in range(40):
            left = int(self.random.integers(EDGE, WIDTH - EDGE - width))
            top = int(self.random.integers(EDGE, HEIGHT - EDGE - height))
            if self.taken[top : top + height, left : left + width].mean() <= overlap:
                return left, top
        return None

    def _press(self, mark: Ink, left: int, top: int) -> None:
        height, width = mark.shape
        here = (slice(top, top + height), slice(left, left + width))
        self.ink[here] = np.maximum(self.ink[here], mark)
        self.taken[here] = True


def _stamp(image: Pixels, height: float, random: Generator) -> Ink:
    """One digit as ink of about that height, slightly turned and stretched, cut to its tightest box."""
    grey = Image.fromarray(np.pad(np.round(image * 255).astype(np.uint8), 1))
    scale = height / 8
    stretch = float(random.uniform(0.85, 1.15))
    size = (round(10 * scale * stretch), round(10 * scale))
    turned = grey.resize(size, Image.Resampling.BICUBIC).rotate(
        float(random.normal(0, 6)), Image.Resampling.BILINEAR, expand=True
    )
    # Enlarging blurs; a steep ramp makes a stroke with an edge of it again.
    ink = np.clip((as_pixels(turned) / 255 - 0.3) / 0.3, 0, 1)
    rows, columns = np.flatnonzero(ink.max(axis=1) > 0.3), np.flatnonzero(ink.max(axis=0) > 0.3)
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _line(extent: float, random: Generator) -> Ink:
    """A bent stroke."""
    angle = float(random.normal(0, 0.25) if random.random() < 0.6 else random.uniform(0, np.pi))
    end = np.array([np.cos(angle), np.sin(angle)]) * extent
    bend = random.normal(0, extent * 0.12, size=2)
    along = np.linspace(0, 1, 24)[:, None]
    return _draw(along * end + 4 * along * (1 - along) * bend, random.uniform(1.5, 4))


def _blot(extent: float, random: Generator) -> Ink:
    """A spot of ink with a soft, uneven edge."""
    size = max(8, int(extent * 0.6))
    rough = blurred(random.normal(size=(size, size)), size / 7)
    y, x = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j]
    return np.clip((0.75 - np.hypot(x, y) + rough / (np.abs(rough).max() + 1e-9) * 0.3) * 4, 0, 1).astype(np.float32)


def _doodle(extent: float, random: Generator) -> Ink:
    """A few swings of a pen that mean nothing: what a detector takes for a digit most easily."""
    turns = random.normal(0, 0.9, size=int(random.integers(4, 8))).cumsum() + random.uniform(0, 2 * np.pi)
    corners = np.stack([np.cos(turns), np.sin(turns)], axis=1).cumsum(axis=0)
    path = smooth_path(corners, 6)
    return _draw(path * extent / (np.ptp(path, axis=0).max() + 1e-9), random.uniform(0.06, 0.13) * extent)


def _draw(path: NDArray[np.float64], width: float) -> Ink:
    """A polyline as ink; drawn four times as large and made small, which smooths it."""
    corners = path - path.min(axis=0) + width
    wide, high = (int(side) for side in np.ceil(corners.max(axis=0) + width))
    image = Image.new("L", (4 * wide, 4 * high))
    points = [(float(x), float(y)) for x, y in corners * 4]
    ImageDraw.Draw(image).line(points, fill=255, width=max(1, round(4 * width)), joint="curve")
    return as_pixels(image.resize((wide, high), Image.Resampling.BOX)) / 255


def _photograph(ink: Ink, lighting: Lighting, noise: float, random: Generator) -> NDArray[np.uint8]:
    """What a camera makes of inked paper in that light."""
    fibres = 0.012 * resized(random.standard_normal((HEIGHT // 4, WIDTH // 4), dtype=np.float32), WIDTH, HEIGHT)
    contrast = float(random.uniform(0.65, 0.85))
    reflected = (1 + fibres) * (1 - contrast * blurred(ink, float(random.uniform(0.3, 1.0))))
    seen = reflected * _light(lighting, random)
    # A little of the noise does not shrink with the light: in the dark it drowns pale ink.
    seen += random.standard_normal(seen.shape, dtype=np.float32) * (noise * np.sqrt(np.clip(seen, 0, 1)) + 0.006)
    return np.round(np.clip(seen, 0, 1) * 255).astype(np.uint8)


def _light(lighting: Lighting, random: Generator) -> NDArray[np.float64]:
    """How much light falls where."""
    y, x = np.mgrid[-0.5 : 0.5 : HEIGHT * 1j, -0.5 : 0.5 : WIDTH * 1j]
    angle = random.uniform(0, 2 * np.pi)
    across = x * np.cos(angle) + y * np.sin(angle)
    if lighting == "bright":
        return random.uniform(0.86, 0.98) * (1 + 0.06 * across)
    if lighting == "dim":
        return random.uniform(0.16, 0.34) * (1 + 0.2 * across)
    # A soft-edged shadow, as of the hand that holds the camera, on top of light from one side.
    shadow = 1 / (1 + np.exp(-(across - random.uniform(-0.2, 0.2)) / random.uniform(0.02, 0.12)))
    return random.uniform(0.8, 0.95) * (1 - random.uniform(0.5, 0.72) * shadow) * (1 + 0.25 * across)


def _choose(random: Generator, shares: Mapping[Name, float]) -> Name:
    names = list(shares)
    return names[random.choice(len(names), p=list(shares.values()))]
