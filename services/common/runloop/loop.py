"""The run loop: everything between the log and a service's pure handler, written once.

This is the part that knows the group: who owns which partitions, what is polled for whom, and how to let go. What
happens inside a partition is in `partition.py`.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from services.common.eventlog.port import EventLog, LogError, Position, TopicMismatch
from services.common.progress import ProgressStore
from services.common.runloop.clock import Clock
from services.common.runloop.handling import Handler
from services.common.runloop.metrics import LoopMetrics
from services.common.runloop.partition import Limits, Loader, LoopContext, Pacing, PartitionOwner, WrongLog

__all__ = ["Limits", "Loader", "Pacing", "RunLoop", "WrongLog"]

logger = logging.getLogger(__name__)

POLL_SECONDS = 1.0
LAG_SECONDS = 5.0
LOOK_SECONDS = 0.05
"""How often to look for a position that another process has to pass."""


class RunLoop:
    """Feeds a handler from the log, in a group with other processes, until stopped."""

    def __init__(
        self,
        log: EventLog,
        store: ProgressStore,
        group: str,
        topics: Sequence[str],
        handler: Handler,
        *,
        limits: Limits | None = None,
        clock: Clock | None = None,
        metrics: LoopMetrics | None = None,
        loader: Loader | None = None,
        pacing: Pacing | None = None,
        in_thread: bool = False,
    ) -> None:
        """A batch presents its topics in the order of `topics`.

        `in_thread`: the handler works long, so it runs in a thread and the event loop keeps answering.
        """
        self.group = group
        self._log = log
        self._store = store
        self._topics = tuple(topics)
        self._limits = limits or Limits()
        self._clock = clock or Clock()
        self._metrics = metrics or LoopMetrics()
        self._threads = ThreadPoolExecutor(1, f"{group}-handler") if in_thread else None
        self._consumer = log.consumer(group, topics)
        self._context = LoopContext(
            group=group,
            topics=self._topics,
            log=log,
            store=store,
            consumer=self._consumer,
            handler=handler,
            writer=uuid.uuid4().hex,
            limits=self._limits,
            clock=self._clock,
            metrics=self._metrics,
            slots=asyncio.Semaphore(self._limits.in_flight),
            compute=self._compute,
            passed=self._note_passed,
            loader=loader,
            pacing=pacing,
        )
        self._owners: dict[int, tuple[PartitionOwner, asyncio.Task[None]]] = {}
        self._assigned_once = False
        self._away: str | None = None
        """Why the log could not be asked, when it was last."""
        self._passed: dict[tuple[str, int], int] = {}
        self._waiters: dict[asyncio.Event, Position] = {}
        self._stopping = asyncio.Event()
        self._ended = asyncio.Event()
        self._broken: asyncio.Future[None] | None = None

    @property
    def ready(self) -> bool:
        """Whether it has joined its group, and every partition that it got has begun."""
        return self._assigned_once and all(owner.taken_over for owner, _ in self._owners.values())

    async def problem(self) -> str | None:
        """Why it is not ready, if it isn't: a health check."""
        return self._away if self.ready else "not in its group yet"

    async def run(self) -> None:
        """Run until `stop`, then drain and leave the group. Raises what no retry can mend."""
        self._broken = asyncio.get_running_loop().create_future()
        tasks: list[asyncio.Future[Any]] = [self._broken]
        try:
            await self._consumer.start(assigned=self._assign, revoked=self._drain)
            tasks += [asyncio.ensure_future(act()) for act in (self._poll, self._watch_lag, self._stopping.wait)]
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
            await self._drain(frozenset(self._owners))
        finally:
            everything = [*tasks, *(task for _, task in self._owners.values())]
            for task in everything:
                task.cancel()
            await asyncio.gather(*everything, return_exceptions=True)
            self._owners.clear()
            await self._consumer.close()
            if self._threads is not None:
                self._threads.shutdown(wait=False)
            self._ended.set()

    async def stop(self) -> None:
        """Finish the batches in hand, leave the group; returns when `run` has."""
        self._stopping.set()
        if self._broken is not None:
            await self._ended.wait()

    async def passed(self, position: Position, *, timeout: float) -> bool:
        """Wait until what lies at a position is applied, and what it gave rise to is published, whoever does it.

        False when that hasn't happened in time; it may still happen.
        """
        deadline = self._clock.now() + timeout
        place = (position.topic, position.partition)
        reached = asyncio.Event()
        self._waiters[reached] = position
        try:
            while self._passed.get(place, 0) <= position.offset:
                if await self._passed_elsewhere(position):
                    return True
                if (left := deadline - self._clock.now()) <= 0:
                    return False
                await self._clock.wait(reached, min(left, LOOK_SECONDS))
        finally:
            del self._waiters[reached]
        return True

    async def _passed_elsewhere(self, position: Position) -> bool:
        """Whether another process has passed a position. Its outbox may not be out yet: then it goes out twice."""
        if position.partition in self._owners:
            return False
        progress = await self._store.read_progress(self.group, position.partition)
        if progress.offsets.get(position.topic, 0) <= position.offset:
            return False
        if progress.outbox:
            await self._log.append(progress.outbox)
        return True

    def _note_passed(self, partition: int, offsets: Mapping[str, int]) -> None:
        for topic, offset in offsets.items():
            self._passed[topic, partition] = offset
        for reached, position in self._waiters.items():
            if self._passed.get((position.topic, position.partition), 0) > position.offset:
                reached.set()

    # ---- the group

    async def _assign(self, partitions: frozenset[int]) -> None:
        for partition in partitions if not self._stopping.is_set() else ():
            owner = PartitionOwner(partition, self._context)
            task = asyncio.create_task(owner.run(), name=f"{self.group}/{partition}")
            task.add_done_callback(self._notice_end)
            self._owners[partition] = (owner, task)
        self._assigned_once = True
        self._metrics.assigned(self.group, len(self._owners))
        logger.info("%s: has partitions %s", self.group, sorted(self._owners))

    async def _drain(self, partitions: frozenset[int]) -> None:
        """Let go of partitions: the batch in hand is finished if it can be, what waits is left to the next owner."""
        going = {partition: self._owners[partition] for partition in partitions if partition in self._owners}
        tasks = [task for _, task in going.values()]
        for owner, _ in going.values():
            owner.stop()
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=self._limits.drain_seconds)
            for task in late:  # as if we had crashed here: whoever is next finds all that it needs
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        for partition, owned in going.items():  # not before: a revoke during a stop waits for the same batches
            if self._owners.get(partition) is owned:
                del self._owners[partition]
                for topic in self._topics:
                    self._metrics.no_lag(self.group, topic, partition)
        self._metrics.assigned(self.group, len(self._owners))

    def _notice_end(self, task: asyncio.Task[None]) -> None:
        if task.cancelled() or self._broken is None or self._broken.done():
            return
        if (error := task.exception()) is not None:
            self._broken.set_exception(error)

    # ---- what runs beside the owners

    async def _poll(self) -> None:
        failures = 0
        limits = self._limits
        while not self._stopping.is_set():
            try:
                records = await self._consumer.poll(
                    max_records=limits.records, max_bytes=limits.bytes, timeout=POLL_SECONDS
                )
                failures = 0
            except LogError as error:
                self._metrics.outage(self.group)
                pause = limits.back_off[min(failures, len(limits.back_off) - 1)]
                failures += 1
                logger.warning("%s: %s Trying again in %s s", self.group, error, pause)
                await self._clock.wait(self._stopping, pause)
                continue
            for partition, group in itertools.groupby(records, key=lambda record: record.partition):
                if partition in self._owners:
                    self._owners[partition][0].offer(list(group))

    async def _watch_lag(self) -> None:
        while not self._stopping.is_set():
            try:
                await self._log.verify()
                for topic in self._topics:
                    ends = await self._log.end_offsets(topic)
                    for partition, (owner, _) in self._owners.items():
                        if not owner.taken_over:
                            continue
                        lag = ends[partition] - owner.offsets.get(topic, 0)
                        self._metrics.lag(self.group, topic, partition, lag)
                self._away = None
            except TopicMismatch:
                raise
            except LogError as error:
                self._away = f"the log is away: {error}"
                logger.info("%s: the lag is not known: %s", self.group, error)
            await self._clock.wait(self._stopping, LAG_SECONDS)

    async def _compute(self, act: Callable[[], Any]) -> Any:
        if self._threads is None:
            return act()
        return await asyncio.get_running_loop().run_in_executor(self._threads, act)
