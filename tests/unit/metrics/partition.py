"""One row partition with a store in memory: what the run loop and MongoDB do, without either."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Mapping, Sequence
from typing import Any

from services.common.documents import Delete, DeleteMany, Read, Replace, State, Update, UpdateMany, Write
from services.common.runloop.handling import Batch, Delivery, Handler, Outcome
from services.metrics.handlers import RowsHandler
from tests.unit.metrics.saying import PARTITIONS


def matches(document: Mapping[str, Any], filter: Mapping[str, Any]) -> bool:
    """The part of MongoDB's filters that the handler uses; comparisons never match another type."""
    for name, wanted in filter.items():
        value = document.get(name)
        if not isinstance(wanted, Mapping):
            if value != wanted:
                return False
            continue
        for operator, operand in wanted.items():
            match operator:
                case "$in":
                    fits = value in operand
                case "$ne":
                    fits = value != operand
                case "$gte":
                    fits = value is not None and value >= operand
                case "$lt":
                    fits = value is not None and value < operand
                case "$lte":
                    fits = value is not None and value <= operand
                case "$gt":
                    fits = value is not None and value > operand
                case _:
                    raise AssertionError(operator)
            if not fits:
                return False
    return True


class Store:
    """Collections as dictionaries."""

    def __init__(self) -> None:
        self.collections: dict[str, dict[str, dict[str, Any]]] = {}

    def __getitem__(self, name: str) -> dict[str, dict[str, Any]]:
        return self.collections.setdefault(name, {})

    async def find(self, read: Read) -> list[dict[str, Any]]:
        found = [copy.deepcopy(d) for d in self[read.collection].values() if matches(d, read.filter)]
        if read.projection:
            found = [{k: v for k, v in d.items() if k == "_id" or k in read.projection} for d in found]
        return found

    def apply(self, writes: Sequence[Write]) -> None:
        for write in writes:
            collection = self[write.collection]
            match write:
                case Replace():
                    collection[write.document["_id"]] = copy.deepcopy(dict(write.document))
                case Update():
                    if write.id in collection:
                        collection[write.id].update(copy.deepcopy(dict(write.fields)))
                case Delete():
                    collection.pop(write.id, None)
                case UpdateMany():
                    assert set(write.update) == {"$set"}
                    for document in collection.values():
                        if matches(document, write.filter):
                            document.update(write.update["$set"])
                case DeleteMany():
                    for id in [id for id, document in collection.items() if matches(document, write.filter)]:
                        del collection[id]


class Partition:
    """Feeds batches to the handler and keeps what comes of them."""

    def __init__(self, number: int = 0, *, handler: Handler | None = None, forgetful: bool = False) -> None:
        self.number = number
        self.store = Store()
        self.handler = handler or RowsHandler(PARTITIONS)
        self.outcomes: list[Outcome] = []
        self._forgetful = forgetful
        self._memory: Any = None

    def feed(self, deliveries: Sequence[Delivery]) -> Outcome:
        """One batch."""
        while (outcome := self.feed_once(deliveries)).more:
            pass
        return outcome

    def feed_once(self, deliveries: Sequence[Delivery]) -> Outcome:
        """One batch, or a piece of what it amounts to."""
        return asyncio.run(self._feed(deliveries))

    async def _feed(self, deliveries: Sequence[Delivery]) -> Outcome:
        if self._memory is None or self._forgetful:
            self._memory = self.handler.remember(self.number, await self._found(self.handler.recall(self.number), {}))
        batch = Batch(self.number, deliveries)
        first = await self._found(self.handler.reads(batch, self._memory), {})
        state = await self._found(self.handler.further_reads(batch, first), first)
        outcome = self.handler.handle(batch, state, self._memory)
        self.store.apply(outcome.writes)
        self._memory = outcome.memory
        self.outcomes.append(outcome)
        return outcome

    async def _found(self, reads: Sequence[Read], before: State) -> State:
        state = {collection: [*documents] for collection, documents in before.items()}
        for read in reads:
            state.setdefault(read.collection, []).extend(await self.store.find(read))
        return state

    def touched(self) -> list[tuple[str, bool]]:
        """(run, settled) of every touch so far."""
        said = [out.event.run_touched for outcome in self.outcomes for out in outcome.events]
        return [(touch.run_id, touch.settled) for touch in said]

    def refused(self) -> list[str]:
        """Reasons of every refusal so far."""
        return [refused.reason for outcome in self.outcomes for refused in outcome.refused]
