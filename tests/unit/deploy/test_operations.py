"""docs/operations.md says what is true of the code: topics, metrics, settings."""

from __future__ import annotations

import re
from pathlib import Path

from prometheus_client.metrics import MetricWrapperBase

from services.common.eventlog.topics import MIB, Topic, topics
from services.common.runtime import telemetry
from services.common.runtime.settings import Settings

ROOT = Path(__file__).parents[3]
GUIDE = (ROOT / "docs" / "operations.md").read_text()


def section(title: str) -> str:
    return GUIDE.split(f"## {title}\n")[1].split("\n## ")[0]


def cells(table: str) -> list[list[str]]:
    """The rows of the first table, without its heading."""
    rows = re.search(r"(?:^\|.*\n)+", table, re.MULTILINE)
    assert rows
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in rows[0].splitlines()[2:]]


def described(topic: Topic) -> list[str]:
    return [
        f"`{topic.name}`",
        topic.key,
        "1" if topic.partitions == 1 else "`ROW_PARTITIONS`",
        ", ".join(topic.producers),
        ", ".join(topic.consumers) or "–",
        f"{topic.max_message_bytes // MIB} MiB",
        "for ever" if topic.retention_ms == -1 else f"{topic.retention_ms} ms",
    ]


def test_the_topics_are_those_of_the_code() -> None:
    assert cells(section("Topics")) == [described(topic) for topic in topics(row_partitions=7)]


def test_the_metrics_are_those_of_the_code() -> None:
    # A counter's own name lacks the ending that it is exported with.
    metrics = [value for value in vars(telemetry).values() if isinstance(value, MetricWrapperBase)]
    exported = {sample.name for metric in metrics for family in metric.describe() for sample in [family]}
    assert exported
    said = {re.sub(r"_total$", "", name) for name in re.findall(r"^\| `(sightline_\w+)`", GUIDE, re.MULTILINE)}

    assert said == exported


def test_every_setting_that_is_named_exists() -> None:
    settings = {f"SIGHTLINE_{name.upper()}" for name in Settings.model_fields}

    assert set(re.findall(r"SIGHTLINE_[A-Z_]+[A-Z]", GUIDE)) <= settings
    assert {name for name in settings if name.startswith("SIGHTLINE_KAFKA_")} <= set(
        re.findall(r"SIGHTLINE_[A-Z_]+[A-Z]", GUIDE)
    )
