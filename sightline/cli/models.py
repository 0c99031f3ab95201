"""`sightline models`."""

from __future__ import annotations

import typer

from sightline.cli import options as o

app = typer.Typer(help="Models, which have runs.", no_args_is_help=True)


@app.command("list")
def list_(limit: o.Limit = 50, url: o.Url = None, as_json: o.Json = False) -> None:
    """List the models.

    ```
    sightline models list
    ```
    """
    from sightline.cli import show

    with o.connect(url) as client:
        found = client.first("/v1/models", limit)
    none = "no models: `sightline models create NAME --ontology ONTOLOGY` makes one, imports too"
    show.items(found, ("name", "model_id", "ontology_id"), as_json, none=none)


@app.command()
def show(model: o.ModelName, url: o.Url = None, as_json: o.Json = False) -> None:
    """Show a model.

    ```
    sightline models show yolo-s
    ```
    """
    from sightline.cli import show
    from sightline.cli.find import find_model

    with o.connect(url) as client:
        found = find_model(client, model)
    show.thing(found, as_json)


@app.command()
def create(name: o.NewName, ontology: o.OntologyOption, url: o.Url = None, as_json: o.Json = False) -> None:
    """Make a model.

    ```
    sightline models create yolo-s --ontology street
    ```
    """
    from sightline.cli import show
    from sightline.cli.find import find_ontology

    with o.connect(url) as client:
        made = client.create_model(name, find_ontology(client, ontology))
    show.thing(made, as_json)


@app.command()
def rename(model: o.ModelName, name: o.NewName, url: o.Url = None, as_json: o.Json = False) -> None:
    """Give a model another name.

    ```
    sightline models rename yolo-s yolo-small
    ```
    """
    from sightline.cli import show
    from sightline.cli.find import find_model

    with o.connect(url) as client:
        found = find_model(client, model)
        found.rename(name)
    show.thing(found, as_json)


@app.command()
def delete(model: o.ModelName, yes: o.Yes = False, url: o.Url = None, as_json: o.Json = False) -> None:
    """Delete a model with its runs.

    ```
    sightline models delete yolo-s
    ```
    """
    from sightline.cli import show
    from sightline.cli.find import find_model

    with o.connect(url) as client:
        found = find_model(client, model)
        o.confirm(f"the model {found.name!r} ({found.model_id}) with its runs", yes)
        answer = client.tell("DELETE", f"/v1/models/{found.model_id}")
    show.one(answer, as_json)
