"""Requests to the catalog: what is taken as it is, and what is refused."""

from typing import Any

import pytest
from pydantic import ValidationError

from sightline.domain.catalog import ClassAsked, CommitAsked, DatasetAsked, ModelRunAsked

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


def test_a_class_is_a_box_unless_it_says_of_what_known_kind() -> None:
    assert ClassAsked(name="car").kind == "box"
    with pytest.raises(ValidationError, match="known annotation kinds are box"):
        ClassAsked(name="car", kind="cuboid")


@pytest.mark.parametrize("version", [0, -1, 2**31, 1.5, "x"])
def test_what_is_no_version(version: Any) -> None:
    for asked, given in ((CommitAsked, {"version": version}), (ModelRunAsked, RUN | {"dataset_version": version})):
        with pytest.raises(ValidationError):
            asked.model_validate(given)


def test_a_config_is_any_json_that_can_be_kept() -> None:
    config = {"$where": [1, None, {"a.b": "c"}]}
    assert ModelRunAsked.model_validate(RUN | {"config": config}).config == config
    with pytest.raises(ValidationError, match="64 bits"):
        ModelRunAsked.model_validate(RUN | {"config": {"seed": 2**63}})
