"""Arithmetic where undefined is NaN, never 0 or 1."""

from __future__ import annotations

import numpy as np

from sightline.arrays import Floats, Longs


def ratio(part: Floats | Longs, whole: Floats | Longs) -> Floats:
    """part / whole, NaN where there is nothing to divide by."""
    return np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole != 0)


def mean_of_defined(values: Floats) -> float:
    """The mean of what is defined; NaN if nothing is."""
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if len(defined) else float("nan")
