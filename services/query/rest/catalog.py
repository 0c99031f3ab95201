"""Reads of the catalog."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from services.query import documentation
from services.query.answers import Page
from services.query.rest.parameters import DatasetId, Name, OntologyId, PageSize, PageToken, Version, json
from services.query.sources import Sources
from services.query.views import datasets, models, ontologies, projects, run_configs, truth


def catalog(sources: Sources) -> APIRouter:
    """Projects, datasets and their versions, ontologies, models, saved configs."""
    router = APIRouter(prefix="/v1", responses=documentation.PROBLEMS)
    reads = sources.reads

    @router.get("/projects", response_model=Page[projects.Project], tags=["catalog"])
    async def list_projects(name: Name = None, page_size: PageSize = 100, page_token: PageToken = None) -> Response:
        """Projects by name. Requests read and write the one that is `current`."""
        return json(await projects.projects(reads, name=name, page_size=page_size, page_token=page_token))

    @router.get("/projects/{project_id}", response_model=projects.ProjectInFull, tags=["catalog"])
    async def get_project(project_id: Annotated[str, Path(max_length=200, examples=["default"])]) -> Response:
        """One project, and how much it holds."""
        return json(await projects.project(reads, project_id))

    @router.get("/datasets", response_model=Page[datasets.Dataset], tags=["catalog"])
    async def list_datasets(name: Name = None, page_size: PageSize = 100, page_token: PageToken = None) -> Response:
        """Datasets by name."""
        return json(await datasets.datasets(reads, name=name, page_size=page_size, page_token=page_token))

    @router.get("/datasets/{dataset_id}", response_model=datasets.Dataset, tags=["catalog"])
    async def get_dataset(dataset_id: DatasetId) -> Response:
        """One dataset."""
        return json(await datasets.dataset(reads, dataset_id))

    @router.get("/datasets/{dataset_id}/versions", response_model=Page[datasets.DatasetVersion], tags=["catalog"])
    async def list_dataset_versions(
        dataset_id: DatasetId, page_size: PageSize = 100, page_token: PageToken = None
    ) -> Response:
        """Committed versions of a dataset, the newest first."""
        return json(await datasets.dataset_versions(reads, dataset_id, page_size=page_size, page_token=page_token))

    @router.get("/datasets/{dataset_id}/versions/{version}", response_model=datasets.DatasetVersion, tags=["catalog"])
    async def get_dataset_version(dataset_id: DatasetId, version: Version) -> Response:
        """One committed version."""
        return json(await datasets.dataset_version(reads, dataset_id, version))

    @router.get("/datasets/{dataset_id}/versions:compare", response_model=truth.Comparison, tags=["catalog"])
    async def compare_dataset_versions(
        dataset_id: DatasetId,
        before: Annotated[int, Query(alias="from", ge=1, le=2**31 - 1, description="a version, or the draft")],
        after: Annotated[int, Query(alias="to", ge=1, le=2**31 - 1, description="a version, or the draft")],
        page_size: PageSize = 100,
        page_token: PageToken = None,
    ) -> Response:
        """Rows whose truth was added, removed or changed from one version to another, by key, with counts of all."""
        found = await truth.compare(reads, dataset_id, before, after, page_size=page_size, page_token=page_token)
        return json(found)

    @router.get("/ontologies", response_model=Page[ontologies.Ontology], tags=["catalog"])
    async def list_ontologies(name: Name = None, page_size: PageSize = 100, page_token: PageToken = None) -> Response:
        """Ontologies by name, each with its latest classes."""
        return json(await ontologies.ontologies(reads, name=name, page_size=page_size, page_token=page_token))

    @router.get("/ontologies/{ontology_id}", response_model=ontologies.Ontology, tags=["catalog"])
    async def get_ontology(ontology_id: OntologyId) -> Response:
        """The latest version of an ontology."""
        return json(await ontologies.ontology(reads, ontology_id))

    @router.get("/ontologies/{ontology_id}/versions", response_model=Page[ontologies.Ontology], tags=["catalog"])
    async def list_ontology_versions(
        ontology_id: OntologyId, page_size: PageSize = 100, page_token: PageToken = None
    ) -> Response:
        """Versions of an ontology, the newest first."""
        found = await ontologies.ontology_versions(reads, ontology_id, page_size=page_size, page_token=page_token)
        return json(found)

    @router.get("/ontologies/{ontology_id}/versions/{version}", response_model=ontologies.Ontology, tags=["catalog"])
    async def get_ontology_version(ontology_id: OntologyId, version: Version) -> Response:
        """One version of an ontology, which never changes."""
        return json(await ontologies.ontology_version(reads, ontology_id, version))

    @router.get("/models", response_model=Page[models.Model], tags=["catalog"])
    async def list_models(name: Name = None, page_size: PageSize = 100, page_token: PageToken = None) -> Response:
        """Models by name."""
        return json(await models.models(reads, name=name, page_size=page_size, page_token=page_token))

    @router.get("/models/{model_id}", response_model=models.Model, tags=["catalog"])
    async def get_model(model_id: Annotated[str, Path(max_length=200)]) -> Response:
        """One model."""
        return json(await models.model(reads, model_id))

    @router.get("/run-configs", response_model=Page[run_configs.RunConfig], tags=["catalog"])
    async def list_run_configs(name: Name = None, page_size: PageSize = 100, page_token: PageToken = None) -> Response:
        """Configs that are saved for runs, by name."""
        return json(await run_configs.run_configs(reads, name=name, page_size=page_size, page_token=page_token))

    @router.get("/run-configs/{run_config_id}", response_model=run_configs.RunConfig, tags=["catalog"])
    async def get_run_config(run_config_id: Annotated[str, Path(max_length=200)]) -> Response:
        """One saved config."""
        return json(await run_configs.run_config(reads, run_config_id))

    return router
