"""How much one row may hold, so that its documents fit into MongoDB (16 MiB each), and few of them into a batch.

Whoever accepts rejects what is beyond, item by item; whoever applies refuses the event.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

MOST_TRUTHS = 100_000
"""Annotations of a row: 53 bytes each in a document, so 5.3 MB."""
MOST_PREDICTIONS = 100_000
"""What one run says of a row: 73 bytes each, so 7.3 MB."""
PREDICTION_BYTES = 73
PAIR_BYTES = 16
RUN_ROW_BYTES = 15_000_000
"""Predictions and pairs of a run and a row together."""

BATCH_BYTES = 16_000_000
"""What a batch of several events may write of rows in a transaction, which MongoDB has to hold in its cache."""

PINNED_ROWS = 5_000
PINNED_BYTES = 8_000_000
"""What waited for a run, and is pinned to it in one transaction: so much, or a single row."""


def most_pairs(predictions: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
    """How many pairs rows may have in which a run has so many predictions: 481,250 at the most predictions."""
    return (RUN_ROW_BYTES - PREDICTION_BYTES * predictions.astype(np.int64)) // PAIR_BYTES
