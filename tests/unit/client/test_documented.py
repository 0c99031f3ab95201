"""Every method is in the client's page, and the awaited client has all that the waiting one has."""

import inspect
import re
from pathlib import Path

import pytest

from sightline.client import (
    AsyncClient,
    AsyncDataset,
    AsyncJob,
    AsyncModel,
    AsyncOntology,
    AsyncProject,
    AsyncRun,
    Client,
    Dataset,
    Job,
    Model,
    Ontology,
    Project,
    Run,
)
from sightline.client.answers import DatasetFacts

PAGE = (Path(__file__).parents[3] / "docs" / "client.md").read_text()
PAIRS = [
    (Client, AsyncClient),
    (Dataset, AsyncDataset),
    (Ontology, AsyncOntology),
    (Project, AsyncProject),
    (Model, AsyncModel),
    (Run, AsyncRun),
    (Job, AsyncJob),
]


def methods(kind: type) -> dict[str, str]:
    """Public methods, with their parameters."""
    functions = inspect.getmembers(kind, inspect.isfunction)
    return {name: str(inspect.signature(method).parameters) for name, method in functions if not name.startswith("_")}


@pytest.mark.parametrize(("waiting", "awaited"), PAIRS)
def test_both_clients_have_the_same_methods(waiting: type, awaited: type) -> None:
    assert methods(waiting) == methods(awaited)


@pytest.mark.parametrize("kind", [kind for kind, _ in PAIRS])
def test_every_method_is_documented(kind: type) -> None:
    assert not [
        name
        for name in methods(kind)
        if f"`{name}`" not in PAGE and f"`{name}(" not in PAGE and f"{name}()`" not in PAGE
    ]
    assert all(method.__doc__ for name, method in inspect.getmembers(kind, inspect.isfunction) if name in methods(kind))


@pytest.mark.parametrize("kind", [kind for kind, _ in PAIRS if kind is not Client])
def test_every_attribute_is_documented(kind: type) -> None:
    noun = "import" if kind is Job else kind.__name__.lower()
    [told] = [line for line in PAGE.splitlines() if re.match(rf"\| an? {noun} \|", line)]
    attributes = [name for name, _ in inspect.getmembers(kind, lambda each: isinstance(each, property))]
    assert attributes
    assert not [name for name in attributes if f"`{name}`" not in told]


@pytest.mark.parametrize("kind", [kind for pair in PAIRS for kind in pair])
def test_help_shows_methods_as_they_are_called(kind: type) -> None:
    for name, method in inspect.getmembers(kind, inspect.isfunction):
        if name in methods(kind):
            signature = inspect.signature(method)
            assert method.__qualname__.endswith(f".{name}")
            assert next(iter(signature.parameters)) == "self"
            assert "Flow" not in str(signature.return_annotation)
            assert "Call[" not in str(signature.return_annotation)


def test_what_a_session_shows_is_short() -> None:
    facts = DatasetFacts("ds_1", "crossings", "ont_1", 2)
    with Client("http://test") as client:
        dataset = Dataset(client.origin, facts)
        assert repr(client) == "Client('http://test')"
        assert repr(dataset) == "Dataset(name='crossings', dataset_id='ds_1', draft=2)"
        assert repr(dataset.rows()) == "<Listing of /v1/datasets/ds_1/data-rows: to_list(), to_pandas(), to_arrow()>"


def test_the_letters_of_a_name_are_no_classes() -> None:
    with Client("http://test") as client, pytest.raises(TypeError, match=r"\['car'\]"):
        client.create_ontology("street", "car")
