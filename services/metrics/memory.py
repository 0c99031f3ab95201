"""What markers have told a row partition: which runs there are, and which version of a dataset is the draft."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from services.common.documents import Document
from sightline.wire.events.v1.markers_pb2 import RunCreated, VersionCommitted

GROUP = "metrics.rows"
FIRST_DRAFT = 1


def memory_id(partition: int) -> str:
    """The `_id` of a partition's document in `row_partitions`."""
    return f"{GROUP}/{partition}"


@dataclass(frozen=True, slots=True)
class KnownRun:
    """A run that a marker has told of, and the version it is measured on."""

    project_id: str
    dataset_id: str
    dataset_version: int
    source_offset: int


@dataclass(frozen=True)
class PartitionMemory:
    """The memory of one row partition. Never changed: a marker makes a new one.

    It grows with runs and datasets alone, never with rows or predictions.
    """

    partition: int
    markers: Mapping[str, int] = field(default_factory=dict[str, int])
    """Source offset of the latest marker handled, by topic."""
    runs: Mapping[str, KnownRun] = field(default_factory=dict[str, KnownRun])
    drafts: Mapping[str, int] = field(default_factory=dict[str, int])

    def draft(self, dataset_id: str) -> int:
        """The version that truth belongs to which comes now."""
        return self.drafts.get(dataset_id, FIRST_DRAFT)

    def runs_from(self, dataset_id: str, version: int) -> Sequence[str]:
        """Runs that are measured on this version of a dataset, or on a later one."""
        return [run_id for run_id, pinned in self._runs_of.get(dataset_id, ()) if pinned >= version]

    def runs_on(self, dataset_id: str, version: int) -> Sequence[str]:
        """Runs that are measured on exactly this version of a dataset."""
        return [run_id for run_id, pinned in self._runs_of.get(dataset_id, ()) if pinned == version]

    def passed(self, topic: str, source_offset: int) -> bool:
        """Whether a marker is the repeat of one that was handled."""
        return source_offset <= self.markers.get(topic, -1)

    def after_run_created(self, topic: str, source_offset: int, project_id: str, made: RunCreated) -> PartitionMemory:
        """The memory once the marker of a new run is handled."""
        run = KnownRun(project_id, made.dataset_id, made.dataset_version, source_offset)
        return replace(self, markers={**self.markers, topic: source_offset}, runs={**self.runs, made.run_id: run})

    def after_version_committed(self, topic: str, source_offset: int, committed: VersionCommitted) -> PartitionMemory:
        """The memory once the marker of a committed version is handled: the next one is the draft."""
        drafts = {**self.drafts, committed.dataset_id: committed.dataset_version + 1}
        return replace(self, markers={**self.markers, topic: source_offset}, drafts=drafts)

    @cached_property
    def _runs_of(self) -> Mapping[str, Sequence[tuple[str, int]]]:
        runs: dict[str, list[tuple[str, int]]] = {}
        for run_id, run in self.runs.items():
            runs.setdefault(run.dataset_id, []).append((run_id, run.dataset_version))
        return runs

    @staticmethod
    def of_document(partition: int, document: Document | None) -> PartitionMemory:
        """The memory as it was stored; an empty one where nothing was."""
        if document is None:
            return PartitionMemory(partition)
        runs = {
            run_id: KnownRun(run["project_id"], run["dataset_id"], run["dataset_version"], run["source_offset"])
            for run_id, run in document["runs"].items()
        }
        return PartitionMemory(partition, document["markers"], runs, document["drafts"])

    def document(self) -> dict[str, Any]:
        """The memory as it is stored."""
        runs = {
            run_id: {
                "project_id": run.project_id,
                "dataset_id": run.dataset_id,
                "dataset_version": run.dataset_version,
                "source_offset": run.source_offset,
            }
            for run_id, run in self.runs.items()
        }
        return {
            "_id": memory_id(self.partition),
            "markers": dict(self.markers),
            "runs": runs,
            "drafts": dict(self.drafts),
        }
