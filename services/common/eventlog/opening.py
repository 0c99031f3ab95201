"""Which log the settings name. Nothing else asks whether it is the embedded one or Kafka."""

from __future__ import annotations

from services.common.eventlog.port import EventLog, LogError, TopicMismatch
from services.common.eventlog.sqlite.log import SqliteLog
from services.common.eventlog.topics import topics
from services.common.runloop.partition import WrongLog
from services.common.runtime.settings import Settings


class LogAway(LogError):
    """The log doesn't answer; it may, later."""


def log_of(settings: Settings) -> EventLog:
    """The log that the settings name, not yet opened."""
    cluster = settings.kafka
    if cluster is None:
        return SqliteLog(settings.log_path)
    from services.common.eventlog.kafka.log import KafkaLog  # the embedded log waits for no driver to load

    return KafkaLog(cluster)


async def open_log(settings: Settings, *, create: bool = True) -> EventLog:
    """Open the log that the settings name. `LogAway` where waiting may help; other errors stay as they are."""
    log = log_of(settings)
    try:
        await log.open(topics(settings.row_partitions), create=create)
    except (TopicMismatch, WrongLog):
        raise
    except LogError as error:
        if settings.kafka is None:  # a file of this machine: what is wrong with it stays wrong
            raise
        raise LogAway(str(error)) from error
    return log
