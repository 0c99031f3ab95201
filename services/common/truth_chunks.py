"""A large truth comes in numbered chunks, in their order, and is seen with the last of them.

Every service that keeps something of truth follows chunks by these rules: so all see the same truth at the same event.
"""

from __future__ import annotations

from dataclasses import dataclass

from services.common.row_limits import MOST_TRUTHS
from sightline.wire.events.v1.ground_truth_pb2 import GroundTruthReplaced

MOST_CHUNKS = 1_000


class ChunkRefused(Exception):
    """A chunk that belongs to nothing that has begun; the message says why."""


@dataclass(frozen=True, slots=True)
class ChunkedTruth:
    """How much of a truth has come."""

    import_id: str
    chunks: int
    come: int
    annotations: int

    @property
    def complete(self) -> bool:
        """Whether it can be seen."""
        return self.come == self.chunks

    @property
    def fault(self) -> str | None:
        """Why it never will be."""
        if self.annotations > MOST_TRUTHS:
            return f"a row's truth has at most {MOST_TRUTHS:,} annotations"
        return None


def follow(before: ChunkedTruth | None, said: GroundTruthReplaced) -> ChunkedTruth:
    """What has come with one more event of a row; `before` itself where the event repeats a chunk.

    A first chunk begins anew, whatever has come before.
    """
    chunk, chunks = said.chunk, max(said.chunks, 1)
    if chunk >= chunks:
        raise ChunkRefused(f"there is no chunk {chunk} of {chunks}: they count from 0")
    if chunks > MOST_CHUNKS:
        raise ChunkRefused(f"a truth comes in at most {MOST_CHUNKS:,} chunks")
    if chunk == 0:
        return ChunkedTruth(said.import_id, chunks, 1, said.boxes.count)
    if before is None or (before.import_id, before.chunks) != (said.import_id, chunks) or chunk > before.come:
        raise ChunkRefused(f"chunk {chunk} of {chunks} came without those before it")
    if chunk < before.come:
        return before
    return ChunkedTruth(said.import_id, chunks, chunk + 1, before.annotations + said.boxes.count)
