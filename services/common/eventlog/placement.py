"""Which partitions the keys of a batch belong to: `partitioner` for many keys at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import numpy as np
import numpy.typing as npt
from numba import types  # pyright: ignore[reportMissingTypeStubs]

from sightline.kernel import InLongs, OutInts, kernel

_InOctets = Annotated[npt.NDArray[np.uint8], types.Array(types.uint8, 1, "C", readonly=True)]

_SEED, _M, _MASK = np.uint64(0x9747B28C), np.uint64(0x5BD1E995), np.uint64(0xFFFFFFFF)
_POSITIVE = np.uint64(0x7FFFFFFF)
_8, _13, _15, _16, _24 = np.uint64(8), np.uint64(13), np.uint64(15), np.uint64(16), np.uint64(24)


def partitions_of(keys: Sequence[bytes], count: int) -> list[int]:
    """The partition of each key among `count`."""
    ends = np.cumsum([len(key) for key in keys], dtype=np.int64)
    places = np.empty(len(keys), np.int32)
    _place(np.frombuffer(b"".join(keys), np.uint8), ends, count, places)
    return places.tolist()


@kernel
def _place(octets: _InOctets, ends: InLongs, count: int, places: OutInts) -> None:
    """Murmur2 in 64-bit words, of which the lower halves count."""
    start = 0
    for key in range(len(ends)):
        end = ends[key]
        h = _SEED ^ np.uint64(end - start)
        i = start
        while i + 4 <= end:
            k = np.uint64(octets[i]) | np.uint64(octets[i + 1]) << _8
            k |= np.uint64(octets[i + 2]) << _16 | np.uint64(octets[i + 3]) << _24
            k = k * _M & _MASK
            k = (k ^ k >> _24) * _M & _MASK
            h = (h * _M & _MASK) ^ k
            i += 4
        if i < end:
            tail = np.uint64(0)
            for j in range(end - 1, i - 1, -1):
                tail = tail << _8 | np.uint64(octets[j])
            h = (h ^ tail) * _M & _MASK
        h = (h ^ h >> _13) * _M & _MASK
        h = h ^ h >> _15
        places[key] = np.int64(h & _POSITIVE) % count
        start = end
