"""`sightline datasets`."""

from __future__ import annotations

from typing import Annotated

import typer

from sightline.cli import options as o

app = typer.Typer(help="Datasets and their versions.", no_args_is_help=True)

Version = Annotated[int, typer.Argument(min=1, metavar="VERSION", help="Number of a version, or of the draft.")]


@app.command("list")
def list_(limit: o.Limit = 50, url: o.Url = None, as_json: o.Json = False) -> None:
    """List the datasets.

    ```
    sightline datasets list
    ```
    """
    from sightline.cli import show

    with o.connect(url) as client:
        found = client.first("/v1/datasets", limit)
    none = "no datasets: `sightline datasets create NAME --ontology ONTOLOGY` makes one, imports too"
    show.items(found, ("name", "dataset_id", "ontology_id", "draft"), as_json, none=none)


@app.command()
def show(dataset: o.DatasetName, url: o.Url = None, as_json: o.Json = False) -> None:
    """Show a dataset with its versions.

    ```
    sightline datasets show crossings
    ```
    """
    from sightline.cli import show
    from sightline.cli.find import find_dataset

    with o.connect(url) as client:
        found = find_dataset(client, dataset).dataset_id
        answer = client.ask(f"/v1/datasets/{found}")
        versions = client.first(f"/v1/datasets/{found}/versions", 1_000)
    show.one({**answer, "versions": versions}, as_json)


@app.command()
def create(
    name: o.NewName,
    ontology: o.OntologyOption,
    url: o.Url = None,
    as_json: o.Json = False,
) -> None:
    """Make a dataset, with an empty draft.

    ```
    sightline datasets create crossings --ontology street
    ```
    """
    from sightline.cli import show
    from sightline.cli.find import find_ontology

    with o.connect(url) as client:
        made = client.create_dataset(name, find_ontology(client, ontology))
    show.thing(made, as_json)


@app.command()
def rename(dataset: o.DatasetName, name: o.NewName, url: o.Url = None, as_json: o.Json = False) -> None:
    """Give a dataset another name.

    ```
    sightline datasets rename crossings "crossings, May"
    ```
    """
    from sightline.cli import show
    from sightline.cli.find import find_dataset

    with o.connect(url) as client:
        found = find_dataset(client, dataset)
        found.rename(name)
    show.thing(found, as_json)


@app.command()
def delete(
    dataset: o.DatasetName,
    version: Annotated[
        int | None, typer.Option(min=1, help="Only this committed version, with the runs on it.")
    ] = None,
    yes: o.Yes = False,
    url: o.Url = None,
    as_json: o.Json = False,
) -> None:
    """Delete a dataset with its rows, truth, versions and runs; or one version with its runs.

    ```
    sightline datasets delete crossings
    sightline datasets delete crossings --version 2 --yes
    ```
    """
    from sightline.cli import show
    from sightline.cli.find import find_dataset

    with o.connect(url) as client:
        found = find_dataset(client, dataset)
        part = f"version {version} of " if version else ""
        lost = "the runs on it" if version else "its rows, truth, versions and runs"
        o.confirm(f"{part}the dataset {found.name!r} ({found.dataset_id}) with {lost}", yes)
        path = f"/v1/datasets/{found.dataset_id}" + (f"/versions/{version}" if version else "")
        answer = client.tell("DELETE", path)
    show.one(answer, as_json)


@app.command()
def commit(
    dataset: o.DatasetName,
    version: Annotated[
        int | None, typer.Option(min=1, help="The draft's; one that is committed is there already.")
    ] = None,
    url: o.Url = None,
    as_json: o.Json = False,
) -> None:
    """Turn the draft into the next version, which never changes.

    ```
    sightline datasets commit crossings
    ```
    """
    from sightline.cli import show
    from sightline.cli.find import find_dataset

    with o.connect(url) as client:
        committed = find_dataset(client, dataset).commit(version)
    show.one({"dataset_id": committed.dataset_id, "version": committed.version}, as_json)


@app.command()
def compare(
    dataset: o.DatasetName,
    before: Version,
    after: Version,
    limit: o.Limit = 50,
    url: o.Url = None,
    as_json: o.Json = False,
) -> None:
    """List the rows whose truth differs between two versions.

    ```
    sightline datasets compare crossings 1 2
    ```
    """
    from sightline.cli import show
    from sightline.cli.find import find_dataset

    with o.connect(url) as client:
        found = find_dataset(client, dataset)
        path = f"/v1/datasets/{found.dataset_id}/versions:compare"
        items = client.first(path, limit, **{"from": before, "to": after})
    show.items(
        items,
        ("global_key", "change", "annotations_before", "annotations_after"),
        as_json,
        none="no row's truth differs",
    )
