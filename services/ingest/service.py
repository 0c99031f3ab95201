"""What ingest does for its transports: everything that they offer, without HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Literal

import msgspec

from services.common.splits import SPLIT_NUMBERS
from services.ingest.catalog import Catalog, Granted, proposed_id, request_id
from services.ingest.data_rows import DataRows
from services.ingest.handlers.decisions import DATA_ROWS_FORMAT
from services.ingest.importing.coco_truth import inspect_truth
from services.ingest.importing.deletions import DELETION_FORMAT, PredictionDeletion
from services.ingest.importing.jobs import Ended, Imports
from services.ingest.importing.predictions import PredictionFormat, PredictionImport
from services.ingest.importing.rows import import_rows
from services.ingest.importing.truth import TruthFormat, TruthImport
from services.ingest.importing.uploads import Content
from services.ingest.steps import Steps
from sightline.domain.catalog import (
    ClassAsked,
    DatasetAsked,
    ModelAsked,
    ModelRunAsked,
    ModelRunChanges,
    OntologyAsked,
    ProjectAsked,
    ProjectChanges,
    RunConfigAsked,
    RunConfigChanges,
)
from sightline.domain.imports import TruthInspection
from sightline.wire.events.v1.catalog_pb2 import (
    BeginImport,
    CatalogRequest,
    CommitDatasetVersion,
    CreateDataset,
    CreateModel,
    CreateModelRun,
    CreateOntology,
    CreateOntologyVersion,
    CreateProject,
    CreateRunConfig,
    DeleteDataset,
    DeleteDatasetVersion,
    DeleteModel,
    DeleteModelRun,
    DeleteOntology,
    DeleteProject,
    DeleteRunConfig,
    OntologyClass,
    ReopenModelRun,
    SealModelRun,
    UpdateDataset,
    UpdateModel,
    UpdateModelRun,
    UpdateOntology,
    UpdateProject,
    UpdateRunConfig,
)
from sightline.wire.events.v1.predictions_pb2 import IMPORT_MODE_REPLACE, IMPORT_MODE_UPSERT

Body = AsyncIterator[bytes]
Key = str | None
"""A client's Idempotency-Key."""

MODES = {"upsert": IMPORT_MODE_UPSERT, "replace": IMPORT_MODE_REPLACE}


class Ingest:
    """Accepts writes. Everything belongs to the project that is named first."""

    def __init__(
        self,
        catalog: Catalog,
        imports: Imports,
        truth_import: TruthImport,
        prediction_import: PredictionImport,
        prediction_deletion: PredictionDeletion,
        rows: DataRows,
        steps: Steps,
    ) -> None:
        self.rows = rows
        self._catalog = catalog
        self._imports = imports
        self._steps = steps
        self._truth_import = truth_import
        self._prediction_import = prediction_import
        self._prediction_deletion = prediction_deletion

    async def create_project(self, project: str, asked: ProjectAsked, key: Key) -> Granted:
        """Make a project. It is another one than `project`, which is that of whoever asks."""
        id = _proposed("prj", project, key)
        what = CreateProject(project_id=id, name=asked.name, description=asked.description)
        return await self._ask(project, key, create_project=what)

    async def change_project(self, project: str, project_id: str, changes: ProjectChanges, key: Key) -> Granted:
        """Give a project another name or description."""
        what = UpdateProject(project_id=project_id, name=changes.name, description=changes.description)
        return await self._ask(project, key, update_project=what)

    async def delete_project(self, project: str, project_id: str, key: Key) -> Granted:
        """Delete a project that holds nothing."""
        return await self._ask(project, key, delete_project=DeleteProject(project_id=project_id))

    async def create_ontology(self, project: str, asked: OntologyAsked, key: Key) -> Granted:
        """Make an ontology."""
        id = _proposed("ont", project, key)
        what = CreateOntology(ontology_id=id, name=asked.name, classes=_classes(asked.classes))
        return await self._ask(project, key, create_ontology=what)

    async def add_classes(self, project: str, ontology_id: str, classes: list[ClassAsked], key: Key) -> Granted:
        """Add classes that are missing to an ontology."""
        what = CreateOntologyVersion(ontology_id=ontology_id, classes=_classes(classes))
        return await self._ask(project, key, create_ontology_version=what)

    async def rename_ontology(self, project: str, ontology_id: str, name: str, key: Key) -> Granted:
        """Give an ontology another name."""
        return await self._ask(project, key, update_ontology=UpdateOntology(ontology_id=ontology_id, name=name))

    async def delete_ontology(self, project: str, ontology_id: str, key: Key) -> Granted:
        """Delete an ontology that nothing rests on."""
        return await self._ask(project, key, delete_ontology=DeleteOntology(ontology_id=ontology_id))

    async def create_dataset(self, project: str, asked: DatasetAsked, key: Key) -> Granted:
        """Make a dataset."""
        id = _proposed("ds", project, key)
        what = CreateDataset(dataset_id=id, name=asked.name, ontology_id=asked.ontology_id)
        return await self._ask(project, key, create_dataset=what)

    async def rename_dataset(self, project: str, dataset_id: str, name: str, key: Key) -> Granted:
        """Give a dataset another name."""
        return await self._ask(project, key, update_dataset=UpdateDataset(dataset_id=dataset_id, name=name))

    async def delete_dataset(self, project: str, dataset_id: str, key: Key) -> Granted:
        """Delete a dataset with all that belongs to it. Answered when every row partition has been told."""
        return await self._ask(project, key, delete_dataset=DeleteDataset(dataset_id=dataset_id))

    async def commit_version(self, project: str, dataset_id: str, version: int | None, key: Key) -> Granted:
        """Commit a dataset's draft. Answered when every row partition has been told."""
        await self._steps.before_commit(project, dataset_id)
        what = CommitDatasetVersion(dataset_id=dataset_id, dataset_version=version or 0)
        return await self._ask(project, key, commit_dataset_version=what)

    async def delete_version(self, project: str, dataset_id: str, version: int, key: Key) -> Granted:
        """Delete a committed version with the runs that are measured on it."""
        what = DeleteDatasetVersion(dataset_id=dataset_id, dataset_version=version)
        return await self._ask(project, key, delete_dataset_version=what)

    async def create_model(self, project: str, asked: ModelAsked, key: Key) -> Granted:
        """Make a model."""
        id = _proposed("mdl", project, key)
        what = CreateModel(model_id=id, name=asked.name, ontology_id=asked.ontology_id)
        return await self._ask(project, key, create_model=what)

    async def rename_model(self, project: str, model_id: str, name: str, key: Key) -> Granted:
        """Give a model another name."""
        return await self._ask(project, key, update_model=UpdateModel(model_id=model_id, name=name))

    async def delete_model(self, project: str, model_id: str, key: Key) -> Granted:
        """Delete a model with its runs."""
        return await self._ask(project, key, delete_model=DeleteModel(model_id=model_id))

    async def create_model_run(self, project: str, asked: ModelRunAsked, key: Key) -> Granted:
        """Make a run."""
        if not asked.accepts_new_rows:
            await self._steps.before_run(project, asked.dataset_id)
        what = CreateModelRun(
            run_id=_proposed("run", project, key),
            model_id=asked.model_id,
            name=asked.name,
            dataset_id=asked.dataset_id,
            dataset_version=asked.dataset_version or 0,
            ontology_version=asked.ontology_version or 0,
            config_json=_json(asked.config) if asked.config else b"",
            run_config_id=asked.run_config_id or "",
            splits=sorted(SPLIT_NUMBERS[split] for split in set(asked.splits)),
            accepts_new_rows=asked.accepts_new_rows,
        )
        return await self._ask(project, key, create_model_run=what)

    async def change_model_run(self, project: str, run_id: str, changes: ModelRunChanges, key: Key) -> Granted:
        """Give a run another name or config."""
        what = UpdateModelRun(run_id=run_id, name=changes.name)
        if changes.config is not None:
            what.config_json = _json(changes.config)
        return await self._ask(project, key, update_model_run=what)

    async def delete_model_run(self, project: str, run_id: str, key: Key) -> Granted:
        """Delete a run with its predictions."""
        return await self._ask(project, key, delete_model_run=DeleteModelRun(run_id=run_id))

    async def seal_model_run(self, project: str, run_id: str, key: Key) -> Granted:
        """Let a run take no more predictions."""
        return await self._ask(project, key, seal_model_run=SealModelRun(run_id=run_id))

    async def reopen_model_run(self, project: str, run_id: str, key: Key) -> Granted:
        """Let a sealed run take predictions again."""
        return await self._ask(project, key, reopen_model_run=ReopenModelRun(run_id=run_id))

    async def create_run_config(self, project: str, asked: RunConfigAsked, key: Key) -> Granted:
        """Save a config for runs to come."""
        id = _proposed("cfg", project, key)
        what = CreateRunConfig(run_config_id=id, name=asked.name, config_json=_json(asked.config))
        return await self._ask(project, key, create_run_config=what)

    async def change_run_config(self, project: str, run_config_id: str, changes: RunConfigChanges, key: Key) -> Granted:
        """Give a saved config another name or content."""
        what = UpdateRunConfig(run_config_id=run_config_id, name=changes.name)
        if changes.config is not None:
            what.config_json = _json(changes.config)
        return await self._ask(project, key, update_run_config=what)

    async def delete_run_config(self, project: str, run_config_id: str, key: Key) -> Granted:
        """Forget a saved config."""
        return await self._ask(project, key, delete_run_config=DeleteRunConfig(run_config_id=run_config_id))

    async def import_rows(self, project: str, dataset_id: str, body: Body, key: Key, *, name: str = "") -> Ended:
        """Make or change data rows, from NDJSON. `name`: what people call an import, here and below."""
        begin = BeginImport(dataset_id=dataset_id, format=DATA_ROWS_FORMAT, name=name)
        return await self._import(project, key, begin, "data_row", import_rows, body)

    async def import_truth(
        self, project: str, dataset_id: str, body: Body, key: Key, *, format: TruthFormat = "coco", name: str = ""
    ) -> Ended:
        """Replace the truth of a dataset's draft by that of a COCO file, or that of some rows from NDJSON."""
        await self._steps.before_truth(project, dataset_id, makes_rows=format == "coco")
        begin = BeginImport(dataset_id=dataset_id, format=format, name=name)
        work = partial(self._truth_import.run, format=format)
        return await self._import(project, key, begin, "truth", work, body)

    async def inspect_truth(self, body: Body) -> TruthInspection:
        """Say what is in a COCO truth file."""
        return await inspect_truth(body)

    async def import_predictions(
        self,
        project: str,
        run_id: str,
        mode: Literal["upsert", "replace"],
        body: Body,
        key: Key,
        *,
        format: PredictionFormat = "coco",
        name: str = "",
    ) -> Ended:
        """Take a run's predictions from COCO results or NDJSON."""
        await self._steps.before_predictions(project, run_id)
        begin = BeginImport(run_id=run_id, mode=MODES[mode], format=format, name=name)
        work = partial(self._prediction_import.run, run_id=run_id, mode=MODES[mode], format=format)
        return await self._import(project, key, begin, "prediction", work, body)

    async def delete_predictions(self, project: str, run_id: str, body: Body, key: Key, *, name: str = "") -> Ended:
        """Take predictions of a run back, by uuid."""
        begin = BeginImport(run_id=run_id, format=DELETION_FORMAT, name=name)
        work = partial(self._prediction_deletion.run, run_id=run_id)
        return await self._import(project, key, begin, "prediction_deletion", work, body)

    async def _import(
        self, project: str, key: Key, begin: BeginImport, kind: str, work: Callable[..., Awaitable[None]], body: Body
    ) -> Ended:
        """Carry out an import that reads a body. Only what may be repeated is compared with what was read then."""
        content = Content(body) if key is not None else None
        work = partial(work, body=aiter(content or body))
        return await self._imports.carry_out(project, key, begin, kind, work, content)

    async def _ask(self, project: str, key: Key, **what: Any) -> Granted:
        return await self._catalog.ask(project, CatalogRequest(request_id=request_id(key), **what))


def _proposed(prefix: str, project: str, key: Key) -> str:
    return proposed_id(prefix, project, request_id(key))


def _json(config: Mapping[str, Any]) -> bytes:
    return msgspec.json.encode(config, order="deterministic")


def _classes(classes: list[ClassAsked]) -> list[OntologyClass]:
    return [OntologyClass(name=item.name, kind=item.kind) for item in classes]
