"""What ingest does for its transports: everything that they offer, without HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import Literal

import msgspec

from services.ingest.catalog import Catalog, Granted, proposed_id, request_id
from services.ingest.handlers.decisions import DATA_ROWS_FORMAT
from services.ingest.import_predictions import PredictionImport
from services.ingest.import_rows import import_rows
from services.ingest.import_truth import TruthImport
from services.ingest.imports import Ended, Imports
from services.ingest.truth_upload import inspect_truth
from sightline.domain.catalog import ClassAsked, DatasetAsked, ModelAsked, ModelRunAsked, OntologyAsked
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
    OntologyClass,
)
from sightline.wire.events.v1.predictions_pb2 import IMPORT_MODE_REPLACE, IMPORT_MODE_UPSERT

Body = AsyncIterator[bytes]
Key = str | None
"""A client's Idempotency-Key."""

MODES = {"upsert": IMPORT_MODE_UPSERT, "replace": IMPORT_MODE_REPLACE}


class Ingest:
    """Accepts writes. Everything belongs to the project that is named first."""

    def __init__(
        self, catalog: Catalog, imports: Imports, truth_import: TruthImport, prediction_import: PredictionImport
    ) -> None:
        self._catalog = catalog
        self._imports = imports
        self._truth_import = truth_import
        self._prediction_import = prediction_import

    async def create_ontology(self, project: str, asked: OntologyAsked, key: Key) -> Granted:
        """Make an ontology."""
        request = request_id(key)
        id = proposed_id("ont", project, request)
        what = CreateOntology(ontology_id=id, name=asked.name, classes=_classes(asked.classes))
        return await self._catalog.ask(project, CatalogRequest(request_id=request, create_ontology=what))

    async def add_classes(self, project: str, ontology_id: str, classes: list[ClassAsked], key: Key) -> Granted:
        """Add classes that are missing to an ontology."""
        what = CreateOntologyVersion(ontology_id=ontology_id, classes=_classes(classes))
        return await self._catalog.ask(
            project, CatalogRequest(request_id=request_id(key), create_ontology_version=what)
        )

    async def create_dataset(self, project: str, asked: DatasetAsked, key: Key) -> Granted:
        """Make a dataset."""
        request = request_id(key)
        id = proposed_id("ds", project, request)
        what = CreateDataset(dataset_id=id, name=asked.name, ontology_id=asked.ontology_id)
        return await self._catalog.ask(project, CatalogRequest(request_id=request, create_dataset=what))

    async def commit_version(self, project: str, dataset_id: str, version: int | None, key: Key) -> Granted:
        """Commit a dataset's draft. Answered when every row partition has been told."""
        what = CommitDatasetVersion(dataset_id=dataset_id, dataset_version=version or 0)
        return await self._catalog.ask(project, CatalogRequest(request_id=request_id(key), commit_dataset_version=what))

    async def create_model(self, project: str, asked: ModelAsked, key: Key) -> Granted:
        """Make a model."""
        request = request_id(key)
        id = proposed_id("mdl", project, request)
        what = CreateModel(model_id=id, name=asked.name, ontology_id=asked.ontology_id)
        return await self._catalog.ask(project, CatalogRequest(request_id=request, create_model=what))

    async def create_model_run(self, project: str, asked: ModelRunAsked, key: Key) -> Granted:
        """Make a run."""
        request = request_id(key)
        what = CreateModelRun(
            run_id=proposed_id("run", project, request),
            model_id=asked.model_id,
            name=asked.name,
            dataset_id=asked.dataset_id,
            dataset_version=asked.dataset_version,
            config_json=msgspec.json.encode(asked.config, order="deterministic") if asked.config else b"",
        )
        return await self._catalog.ask(project, CatalogRequest(request_id=request, create_model_run=what))

    async def import_rows(self, project: str, dataset_id: str, body: Body, key: Key) -> Ended:
        """Make or change data rows, from NDJSON."""
        begin = BeginImport(dataset_id=dataset_id, format=DATA_ROWS_FORMAT)
        return await self._imports.carry_out(project, key, begin, "data_row", partial(import_rows, body=body))

    async def import_truth(self, project: str, dataset_id: str, body: Body, key: Key) -> Ended:
        """Replace the truth of a dataset's draft by that of a COCO file."""
        begin = BeginImport(dataset_id=dataset_id, format="coco")
        work = partial(self._truth_import.run, body=body)
        return await self._imports.carry_out(project, key, begin, "truth", work)

    async def inspect_truth(self, body: Body) -> TruthInspection:
        """Say what is in a COCO truth file."""
        return await inspect_truth(body)

    async def import_predictions(
        self, project: str, run_id: str, mode: Literal["upsert", "replace"], body: Body, key: Key
    ) -> Ended:
        """Take a run's predictions from COCO results."""
        begin = BeginImport(run_id=run_id, mode=MODES[mode], format="coco")
        work = partial(self._prediction_import.run, run_id=run_id, mode=MODES[mode], body=body)
        return await self._imports.carry_out(project, key, begin, "prediction", work)


def _classes(classes: list[ClassAsked]) -> list[OntologyClass]:
    return [OntologyClass(name=item.name, kind=item.kind) for item in classes]
