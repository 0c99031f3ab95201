"""Every method is in the client's page, and the awaited client has all that the waiting one has."""

import inspect
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
