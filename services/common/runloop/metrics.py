"""What the run loop tells of itself: a closed list, so that a dashboard can rest on it."""

from __future__ import annotations


class LoopMetrics:
    """Everything that can be counted of a loop. This one counts nothing; the runtime has one that does."""

    def applied(self, group: str, topic: str, events: int) -> None:
        """Events of a topic were applied."""

    def batch(self, group: str, seconds: float) -> None:
        """A batch is through, from reading its documents to its outbox published."""

    def dead_letter(self, group: str, topic: str, *, bug: bool) -> None:
        """An event went onto the dead-letter topic."""

    def moved(self, group: str, topic: str, events: int) -> None:
        """Events that a producer had put into a wrong partition went to the right one."""

    def passed_over(self, group: str, reason: str, events: int) -> None:
        """Events changed nothing, though nothing is wrong with them."""

    def outage(self, group: str) -> None:
        """The log or the read model failed, and it is tried again."""

    def lost_race(self, group: str) -> None:
        """Another owner wrote the progress first."""

    def assigned(self, group: str, partitions: int) -> None:
        """How many partitions this process owns now."""

    def lag(self, group: str, topic: str, partition: int, events: int) -> None:
        """How many events are not applied yet."""

    def no_lag(self, group: str, topic: str, partition: int) -> None:
        """The partition is another's now: what is not applied there is for its owner to say."""
