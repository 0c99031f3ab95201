"""Models, their runs, and configs that are saved for runs, over HTTP."""

from __future__ import annotations

from fastapi import APIRouter, Response

from services.ingest.rest.answers import CHANGE, CREATE, DELETE, IdInPath, Key, granted, problems
from services.ingest.service import Ingest
from sightline.domain.catalog import (
    Model,
    ModelAsked,
    ModelDeleted,
    ModelRun,
    ModelRunAsked,
    ModelRunChanges,
    ModelRunDeleted,
    NameChanges,
    RunConfig,
    RunConfigAsked,
    RunConfigChanges,
    RunConfigDeleted,
)
from sightline.domain.names import DEFAULT_PROJECT


def routes_of_models(ingest: Ingest) -> APIRouter:
    """The routes by which models and runs are made and changed."""
    routes = APIRouter(prefix="/v1", tags=["catalog"])
    project = DEFAULT_PROJECT

    @routes.post("/models", summary="Make a model", status_code=201, response_model=Model, responses=CREATE)
    async def create_model(asked: ModelAsked, key: Key = None) -> Response:
        """A model has an ontology, and any number of runs."""
        return granted(await ingest.create_model(project, asked, key))

    @routes.patch("/models/{model_id}", summary="Rename a model", response_model=Model, responses=CHANGE)
    async def rename_model(model_id: IdInPath, asked: NameChanges, key: Key = None) -> Response:
        """Its id stays."""
        return granted(await ingest.rename_model(project, model_id, asked.name, key))

    @routes.delete(
        "/models/{model_id}", summary="Delete a model with its runs", response_model=ModelDeleted, responses=DELETE
    )
    async def delete_model(model_id: IdInPath, key: Key = None) -> Response:
        """Answered when every row partition has been told. Its name is free again, its id never is."""
        return granted(await ingest.delete_model(project, model_id, key))

    @routes.post(
        "/model-runs", summary="Make a run of a model", status_code=201, response_model=ModelRun, responses=CREATE
    )
    async def create_model_run(asked: ModelRunAsked, key: Key = None) -> Response:
        """Its name is unique for its model. It is measured on one version of one dataset, for ever.

        That is on the labelled rows, or on those of some splits.

        The dataset has to have data rows, unless the run makes them, and the ontology classes.
        """
        return granted(await ingest.create_model_run(project, asked, key))

    @routes.patch(
        "/model-runs/{run_id}",
        summary="Change the name or the config of a run",
        response_model=ModelRun,
        responses=CHANGE,
    )
    async def change_model_run(run_id: IdInPath, asked: ModelRunChanges, key: Key = None) -> Response:
        """What isn't sent stays as it is; a config that is null is none. What it is measured on never changes."""
        return granted(await ingest.change_model_run(project, run_id, asked, key))

    @routes.delete(
        "/model-runs/{run_id}",
        summary="Delete a run with its predictions",
        response_model=ModelRunDeleted,
        responses=DELETE,
    )
    async def delete_model_run(run_id: IdInPath, key: Key = None) -> Response:
        """An import into it that is still running fails. Its name is free again, its id never is."""
        return granted(await ingest.delete_model_run(project, run_id, key))

    @routes.post(
        "/model-runs/{run_id}:seal",
        summary="Let a run take no more predictions",
        response_model=ModelRun,
        responses=problems(_404="There is no such run.", _409="An import into it is open."),
    )
    async def seal_model_run(run_id: IdInPath, key: Key = None) -> Response:
        """Predictions that come later are refused, whoever sends them. On a draft, its truth may still change."""
        return granted(await ingest.seal_model_run(project, run_id, key))

    @routes.post(
        "/model-runs/{run_id}:reopen",
        summary="Let a sealed run take predictions again",
        response_model=ModelRun,
        responses=problems(_404="There is no such run."),
    )
    async def reopen_model_run(run_id: IdInPath, key: Key = None) -> Response:
        """What was sent in between stays refused."""
        return granted(await ingest.reopen_model_run(project, run_id, key))

    @routes.post(
        "/run-configs",
        summary="Save a config for runs to come",
        status_code=201,
        response_model=RunConfig,
        responses=CREATE,
    )
    async def create_run_config(asked: RunConfigAsked, key: Key = None) -> Response:
        """Runs that are made with it keep copies."""
        return granted(await ingest.create_run_config(project, asked, key))

    @routes.patch(
        "/run-configs/{run_config_id}",
        summary="Change the name or the content of a saved config",
        response_model=RunConfig,
        responses=CHANGE,
    )
    async def change_run_config(run_config_id: IdInPath, asked: RunConfigChanges, key: Key = None) -> Response:
        """Runs that were made with it keep their copies."""
        return granted(await ingest.change_run_config(project, run_config_id, asked, key))

    @routes.delete(
        "/run-configs/{run_config_id}",
        summary="Forget a saved config",
        response_model=RunConfigDeleted,
        responses=DELETE,
    )
    async def delete_run_config(run_config_id: IdInPath, key: Key = None) -> Response:
        """Runs that were made with it keep their copies."""
        return granted(await ingest.delete_run_config(project, run_config_id, key))

    return routes
