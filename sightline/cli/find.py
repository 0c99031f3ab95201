"""From what people type to a thing on the server."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from sightline.cli.outcome import Exit, Stop
from sightline.client import ApiError, Client, Dataset, Model, Ontology, Project, Run, RunConfig
from sightline.domain.names import DEFAULT_PROJECT

T = TypeVar("T", Dataset, Model, Ontology, Project, RunConfig)


def find_run(client: Client, named: str) -> Run:
    """The run with this id, or the only one with this name."""
    if named.startswith("run_") and (found := _by_id(client.run, named)):
        return found
    runs = client.find_runs(name=named)
    if not runs:
        raise Stop(Exit.FAILURE, f"no run has the id or name {named!r}: `sightline runs` lists them")
    if len(runs) > 1:
        ids = ", ".join(run.run_id for run in runs)
        raise Stop(Exit.REFUSED, f"{len(runs)} runs are called {named!r}; name one by its id: {ids}")
    return runs[0]


def find_dataset(client: Client, named: str) -> Dataset:
    """The dataset with this id or name."""
    return _found(named, "ds_", client.dataset, client.find_dataset, "datasets")


def find_model(client: Client, named: str) -> Model:
    """The model with this id or name."""
    return _found(named, "mdl_", client.model, client.find_model, "models")


def find_ontology(client: Client, named: str) -> Ontology:
    """The ontology with this id or name."""
    return _found(named, "ont_", client.ontology, client.find_ontology, "ontologies")


def find_project(client: Client, named: str) -> Project:
    """The project with this id or name."""
    prefix = DEFAULT_PROJECT if named == DEFAULT_PROJECT else "prj_"
    return _found(named, prefix, client.project, client.find_project, "projects")


def find_config(client: Client, named: str) -> RunConfig:
    """The saved config with this id or name."""
    return _found(named, "cfg_", client.config, client.find_config, "configs")


def _found(named: str, prefix: str, by_id: Callable[[str], T], by_name: Callable[[str], T | None], noun: str) -> T:
    found = (_by_id(by_id, named) if named.startswith(prefix) else None) or by_name(named)
    if found is None:
        raise Stop(Exit.FAILURE, f"nothing has the id or name {named!r}: `sightline {noun} list` lists them")
    return found


R = TypeVar("R")


def _by_id(fetch: Callable[[str], R], named: str) -> R | None:
    try:
        return fetch(named)
    except ApiError as error:
        if error.status != 404:
            raise
        return None
