"""What a member of a group has fetched and not handed out yet. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Container, Mapping, Sequence

from services.common.eventlog.port import Record

Place = tuple[str, int]
"""A topic and the number of a partition."""

FULL_BYTES = 1 << 20
FULL_RECORDS = 2000


class Buffer:
    """Records per place, handed out in turn. A place is there once it was sought."""

    def __init__(self) -> None:
        self._queues: dict[Place, deque[Record]] = {}
        self._bytes: dict[Place, int] = {}
        self._next: dict[Place, int] = {}
        self._turn = 0

    @property
    def next_offsets(self) -> Mapping[Place, int]:
        """Where fetching goes on, per place."""
        return self._next

    def clear(self) -> None:
        """Forget every place."""
        self._queues.clear()
        self._bytes.clear()
        self._next.clear()

    def seek(self, place: Place, offset: int) -> None:
        """Begin a place anew."""
        self._queues[place] = deque()
        self._bytes[place] = 0
        self._next[place] = offset

    def put(self, place: Place, records: Sequence[Record]) -> None:
        """Take what was fetched; nothing where nobody sought."""
        if place not in self._queues or not records:
            return
        self._queues[place].extend(records)
        self._bytes[place] += sum(map(_size, records))
        self._next[place] = records[-1].offset + 1

    def full(self, place: Place) -> bool:
        """Whether there is enough of a place for now."""
        return self._bytes.get(place, 0) >= FULL_BYTES or len(self._queues.get(place, ())) >= FULL_RECORDS

    def take(self, max_records: int, max_bytes: int, *, without: Container[int]) -> list[Record]:
        """Records in order per place, but none of partitions `without`; at least one where there is one."""
        places = [place for place, queue in self._queues.items() if queue and place[1] not in without]
        if not places:
            return []
        self._turn += 1
        first = self._turn % len(places)  # so that each is first in its turn
        taken: list[Record] = []
        for place in places[first:] + places[:first]:
            queue = self._queues[place]
            while queue and len(taken) < max_records and (not taken or _size(queue[0]) <= max_bytes):
                record = queue.popleft()
                size = _size(record)
                self._bytes[place] -= size
                max_bytes -= size
                taken.append(record)
            if queue:
                break
        return taken


def _size(record: Record) -> int:
    return len(record.key) + len(record.value)
