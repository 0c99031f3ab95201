"""`sightline configs`."""

from __future__ import annotations

from typing import Annotated

import typer

from sightline.cli import options as o

app = typer.Typer(help="Configs that are saved under a name, for runs to come.", no_args_is_help=True)

Content = Annotated[
    str, typer.Option("--config", metavar="JSON", help="One JSON object; @FILE reads it from a file, @- from stdin.")
]


@app.command("list")
def list_(limit: o.Limit = 50, url: o.Url = None, as_json: o.Json = False) -> None:
    """List the saved configs.

    ```
    sightline configs list
    ```
    """
    from sightline.cli import show

    with o.connect(url) as client:
        found = client.first("/v1/run-configs", limit)
    none = "no saved configs: `sightline configs create NAME --config JSON` saves one"
    show.items(found, ("name", "run_config_id", "config"), as_json, none=none)


@app.command()
def show(config: o.ConfigName, url: o.Url = None, as_json: o.Json = False) -> None:
    """Show a saved config.

    ```
    sightline configs show nightly
    ```
    """
    from sightline.cli import show
    from sightline.cli.find import find_config

    with o.connect(url) as client:
        found = find_config(client, config)
    show.struct(found, as_json)


@app.command()
def create(name: o.NewName, config: Content, url: o.Url = None, as_json: o.Json = False) -> None:
    """Save a config: `runs create --config-name NAME` copies it.

    ```
    sightline configs create nightly --config '{"epochs": 12}'
    sightline configs create nightly --config @config.json
    ```
    """
    from sightline.cli import show

    content = o.json_object(config)
    with o.connect(url) as client:
        made = client.create_config(name, content)
    show.struct(made, as_json)


@app.command()
def change(config: o.ConfigName, content: Content, url: o.Url = None, as_json: o.Json = False) -> None:
    """Give a saved config another content. Runs that were made with it keep their copies.

    ```
    sightline configs change nightly --config @config.json
    ```
    """
    from sightline.cli import show
    from sightline.cli.find import find_config

    wanted = o.json_object(content)
    with o.connect(url) as client:
        changed = client.change_config(find_config(client, config), config=wanted)
    show.struct(changed, as_json)


@app.command()
def rename(config: o.ConfigName, name: o.NewName, url: o.Url = None, as_json: o.Json = False) -> None:
    """Give a saved config another name.

    ```
    sightline configs rename nightly weekly
    ```
    """
    from sightline.cli import show
    from sightline.cli.find import find_config

    with o.connect(url) as client:
        changed = client.change_config(find_config(client, config), name=name)
    show.struct(changed, as_json)


@app.command()
def delete(config: o.ConfigName, yes: o.Yes = False, url: o.Url = None, as_json: o.Json = False) -> None:
    """Forget a saved config. Runs that were made with it keep their copies.

    ```
    sightline configs delete nightly
    ```
    """
    from sightline.cli import show
    from sightline.cli.find import find_config

    with o.connect(url) as client:
        found = find_config(client, config)
        o.confirm(f"the saved config {found.name!r} ({found.run_config_id})", yes)
        answer = client.tell("DELETE", f"/v1/run-configs/{found.run_config_id}")
    show.one(answer, as_json)
