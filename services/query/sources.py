"""What views are answered from."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

from services.common.readmodel.columns.cache import Columns
from services.query.counting import Counting
from services.query.memory import LeastRecentlyUsed
from services.query.peers import Peers
from services.query.reads import Reads
from services.query.thumbnails import Thumbnails


@dataclass(frozen=True, slots=True)
class Sources:
    """The read model of one project, columns of its runs, and the other services' addresses."""

    reads: Reads
    columns: Columns
    peers: Peers
    row_partitions: int
    asset_root: Path | None = None
    thumbnails: Thumbnails = field(default_factory=Thumbnails)
    counting: Counting = field(default_factory=Counting)
    ontologies: LeastRecentlyUsed[str] = field(default_factory=lambda: LeastRecentlyUsed(10_000))
    """Of runs that were asked about before: a run's ontology never changes."""
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the service stops: who waits for something answers with what there is."""
