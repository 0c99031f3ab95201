"""Requests to the catalog: what is taken as it is, and what is refused."""

from typing import Any

import pytest
from pydantic import ValidationError

from sightline.domain.catalog import (
    ClassAsked,
    CommitAsked,
    DatasetAsked,
    ModelRunAsked,
    ModelRunChanges,
    NameChanges,
    ProjectChanges,
    RunConfigChanges,
)
from sightline.domain.data_rows import DataRowAsked, DataRowChanges

RUN: dict[str, Any] = {"name": "epoch 12", "model_id": "mdl_1", "dataset_id": "ds_1", "dataset_version": 1}


def test_names_lose_the_space_around_them() -> None:
    assert DatasetAsked(name="  crossings, May ", ontology_id="ont_1").name == "crossings, May"


@pytest.mark.parametrize("name", ["", "   ", "a\nb", "a\0", "x" * 201])
def test_what_is_no_name(name: str) -> None:
    with pytest.raises(ValidationError):
        DatasetAsked(name=name, ontology_id="ont_1")


@pytest.mark.parametrize("id", ["", "a/b", "../a", "x" * 65, {"$ne": ""}])
def test_what_is_no_id(id: Any) -> None:
    with pytest.raises(ValidationError):
        DatasetAsked(name="a", ontology_id=id)


def test_a_misspelt_field_is_refused() -> None:
    with pytest.raises(ValidationError, match="dataset_versoin"):
        ModelRunAsked.model_validate(RUN | {"dataset_versoin": 2})


@pytest.mark.parametrize("changes", [NameChanges, ModelRunChanges, ProjectChanges, DataRowChanges])
def test_nothing_is_no_change(changes: Any) -> None:
    with pytest.raises(ValidationError, match="Nothing is to be changed: send"):
        changes.model_validate({})
    with pytest.raises(ValidationError, match="a field that is not known"):
        changes.model_validate({"naem": None})


@pytest.mark.parametrize("changes", [NameChanges, ModelRunChanges, ProjectChanges, RunConfigChanges])
def test_a_name_is_never_empty(changes: Any) -> None:
    with pytest.raises(ValidationError, match="There is always a name"):
        changes.model_validate({"name": None})


def test_null_empties_what_may_be_empty() -> None:
    fields = dict.fromkeys(DataRowChanges.model_fields)
    emptied = DataRowChanges.model_validate(fields).model_dump(exclude_unset=True)
    assert emptied == fields | {"split": "unassigned", "metadata": {}}
    assert ModelRunChanges.model_validate({"config": None}).config == {}
    assert ProjectChanges.model_validate({"description": None}).description == ""
    with pytest.raises(ValidationError, match="There is always a config"):
        RunConfigChanges.model_validate({"config": None})


def test_splits_come_in_in_any_case() -> None:
    assert ModelRunAsked.model_validate(RUN | {"splits": ["TEST", "Validation"]}).splits == ["test", "validation"]
    assert DataRowAsked(global_key="a", split="TRAINING").split == "training"  # pyright: ignore[reportArgumentType]


def test_a_class_is_a_box_unless_it_says_of_what_known_kind() -> None:
    assert ClassAsked(name="car").kind == "box"
    with pytest.raises(ValidationError, match="known annotation kinds are box"):
        ClassAsked(name="car", kind="cuboid")


@pytest.mark.parametrize("version", [0, -1, 2**31, 1.5, "x", True, "1"])
def test_what_is_no_version(version: Any) -> None:
    for asked, given in ((CommitAsked, {"version": version}), (ModelRunAsked, RUN | {"dataset_version": version})):
        with pytest.raises(ValidationError):
            asked.model_validate(given)


def test_a_config_is_any_json_that_can_be_kept() -> None:
    config = {"$where": [1, None, {"a.b": "c"}]}
    assert ModelRunAsked.model_validate(RUN | {"config": config}).config == config
    with pytest.raises(ValidationError, match="64 bits"):
        ModelRunAsked.model_validate(RUN | {"config": {"seed": 2**63}})
