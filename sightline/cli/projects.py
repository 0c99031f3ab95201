"""`sightline projects`."""

from __future__ import annotations

from typing import Annotated

import typer

from sightline.cli import options as o

app = typer.Typer(
    help="Projects, to which everything else belongs. Commands read and write the current one.", no_args_is_help=True
)

Text = Annotated[str, typer.Argument(metavar="TEXT", help="What it is for; '' for nothing.")]


@app.command("list")
def list_(limit: o.Limit = 50, url: o.Url = None, as_json: o.Json = False) -> None:
    """List the projects.

    ```
    sightline projects list
    ```
    """
    from sightline.cli import show

    with o.connect(url) as client:
        found = client.first("/v1/projects", limit)
    none = "no projects"
    show.items(found, ("name", "project_id", "current", "description"), as_json, none=none)


@app.command()
def show(project: o.ProjectName, url: o.Url = None, as_json: o.Json = False) -> None:
    """Show a project, and how much it holds.

    ```
    sightline projects show default
    ```
    """
    from sightline.cli import show
    from sightline.cli.find import find_project

    with o.connect(url) as client:
        answer = client.ask(f"/v1/projects/{find_project(client, project).project_id}")
    show.one(answer, as_json)


@app.command()
def create(
    name: o.NewName,
    description: Annotated[str, typer.Option(metavar="TEXT", help="What it is for.")] = "",
    url: o.Url = None,
    as_json: o.Json = False,
) -> None:
    """Make a project.

    It stays empty for now: which project a command reads and writes is up to its API key, and this version has none
    yet. Without one it is `default`.

    ```
    sightline projects create "night shift" --description "cameras after ten"
    ```
    """
    from sightline.cli import show

    with o.connect(url) as client:
        made = client.create_project(name, description)
    show.thing(made, as_json)
    if not made.current:
        typer.echo(
            "commands go on reading and writing the current project: `sightline projects list` names it", err=True
        )


@app.command()
def rename(project: o.ProjectName, name: o.NewName, url: o.Url = None, as_json: o.Json = False) -> None:
    """Give a project another name.

    ```
    sightline projects rename "night shift" "late shift"
    ```
    """
    from sightline.cli import show
    from sightline.cli.find import find_project

    with o.connect(url) as client:
        found = find_project(client, project)
        found.rename(name)
    show.thing(found, as_json)


@app.command()
def describe(project: o.ProjectName, text: Text, url: o.Url = None, as_json: o.Json = False) -> None:
    """Say what a project is for.

    ```
    sightline projects describe default "all that we have"
    ```
    """
    from sightline.cli import show
    from sightline.cli.find import find_project

    with o.connect(url) as client:
        found = find_project(client, project)
        found.describe(text)
    show.thing(found, as_json)


@app.command()
def delete(project: o.ProjectName, yes: o.Yes = False, url: o.Url = None, as_json: o.Json = False) -> None:
    """Delete a project that holds nothing. `default` is always there.

    ```
    sightline projects delete "night shift"
    ```
    """
    from sightline.cli import show
    from sightline.cli.find import find_project

    with o.connect(url) as client:
        found = find_project(client, project)
        o.confirm(f"the project {found.name!r} ({found.project_id})", yes)
        answer = client.tell("DELETE", f"/v1/projects/{found.project_id}")
    show.one(answer, as_json)
