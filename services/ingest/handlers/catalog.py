"""The catalog: requests in their order on the log, decided one after the other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from services.common.documents import Read, State
from services.common.markers import topics_of
from services.common.runloop.handling import Batch, Delivery, Handler, Outcome, Outgoing, Refused, derived_event
from services.ingest.handlers.catalog_state import (
    DATASET_VERSIONS,
    DATASETS,
    DECISIONS,
    IMPORTS,
    MODEL_RUNS,
    MODELS,
    ONTOLOGIES,
    PROJECTS,
    RUN_CONFIGS,
    CatalogState,
    Fields,
)
from services.ingest.handlers.decisions import ROW_DELETION, Place, decide
from services.ingest.handlers.decisions.projects import IMPLICIT
from sightline.wire.events.v1.catalog_pb2 import CatalogRequest
from sightline.wire.events.v1.markers_pb2 import Marker

PASSING = ("import-open", "not-now", "step-missing", "project-not-empty")
"""Problems that time may solve: a request that came to one is decided anew when it is repeated."""


def fingerprint(request: CatalogRequest) -> str:
    """Tells a repeated request from another one under the same request id."""
    return sha256(request.SerializeToString(deterministic=True)).hexdigest()


@dataclass(frozen=True, slots=True)
class CatalogMemory:
    """All projects and ontologies, by `_id`: they are few, and requests do not name those that they rest on."""

    projects: Mapping[str, Fields]
    ontologies: Mapping[str, Fields]


class CatalogHandler(Handler):
    """Decides catalog requests, stores each decision under its request's id, and tells all rows by markers."""

    def __init__(self, row_partitions: int) -> None:
        self._row_partitions = row_partitions

    def recall(self, partition: int) -> Sequence[Read]:
        """All projects and ontologies."""
        return [Read(PROJECTS, {}), Read(ONTOLOGIES, {})]

    def remember(self, partition: int, state: State) -> CatalogMemory:
        """All projects and ontologies. Nothing need have been said of `default`."""
        stored = {name: {each["_id"]: dict(each) for each in state.get(name, ())} for name in (PROJECTS, ONTOLOGIES)}
        return CatalogMemory({IMPLICIT["_id"]: IMPLICIT} | stored[PROJECTS], stored[ONTOLOGIES])

    def reads(self, batch: Batch, memory: Any) -> Sequence[Read]:
        """What the requests name, and what has their names already."""
        wanted: defaultdict[str, set[str]] = defaultdict(set)
        names: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
        ends: set[str] = set()
        for delivery in batch.deliveries:
            request = delivery.event.catalog_request
            project = delivery.event.project_id
            wanted[DECISIONS].add(f"{project}/{request.request_id}")
            for collection, ids in _named_ids(request):
                wanted[collection].add(f"{project}/{ids}")
            for collection, name in _named_names(request):
                names[collection, project].add(name)
            if request.HasField("end_import"):
                ends.add(request.end_import.import_id)
        reads = [Read(collection, {"_id": {"$in": sorted(ids)}}) for collection, ids in wanted.items()]
        for (collection, project), found in names.items():
            reads.append(Read(collection, {"project_id": project, "name": {"$in": sorted(found)}}))
        if ends:
            reads.append(Read(DATASETS, {"open_imports": {"$in": sorted(ends)}}))
            reads.append(Read(MODEL_RUNS, {"open_import": {"$in": sorted(ends)}}))
        for delivery in batch.deliveries:
            project_id = delivery.event.project_id
            for collection, of in _dependent(delivery.event.catalog_request):
                reads.append(Read(collection, {"project_id": project_id, **of}))
        return reads

    def handle(self, batch: Batch, state: State, memory: CatalogMemory) -> Outcome:
        """Decide every request that has no decision yet."""
        remembered = {PROJECTS: list(memory.projects.values()), ONTOLOGIES: list(memory.ontologies.values())}
        catalog = CatalogState({**state, **remembered})
        events: list[Outgoing] = []
        refused: list[Refused] = []
        for delivery in batch.deliveries:
            event = delivery.event
            request = event.catalog_request
            if not request.request_id:
                refused.append(Refused(delivery, "a catalog request without an id"))
                continue
            there = catalog.get(DECISIONS, event.project_id, request.request_id)
            if there is not None and there["problem"] not in PASSING:
                continue
            decision = decide(catalog, Place(event.project_id, event.time_unix_ms, delivery.offset), request)
            if decision is None:
                refused.append(Refused(delivery, "a catalog request that asks for nothing known"))
                continue
            catalog.put(
                DECISIONS,
                {
                    "_id": f"{event.project_id}/{request.request_id}",
                    "project_id": event.project_id,
                    "request_id": request.request_id,
                    "fingerprint": fingerprint(request),
                    "source_offset": delivery.offset,
                    "outcome": decision.outcome,
                    "status": decision.status,
                    "problem": decision.problem,
                    "detail": decision.detail,
                    "body": decision.body,
                },
            )
            if decision.marker is not None:
                events.extend(self._tell(delivery, decision.marker))
        known = CatalogMemory(catalog.documents(PROJECTS), catalog.documents(ONTOLOGIES))
        return Outcome(catalog.writes(), events, refused, known)

    def _tell(self, cause: Delivery, marker: Marker) -> Iterable[Outgoing]:
        project = cause.event.project_id
        for topic in topics_of(marker):
            for partition in range(self._row_partitions):
                event = derived_event(cause, f"{cause.event.event_id}/{topic}/{partition}", "ingest")
                event.marker.CopyFrom(marker)
                yield Outgoing(topic, project, event, partition)


def _named_ids(request: CatalogRequest) -> Iterable[tuple[str, str]]:
    """Collections and ids of what a request names."""
    match request.WhichOneof("what"):
        case "update_dataset":
            yield DATASETS, request.update_dataset.dataset_id
        case "delete_dataset":
            yield DATASETS, request.delete_dataset.dataset_id
        case "commit_dataset_version":
            commit = request.commit_dataset_version
            yield DATASETS, commit.dataset_id
            yield DATASET_VERSIONS, f"{commit.dataset_id}/{commit.dataset_version}"
        case "delete_dataset_version":
            drop = request.delete_dataset_version
            yield DATASETS, drop.dataset_id
            yield DATASET_VERSIONS, f"{drop.dataset_id}/{drop.dataset_version}"
        case "update_model":
            yield MODELS, request.update_model.model_id
        case "delete_model":
            yield MODELS, request.delete_model.model_id
        case "create_model_run":
            ask = request.create_model_run
            yield MODELS, ask.model_id
            yield DATASETS, ask.dataset_id
            yield DATASET_VERSIONS, f"{ask.dataset_id}/{ask.dataset_version}"
            yield RUN_CONFIGS, ask.run_config_id
        case "update_model_run":
            yield MODEL_RUNS, request.update_model_run.run_id
        case "delete_model_run":
            yield MODEL_RUNS, request.delete_model_run.run_id
        case "seal_model_run":
            yield MODEL_RUNS, request.seal_model_run.run_id
        case "reopen_model_run":
            yield MODEL_RUNS, request.reopen_model_run.run_id
        case "update_run_config":
            yield RUN_CONFIGS, request.update_run_config.run_config_id
        case "delete_run_config":
            yield RUN_CONFIGS, request.delete_run_config.run_config_id
        case "begin_import" if request.begin_import.run_id:
            yield MODEL_RUNS, request.begin_import.run_id
        case "begin_import":
            yield DATASETS, request.begin_import.dataset_id
        case "end_import":
            yield IMPORTS, request.end_import.import_id
        case _:
            pass


def _named_names(request: CatalogRequest) -> Iterable[tuple[str, str]]:
    """Collections and names that a request wants for itself."""
    match request.WhichOneof("what"):
        case "create_dataset":
            yield DATASETS, request.create_dataset.name
        case "update_dataset":
            yield DATASETS, request.update_dataset.name
        case "create_model":
            yield MODELS, request.create_model.name
        case "update_model":
            yield MODELS, request.update_model.name
        case "create_model_run":
            yield MODEL_RUNS, request.create_model_run.name
        case "update_model_run" if request.update_model_run.HasField("name"):
            yield MODEL_RUNS, request.update_model_run.name
        case "create_run_config":
            yield RUN_CONFIGS, request.create_run_config.name
        case "update_run_config" if request.update_run_config.HasField("name"):
            yield RUN_CONFIGS, request.update_run_config.name
        case _:  # all projects and ontologies are remembered
            pass


def _dependent(request: CatalogRequest) -> Iterable[tuple[str, Fields]]:
    """What goes with the thing that a request deletes, stands in its way, or must end before it."""
    match request.WhichOneof("what"):
        case "delete_dataset":
            of_dataset = {"dataset_id": request.delete_dataset.dataset_id}
            yield DATASET_VERSIONS, of_dataset
            yield MODEL_RUNS, of_dataset
            yield IMPORTS, {**of_dataset, "state": "RUNNING"}
        case "delete_dataset_version":
            drop = request.delete_dataset_version
            yield MODEL_RUNS, {"dataset_id": drop.dataset_id, "dataset_version": drop.dataset_version}
            yield IMPORTS, {"dataset_id": drop.dataset_id, "state": "RUNNING"}
        case "delete_model":
            yield MODEL_RUNS, {"model_id": request.delete_model.model_id}
            yield IMPORTS, {"state": "RUNNING"}
        case "delete_model_run":
            yield IMPORTS, {"run_id": request.delete_model_run.run_id, "state": "RUNNING"}
        case "seal_model_run":
            yield IMPORTS, {"run_id": request.seal_model_run.run_id, "state": "RUNNING"}
        case "delete_ontology":
            of_ontology = {"ontology_id": request.delete_ontology.ontology_id}
            yield DATASETS, of_ontology
            yield MODELS, of_ontology
        case "delete_project":
            of_project = {"project_id": request.delete_project.project_id}
            yield DATASETS, of_project
            yield MODELS, of_project
            yield RUN_CONFIGS, of_project
        case "begin_import" if request.begin_import.format == ROW_DELETION:
            yield DATASET_VERSIONS, {"dataset_id": request.begin_import.dataset_id}
        case _:
            pass
