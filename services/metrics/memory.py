"""What a row partition remembers: the runs and drafts that markers told of, and what came from other partitions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple

from services.common import markers
from services.common.documents import Document
from services.common.failed_imports import FailedImports
from services.common.groups import METRICS_ROWS
from services.common.splits import split_names
from services.common.versions import FIRST_DRAFT
from sightline.wire.events.v1.event_pb2 import Place
from sightline.wire.events.v1.markers_pb2 import Marker, RunCreated, VersionCommitted


def memory_id(partition: int) -> str:
    """The `_id` of a partition's document in `row_partitions`."""
    return f"{METRICS_ROWS}/{partition}"


class Draft(NamedTuple):
    """The version that truth belongs to which comes now."""

    version: int
    kept: int
    """Versions from this one up to the draft are all deleted: truth that began there and has ended is in none."""


@dataclass(frozen=True, slots=True)
class KnownRun:
    """A run that a marker has told of, and the version it is measured on."""

    project_id: str
    dataset_id: str
    dataset_version: int
    source_offset: int
    highest_class: int = 0
    """Its classes are 1 to this; 0: not known."""
    accepts_new_rows: bool = False
    sealed: bool = False
    splits: tuple[str, ...] = ()
    """Its scope: rows of these splits alone; none: all."""

    def has_class(self, class_id: int) -> bool:
        """Whether its ontology version has a class."""
        return not self.highest_class or class_id <= self.highest_class


@dataclass(frozen=True)
class PartitionMemory:
    """The memory of one row partition. Never changed: a marker makes a new one.

    It grows with runs, datasets and partitions alone, never with rows or predictions; of imports it keeps the last.
    """

    partition: int
    markers: Mapping[str, int] = field(default_factory=dict[str, int])
    """Source offset of the latest marker handled, by `marker_stream`."""
    runs: Mapping[str, KnownRun] = field(default_factory=dict[str, KnownRun])
    drafts: Mapping[str, int] = field(default_factory=dict[str, int])
    deleted_runs: frozenset[str] = frozenset()
    deleted_datasets: frozenset[str] = frozenset()
    """Such ids never return: what still comes for them is passed over."""
    deleted_versions: Mapping[str, frozenset[int]] = field(default_factory=dict[str, frozenset[int]])
    """By dataset."""
    moved: Mapping[int, int] = field(default_factory=dict[int, int])
    """Where the latest event lay that came here from another partition, by partition."""
    failed_imports: FailedImports = field(default_factory=FailedImports)
    """What they still say is passed over."""

    def draft(self, dataset_id: str) -> Draft:
        """The version that truth belongs to which comes now."""
        version = self.drafts.get(dataset_id, FIRST_DRAFT)
        return Draft(version, self._deleted_around(dataset_id, version).start)

    def deleted_with(self, dataset_id: str, version: int) -> range:
        """Deleted versions around one of them: truth that began and ended in there is in no version."""
        around = self._deleted_around(dataset_id, version)
        return range(around.start, max(around.stop, version + 1))

    def runs_from(self, dataset_id: str, version: int) -> Sequence[str]:
        """Runs that are measured on this version of a dataset, or on a later one."""
        return [run_id for run_id, pinned in self._runs_of.get(dataset_id, ()) if pinned >= version]

    def runs_on(self, dataset_id: str, version: int) -> Sequence[str]:
        """Runs that are measured on exactly this version of a dataset."""
        return [run_id for run_id, pinned in self._runs_of.get(dataset_id, ()) if pinned == version]

    def passed(self, topic: str, marker: Marker) -> bool:
        """Whether a marker is the repeat of one that was handled."""
        return markers.passed(self.markers, topic, marker)

    def after(self, topic: str, marker: Marker) -> PartitionMemory:
        """The memory once a marker is handled, whatever it says."""
        failed = self.failed_imports.after(topic, marker)
        return replace(self, markers=markers.after(self.markers, topic, marker), failed_imports=failed)

    def has_moved(self, place: Place) -> bool:
        """Whether an event is the repeat of one that came here from another partition."""
        return place.offset <= self.moved.get(place.partition, -1)

    def after_move(self, place: Place) -> PartitionMemory:
        """The memory once an event from another partition is handled, whatever it says."""
        return replace(self, moved={**self.moved, place.partition: place.offset})

    def with_run(self, project_id: str, source_offset: int, made: RunCreated) -> PartitionMemory:
        """The memory once a run is known."""
        run = KnownRun(
            project_id,
            made.dataset_id,
            made.dataset_version,
            source_offset,
            made.highest_class_id,
            made.accepts_new_rows,
            splits=split_names(made.splits),
        )
        return replace(self, runs={**self.runs, made.run_id: run})

    def with_sealed(self, run_id: str, *, sealed: bool) -> PartitionMemory:
        """The memory once a run takes no more predictions, or takes them again."""
        run = self.runs.get(run_id)
        if run is None:
            return self
        return replace(self, runs={**self.runs, run_id: replace(run, sealed=sealed)})

    def without_runs(self, run_ids: Sequence[str]) -> PartitionMemory:
        """The memory once runs are deleted."""
        gone = self.deleted_runs.union(run_ids)
        kept = {run_id: run for run_id, run in self.runs.items() if run_id not in gone}
        return replace(self, runs=kept, deleted_runs=gone)

    def without_dataset(self, dataset_id: str) -> PartitionMemory:
        """The memory once a dataset is deleted."""
        drafts = {dataset: draft for dataset, draft in self.drafts.items() if dataset != dataset_id}
        versions = {dataset: gone for dataset, gone in self.deleted_versions.items() if dataset != dataset_id}
        deleted = self.deleted_datasets | {dataset_id}
        return replace(self, drafts=drafts, deleted_versions=versions, deleted_datasets=deleted)

    def without_version(self, dataset_id: str, version: int) -> PartitionMemory:
        """The memory once a version of a dataset is deleted."""
        gone = self.deleted_versions.get(dataset_id, frozenset()) | {version}
        return replace(self, deleted_versions={**self.deleted_versions, dataset_id: gone})

    def with_committed(self, committed: VersionCommitted) -> PartitionMemory:
        """The memory once a version is committed: the next one is the draft."""
        return replace(self, drafts={**self.drafts, committed.dataset_id: committed.dataset_version + 1})

    def _deleted_around(self, dataset_id: str, version: int) -> range:
        """The deleted versions next to a version, on either side."""
        gone = self.deleted_versions.get(dataset_id, frozenset[int]())
        first = last = version
        while first - 1 in gone:
            first -= 1
        while last in gone:
            last += 1
        return range(first, last)

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
        return PartitionMemory(
            partition,
            document["markers"],
            {run_id: _known_run(run) for run_id, run in document["runs"].items()},
            document["drafts"],
            frozenset(document.get("deleted_runs", ())),
            frozenset(document.get("deleted_datasets", ())),
            {dataset: frozenset(gone) for dataset, gone in document.get("deleted_versions", {}).items()},
            {int(partition): offset for partition, offset in document.get("moved", {}).items()},
            FailedImports.of_stored(document.get("failed_imports", {})),
        )

    def document(self) -> dict[str, Any]:
        """The memory as it is stored."""
        return {
            "_id": memory_id(self.partition),
            "markers": dict(self.markers),
            "runs": {run_id: {**asdict(run), "splits": list(run.splits)} for run_id, run in self.runs.items()},
            "drafts": dict(self.drafts),
            "deleted_runs": sorted(self.deleted_runs),
            "deleted_datasets": sorted(self.deleted_datasets),
            "deleted_versions": {dataset: sorted(gone) for dataset, gone in self.deleted_versions.items()},
            "moved": {str(partition): offset for partition, offset in self.moved.items()},
            # Not where none is known: memories that were stored before there were such markers say the same.
            **({"failed_imports": self.failed_imports.stored()} if self.failed_imports.ids else {}),
        }


def _known_run(stored: Mapping[str, Any]) -> KnownRun:
    run = KnownRun(**stored)
    return replace(run, splits=tuple(run.splits))
