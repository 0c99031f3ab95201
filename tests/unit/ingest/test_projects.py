"""Projects are made, changed and deleted; nothing happens in one that isn't there."""

from __future__ import annotations

from typing import Any

import pytest

from sightline.wire.events.v1.catalog_pb2 import (
    CreateDataset,
    CreateModel,
    CreateOntology,
    CreateProject,
    CreateRunConfig,
    DeleteDataset,
    DeleteModel,
    DeleteOntology,
    DeleteProject,
    DeleteRunConfig,
    UpdateProject,
)

CREATED, DONE = ("created", 201, ""), ("done", 200, "")
NOT_FOUND, TAKEN = ("refused", 404, "not-found"), ("conflict", 409, "name-taken")
NOT_EMPTY = ("refused", 409, "project-not-empty")
NIGHT = {"create_project": CreateProject(project_id="prj_n", name="night", description="after ten")}


def outcome(decision: Any) -> tuple[str, int, str]:
    return decision["outcome"], decision["status"], decision["problem"]


def stored(catalog: Any) -> dict[str, str]:
    return {id: project["name"] for id, project in catalog.store.collections["projects"].items()}


def deleted(catalog: Any) -> Any:
    return catalog.ask(delete_project=DeleteProject(project_id="prj_n"))


def test_a_project_is_made_and_the_default_one_is_stored_with_it(catalog: Any) -> None:
    made = catalog.ask(**NIGHT)
    assert outcome(made) == CREATED
    assert made["body"] == {"project_id": "prj_n", "name": "night", "description": "after ten", "current": False}
    assert stored(catalog) == {"prj_n": "night", "default": "default"}
    project = catalog.store.collections["projects"]["prj_n"]
    assert (project["created_unix_ms"], project["source_offset"]) == (1, 0)


def test_old_logs_say_nothing_of_projects(catalog: Any) -> None:
    assert outcome(catalog.ask(create_ontology=CreateOntology(ontology_id="o", name="o"))) == CREATED
    assert stored(catalog) == {}


@pytest.mark.parametrize("name", ["night", "default"])
def test_no_two_projects_have_one_name(catalog: Any, name: str) -> None:
    catalog.ask(**NIGHT)
    other = catalog.ask(create_project=CreateProject(project_id="prj_o", name=name))
    assert outcome(other) == TAKEN
    assert other["body"]["existing_id"] == ("prj_n" if name == "night" else "default")
    catalog.ask(create_project=CreateProject(project_id="prj_p", name="other"))
    assert outcome(catalog.ask(update_project=UpdateProject(project_id="prj_p", name=name))) == TAKEN


def test_what_is_sent_is_changed(catalog: Any) -> None:
    catalog.ask(**NIGHT)
    named = catalog.ask(update_project=UpdateProject(project_id="prj_n", name="late"))
    assert outcome(named) == DONE
    assert (named["body"]["name"], named["body"]["description"]) == ("late", "after ten")
    cleared = catalog.ask(update_project=UpdateProject(project_id="prj_n", description=""))
    assert (cleared["body"]["name"], cleared["body"]["description"]) == ("late", "")
    assert outcome(catalog.ask(update_project=UpdateProject(project_id="no", name="x"))) == NOT_FOUND
    assert outcome(catalog.ask(create_project=CreateProject(project_id="prj_o", name="night"))) == CREATED


def test_the_default_project_is_described_and_never_deleted(catalog: Any) -> None:
    described = catalog.ask(update_project=UpdateProject(project_id="default", description="all of it"))
    assert (described["body"]["description"], described["body"]["current"]) == ("all of it", True)
    assert stored(catalog) == {"default": "default"}
    refused = catalog.ask(delete_project=DeleteProject(project_id="default"))
    assert outcome(refused) == ("refused", 409, "default-project")


def test_a_project_that_holds_nothing_is_deleted_and_is_gone(catalog: Any) -> None:
    catalog.ask(**NIGHT)
    assert outcome(deleted(catalog)) == DONE
    assert outcome(deleted(catalog)) == NOT_FOUND
    assert stored(catalog) == {"default": "default"}
    late = catalog.ask(project="prj_n", create_ontology=CreateOntology(ontology_id="o", name="o"))
    assert outcome(late) == NOT_FOUND
    assert late["body"]["next"]["http"] == "POST /v1/projects"


def test_a_project_is_deleted_after_what_it_holds(catalog: Any) -> None:
    """Each refusal names what can be deleted now; a repeated request is decided anew."""
    catalog.ask(**NIGHT)
    make: tuple[dict[str, Any], ...] = (
        {"create_ontology": CreateOntology(ontology_id="o", name="o")},
        {"create_dataset": CreateDataset(dataset_id="d", name="d", ontology_id="o")},
        {"create_model": CreateModel(model_id="m", name="m", ontology_id="o")},
        {"create_run_config": CreateRunConfig(run_config_id="c", name="c")},
    )
    for what in make:
        assert outcome(catalog.ask(project="prj_n", **what)) == CREATED
    # What others hold is not counted.
    catalog.ask(create_ontology=CreateOntology(ontology_id="o2", name="o"))
    mend: dict[str, dict[str, Any]] = {
        "datasets": {"delete_dataset": DeleteDataset(dataset_id="d")},
        "models": {"delete_model": DeleteModel(model_id="m")},
        "ontologies": {"delete_ontology": DeleteOntology(ontology_id="o")},
        "configs": {"delete_run_config": DeleteRunConfig(run_config_id="c")},
    }
    asked = ("default", "one request", {"delete_project": DeleteProject(project_id="prj_n")})
    first = catalog.ask_all(asked)[0]
    assert first["body"]["holds"] == {"datasets": 1, "models": 1, "ontologies": 1, "saved configs": 1}
    for noun, what in mend.items():
        refused = catalog.ask_all(asked)[0]
        assert outcome(refused) == NOT_EMPTY
        assert refused["body"]["next"]["command"].split()[1] == noun
        assert outcome(catalog.ask(project="prj_n", **what)) == DONE
    assert outcome(catalog.ask_all(asked)[0]) == DONE


def test_what_comes_first_on_the_log_counts(catalog: Any) -> None:
    """A thing made in a project, and the project's deletion, in one batch."""
    catalog.ask(**NIGHT)
    make = ("prj_n", None, {"create_ontology": CreateOntology(ontology_id="o", name="o")})
    delete = ("default", None, {"delete_project": DeleteProject(project_id="prj_n")})
    assert [outcome(each) for each in catalog.ask_all(make, delete)] == [CREATED, NOT_EMPTY]
    catalog.ask(project="prj_n", delete_ontology=DeleteOntology(ontology_id="o"))
    assert [outcome(each) for each in catalog.ask_all(delete, make)] == [DONE, NOT_FOUND]
