"""Ontologies, models and saved configs; things that are found by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from sightline.client.answers import DatasetFacts, ModelFacts, OntologyFacts, RunConfig, RunFacts
from sightline.client.asking import Call, Flow, get, whole, write
from sightline.client.errors import ApiError, SightlineError
from sightline.client.things import AnyConfig, AnyOntology, ModelThing, OntologyThing, Thing, config_id, ontology_id

T = TypeVar("T")
Named = Thing[Any, Any]


def create_ontology(server: Named, name: str, classes: Iterable[str]) -> Flow[OntologyFacts]:
    """A new ontology of boxes."""
    return (yield write("POST", "/v1/ontologies", OntologyFacts, {"name": name, "classes": _boxes(classes)}))


def ensure_ontology(server: Named, name: str, classes: Iterable[str]) -> Flow[OntologyFacts]:
    """The ontology of this name, with these classes at least; made when it isn't there."""
    wanted = list(classes)
    try:
        return (yield from create_ontology(server, name, wanted))
    except ApiError as error:
        return (yield from add_classes_to(server, existing(error), wanted))


def ontology(server: Named, ontology_id: str) -> Flow[OntologyFacts]:
    """An ontology by id."""
    return (yield get(f"/v1/ontologies/{ontology_id}", OntologyFacts))


def ontologies(server: Named, *, name: str | None = None) -> Call[OntologyFacts]:
    """Ontologies by name, each in its latest version."""
    return get("/v1/ontologies", OntologyFacts, name=name)


def find_ontology(server: Named, name: str) -> Flow[OntologyFacts | None]:
    """The ontology of this name."""
    return (yield from only(ontologies(server, name=name)))


def add_classes_to(server: Named, ontology_id: str, classes: Iterable[str]) -> Flow[OntologyFacts]:
    """Add the classes that an ontology doesn't have, as its next version."""
    body = {"classes": _boxes(classes)}
    return (yield write("POST", f"/v1/ontologies/{ontology_id}/versions", OntologyFacts, body))


def add_classes(ontology: OntologyThing[Any], classes: Iterable[str]) -> Flow[None]:
    """Add the classes that it doesn't have, as its next version."""
    ontology.facts = yield from add_classes_to(ontology, ontology.ontology_id, classes)


def rename_ontology(ontology: OntologyThing[Any], name: str) -> Flow[None]:
    """Another name; the id stays."""
    path = f"/v1/ontologies/{ontology.ontology_id}"
    ontology.facts = yield write("PATCH", path, OntologyFacts, {"name": name})


def delete_ontology(ontology: OntologyThing[Any]) -> Flow[None]:
    """Refused as long as a dataset or a model has it."""
    yield write("DELETE", f"/v1/ontologies/{ontology.ontology_id}")


def create_dataset(server: Named, name: str, ontology: AnyOntology) -> Flow[DatasetFacts]:
    """A new dataset, with an empty draft."""
    body = {"name": name, "ontology_id": ontology_id(ontology)}
    return (yield write("POST", "/v1/datasets", DatasetFacts, body))


def ensure_dataset(server: Named, name: str, ontology: AnyOntology) -> Flow[DatasetFacts]:
    """The dataset of this name; made when it isn't there. An error if it has another ontology."""
    try:
        return (yield from create_dataset(server, name, ontology))
    except ApiError as error:
        found = yield from dataset(server, existing(error))
        return _with_ontology(found, name, ontology)


def dataset(server: Named, dataset_id: str) -> Flow[DatasetFacts]:
    """A dataset by id."""
    return (yield get(f"/v1/datasets/{dataset_id}", DatasetFacts))


def datasets(server: Named, *, name: str | None = None) -> Call[DatasetFacts]:
    """Datasets by name."""
    return get("/v1/datasets", DatasetFacts, name=name)


def find_dataset(server: Named, name: str) -> Flow[DatasetFacts | None]:
    """The dataset of this name."""
    return (yield from only(datasets(server, name=name)))


def create_model(server: Named, name: str, ontology: AnyOntology) -> Flow[ModelFacts]:
    """A new model."""
    body = {"name": name, "ontology_id": ontology_id(ontology)}
    return (yield write("POST", "/v1/models", ModelFacts, body))


def ensure_model(server: Named, name: str, ontology: AnyOntology) -> Flow[ModelFacts]:
    """The model of this name; made when it isn't there. An error if it has another ontology."""
    try:
        return (yield from create_model(server, name, ontology))
    except ApiError as error:
        found = yield from model(server, existing(error))
        return _with_ontology(found, name, ontology)


def model(server: Named, model_id: str) -> Flow[ModelFacts]:
    """A model by id."""
    return (yield get(f"/v1/models/{model_id}", ModelFacts))


def models(server: Named, *, name: str | None = None) -> Call[ModelFacts]:
    """Models by name."""
    return get("/v1/models", ModelFacts, name=name)


def find_model(server: Named, name: str) -> Flow[ModelFacts | None]:
    """The model of this name."""
    return (yield from only(models(server, name=name)))


def rename_model(model: ModelThing[Any], name: str) -> Flow[None]:
    """Another name; the id stays."""
    model.facts = yield write("PATCH", f"/v1/models/{model.model_id}", ModelFacts, {"name": name})


def delete_model(model: ModelThing[Any]) -> Flow[None]:
    """With its runs. Its name is free again, its id never is."""
    yield write("DELETE", f"/v1/models/{model.model_id}")


def run(server: Named, run_id: str) -> Flow[RunFacts]:
    """A run by id."""
    return (yield get(f"/v1/model-runs/{run_id}", RunFacts))


def runs(
    server: Named,
    *,
    name: str | None = None,
    model_id: str | None = None,
    dataset_id: str | None = None,
    dataset_version: int | None = None,
    state: str | None = None,
) -> Call[RunFacts]:
    """Runs, the newest first."""
    filters = {"name": name, "model_id": model_id, "dataset_id": dataset_id, "state": state}
    return get("/v1/model-runs", RunFacts, **filters, dataset_version=dataset_version)


def create_config(server: Named, name: str, config: Mapping[str, Any]) -> Flow[RunConfig]:
    """Save a config for runs to come: `model.create_run(…, config=saved)`."""
    return (yield write("POST", "/v1/run-configs", RunConfig, {"name": name, "config": dict(config)}))


def config(server: Named, run_config_id: str) -> Flow[RunConfig]:
    """A saved config by id."""
    return (yield get(f"/v1/run-configs/{run_config_id}", RunConfig))


def configs(server: Named, *, name: str | None = None) -> Call[RunConfig]:
    """Saved configs by name."""
    return get("/v1/run-configs", RunConfig, name=name)


def find_config(server: Named, name: str) -> Flow[RunConfig | None]:
    """The saved config of this name."""
    return (yield from only(configs(server, name=name)))


def change_config(
    server: Named, saved: AnyConfig, *, name: str | None = None, config: Mapping[str, Any] | None = None
) -> Flow[RunConfig]:
    """Another name, another content in place of the whole. Runs that were made with it keep their copies."""
    changes = {**({} if name is None else {"name": name}), **({} if config is None else {"config": dict(config)})}
    return (yield write("PATCH", f"/v1/run-configs/{config_id(saved)}", RunConfig, changes))


def delete_config(server: Named, saved: AnyConfig) -> Flow[None]:
    """Forget a saved config. Runs that were made with it keep their copies."""
    yield write("DELETE", f"/v1/run-configs/{config_id(saved)}")


def existing(error: ApiError) -> str:
    """The id of what has the name that was asked for; any other error goes on."""
    if error.status == 409 and error.existing_id:
        return error.existing_id
    raise error


def only(listing: Call[T]) -> Flow[T | None]:
    """The first of a list that has one at most."""
    return next(iter((yield from whole(listing, 1))), None)


HasOntology = TypeVar("HasOntology", DatasetFacts, ModelFacts)


def _with_ontology(found: HasOntology, name: str, ontology: AnyOntology) -> HasOntology:
    if found.ontology_id != ontology_id(ontology):
        raise SightlineError(f"{name!r} is there already, with the ontology {found.ontology_id}: choose another name")
    return found


def _boxes(classes: Iterable[str]) -> list[dict[str, str]]:
    if isinstance(classes, str):  # its letters would be classes
        raise TypeError(f"classes are a list of names: [{classes!r}]")
    return [{"name": name, "kind": "box"} for name in classes]
