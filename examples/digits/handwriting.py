"""Handwritten digits, divided once and for all: what a model learns from is never what it is asked about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal, cast

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits

from examples.digits.imaging import Pixels

Split = Literal["training", "validation", "test"]

SPLITS: Final[tuple[Split, ...]] = ("training", "validation", "test")
SHARES: Final[dict[Split, float]] = {"training": 0.6, "validation": 0.2, "test": 0.2}
NAMES: Final = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
"""The classes; the place of a name is the digit."""


@dataclass(frozen=True, slots=True)
class Handwriting:
    """Some of scikit-learn's digits: `images` (n, 8, 8), ink from 0 to 1; `digits`; `sources`, their places there."""

    images: Pixels
    digits: NDArray[np.int64]
    sources: NDArray[np.int64]


def divide(seed: int = 0) -> dict[Split, Handwriting]:
    """Deal all digits out to the splits, each digit to exactly one of them."""
    bunch = cast(Any, load_digits())
    images = np.asarray(bunch.images, dtype=np.float32) / 16
    digits = np.asarray(bunch.target, dtype=np.int64)
    order = np.random.default_rng(seed).permutation(len(digits))
    ends = np.round(np.cumsum([SHARES[split] for split in SPLITS]) * len(order)).astype(int)
    hands = np.split(order, ends[:-1])
    return {split: Handwriting(images[mine], digits[mine], mine) for split, mine in zip(SPLITS, hands, strict=True)}
