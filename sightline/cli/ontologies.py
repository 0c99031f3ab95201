"""`sightline ontologies`."""

from __future__ import annotations

from typing import Annotated

import typer

from sightline.cli import options as o

app = typer.Typer(help="Ontologies: the classes of truth and predictions.", no_args_is_help=True)

Classes = Annotated[list[str], typer.Argument(metavar="CLASS...", help="Names of classes of boxes.")]


@app.command("list")
def list_(limit: o.Limit = 50, url: o.Url = None, as_json: o.Json = False) -> None:
    """List the ontologies.

    ```
    sightline ontologies list
    ```
    """
    from sightline.cli import show

    with o.connect(url) as client:
        found = client.first("/v1/ontologies", limit)
    none = "no ontologies: `sightline ontologies create NAME CLASS...` makes one, imports too"
    show.items(found, ("name", "ontology_id", "version", "classes"), as_json, none=none)


@app.command()
def show(ontology: o.OntologyName, url: o.Url = None, as_json: o.Json = False) -> None:
    """Show an ontology in its latest version.

    ```
    sightline ontologies show street
    ```
    """
    from sightline.cli import show
    from sightline.cli.find import find_ontology

    with o.connect(url) as client:
        found = find_ontology(client, ontology)
    show.thing(found, as_json)


@app.command()
def create(name: o.NewName, classes: Classes, url: o.Url = None, as_json: o.Json = False) -> None:
    """Make an ontology of boxes.

    ```
    sightline ontologies create street car person "traffic light"
    ```
    """
    from sightline.cli import show

    with o.connect(url) as client:
        made = client.create_ontology(name, classes)
    show.thing(made, as_json)


@app.command("add-classes")
def add_classes(ontology: o.OntologyName, classes: Classes, url: o.Url = None, as_json: o.Json = False) -> None:
    """Add the classes that are missing, as the next version.

    ```
    sightline ontologies add-classes street bus tram
    ```
    """
    from sightline.cli import show
    from sightline.cli.find import find_ontology

    with o.connect(url) as client:
        found = find_ontology(client, ontology)
        found.add_classes(classes)
    show.thing(found, as_json)


@app.command()
def rename(ontology: o.OntologyName, name: o.NewName, url: o.Url = None, as_json: o.Json = False) -> None:
    """Give an ontology another name.

    ```
    sightline ontologies rename street "street scenes"
    ```
    """
    from sightline.cli import show
    from sightline.cli.find import find_ontology

    with o.connect(url) as client:
        found = find_ontology(client, ontology)
        found.rename(name)
    show.thing(found, as_json)


@app.command()
def delete(ontology: o.OntologyName, yes: o.Yes = False, url: o.Url = None, as_json: o.Json = False) -> None:
    """Delete an ontology that no dataset and no model has.

    ```
    sightline ontologies delete street
    ```
    """
    from sightline.cli import show
    from sightline.cli.find import find_ontology

    with o.connect(url) as client:
        found = find_ontology(client, ontology)
        o.confirm(f"the ontology {found.name!r} ({found.ontology_id})", yes)
        answer = client.tell("DELETE", f"/v1/ontologies/{found.ontology_id}")
    show.one(answer, as_json)
