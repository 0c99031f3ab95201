"""What markers have told a row partition of ingest: drafts, runs with splits, what was deleted, imports that failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from services.common import markers
from services.common.documents import Document
from services.common.eventlog.topics import GROUND_TRUTH, row_key
from services.common.failed_imports import FailedImports
from services.common.splits import split_names
from services.common.truth_chunks import ChunkedTruth
from services.common.versions import FIRST_DRAFT
from sightline.wire.events.v1.markers_pb2 import Marker


@dataclass(frozen=True, slots=True)
class ScopedRun:
    """A run that is measured on rows of some splits alone."""

    project_id: str
    dataset_id: str
    splits: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RowsMemory:
    """The memory of one row partition. Never changed: a marker makes a new one."""

    markers: Mapping[str, int] = field(default_factory=dict[str, int])
    """The place at the source of the latest marker, by `marker_stream`."""
    drafts: Mapping[str, int] = field(default_factory=dict[str, int])
    """Version number of each dataset's draft; absent: 1."""
    scoped_runs: Mapping[str, ScopedRun] = field(default_factory=dict[str, ScopedRun])
    deleted_datasets: frozenset[str] = frozenset()
    incomplete: Mapping[str, ChunkedTruth] = field(default_factory=dict[str, ChunkedTruth])
    """What has come of truths that come in chunks, by row, until they are complete."""
    made_row: tuple[int, str] = (-1, "")
    """The latest row that a run made: its place at the source, and the row."""
    failed_imports: FailedImports = field(default_factory=FailedImports)
    """What they still say is passed over."""

    def draft(self, dataset_id: str) -> int:
        """Version number of a dataset's draft."""
        return self.drafts.get(dataset_id, FIRST_DRAFT)

    def passed(self, topic: str, marker: Marker) -> bool:
        """Whether a marker is the repeat of one that was handled."""
        return markers.passed(self.markers, topic, marker)

    def after_marker(self, topic: str, project_id: str, marker: Marker) -> RowsMemory:
        """The memory once a marker is handled."""
        failed = self.failed_imports.after(topic, marker)
        told = replace(self, markers=markers.after(self.markers, topic, marker), failed_imports=failed)
        match marker.WhichOneof("what"):
            case "version_committed":
                committed = marker.version_committed
                drafts = {**told.drafts, committed.dataset_id: committed.dataset_version + 1}
                return replace(told, drafts=drafts).without_chunks(project_id, committed.dataset_id)
            case "run_created" if marker.run_created.dataset_id not in told.deleted_datasets:
                made = marker.run_created
                run = ScopedRun(project_id, made.dataset_id, split_names(made.splits))
                return replace(told, scoped_runs={**told.scoped_runs, made.run_id: run})
            case "runs_deleted":
                return told._without_runs(marker.runs_deleted.run_ids)
            case "version_deleted":
                return told._without_runs(marker.version_deleted.run_ids)
            case "dataset_deleted":
                gone = marker.dataset_deleted
                drafts = {dataset: draft for dataset, draft in told.drafts.items() if dataset != gone.dataset_id}
                deleted = told.deleted_datasets | {gone.dataset_id}
                told = replace(told, drafts=drafts, deleted_datasets=deleted)
                return told._without_runs(gone.run_ids).without_chunks(project_id, gone.dataset_id)
            case "import_failed" if topic == GROUND_TRUTH:
                ended = marker.import_failed
                return told.without_chunks(project_id, ended.dataset_id, ended.import_id)
            case "row_deleted":
                row = row_key(project_id, marker.row_deleted.dataset_id, marker.row_deleted.global_key)
                return told.with_chunks(row, None)
            case _:
                return told

    def after_made_row(self, source_offset: int, row: str) -> RowsMemory:
        """The memory once a row that a run made is handled."""
        return replace(self, made_row=(source_offset, row))

    def with_chunks(self, row: str, come: ChunkedTruth | None) -> RowsMemory:
        """The memory with what has come of a row's truth; None: nothing that will ever be complete."""
        if self.incomplete.get(row) == come:
            return self
        kept = {key: each for key, each in self.incomplete.items() if key != row}
        return replace(self, incomplete=kept if come is None else {**kept, row: come})

    def without_chunks(self, project_id: str, dataset_id: str, import_id: str | None = None) -> RowsMemory:
        """The memory when what has come of a dataset's truths (by one import) will never be complete."""
        if not self.incomplete:
            return self
        prefix = row_key(project_id, dataset_id, "")
        kept = {
            row: come
            for row, come in self.incomplete.items()
            if not row.startswith(prefix) or import_id not in (None, come.import_id)
        }
        return replace(self, incomplete=kept) if len(kept) < len(self.incomplete) else self

    def _without_runs(self, run_ids: Sequence[str]) -> RowsMemory:
        kept = {run_id: run for run_id, run in self.scoped_runs.items() if run_id not in set(run_ids)}
        return replace(self, scoped_runs=kept)

    @staticmethod
    def of_document(document: Document) -> RowsMemory:
        """The memory as it was stored."""
        return RowsMemory(
            document["markers"],
            document["drafts"],
            {
                run_id: ScopedRun(run["project_id"], run["dataset_id"], tuple(run["splits"]))
                for run_id, run in document["runs"].items()
            },
            frozenset(document.get("deleted_datasets", ())),
            {each["row"]: _chunked(each) for each in document.get("incomplete", ())},
            _made_row(*document.get("made_row", (-1, ""))),
            FailedImports.of_stored(document.get("failed_imports", {})),
        )

    def document(self, id: str) -> dict[str, Any]:
        """The memory as it is stored."""
        return {
            "_id": id,
            "markers": dict(self.markers),
            "runs": {run_id: {**asdict(run), "splits": list(run.splits)} for run_id, run in self.scoped_runs.items()},
            "drafts": dict(self.drafts),
            "deleted_datasets": sorted(self.deleted_datasets),
            "made_row": list(self.made_row),
            "incomplete": [{"row": row, **asdict(come)} for row, come in self.incomplete.items()],
            # Not where none is known: memories that were stored before there were such markers say the same.
            **({"failed_imports": self.failed_imports.stored()} if self.failed_imports.ids else {}),
        }


def _made_row(source_offset: int, row: str) -> tuple[int, str]:
    return source_offset, row


def _chunked(document: Mapping[str, Any]) -> ChunkedTruth:
    return ChunkedTruth(document["import_id"], document["chunks"], document["come"], document["annotations"])
