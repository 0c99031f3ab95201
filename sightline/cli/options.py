"""What commands share: options, the client, names that complete themselves, and asking before a deletion."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from sightline.cli.outcome import Exit, Stop

if TYPE_CHECKING:
    from sightline.client import Client

_COMPLETION_SECONDS = 0.5


def completing(noun: str) -> Callable[[str], list[str]]:
    """Names of things on the server that begin like what is typed; none when the server isn't quick."""

    def complete(incomplete: str) -> list[str]:
        import httpx

        url = (os.environ.get("SIGHTLINE_URL") or "http://127.0.0.1:8790").rstrip("/")
        try:
            answer = httpx.get(f"{url}/v1/{noun}", params={"page_size": 200}, timeout=_COMPLETION_SECONDS)
            items: list[dict[str, Any]] = answer.raise_for_status().json()["items"]
        except (httpx.HTTPError, ValueError, KeyError):
            return []
        return [item["name"] for item in items if item["name"].startswith(incomplete)]

    return complete


Url = Annotated[
    str | None,
    typer.Option("--url", envvar="SIGHTLINE_URL", help="Address of the server.", show_default="http://127.0.0.1:8790"),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Limit = Annotated[int, typer.Option("--limit", min=1, help="How many to show at most.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")]
NewName = Annotated[str, typer.Argument(metavar="NAME", help="The new name.")]
RunName = Annotated[
    str,
    typer.Argument(metavar="RUN", help="Id or name of a run.", autocompletion=completing("model-runs")),
]
DatasetName = Annotated[
    str,
    typer.Argument(metavar="DATASET", help="Id or name of a dataset.", autocompletion=completing("datasets")),
]
OntologyName = Annotated[
    str,
    typer.Argument(metavar="ONTOLOGY", help="Id or name of an ontology.", autocompletion=completing("ontologies")),
]
ModelName = Annotated[
    str, typer.Argument(metavar="MODEL", help="Id or name of a model.", autocompletion=completing("models"))
]
ProjectName = Annotated[
    str, typer.Argument(metavar="PROJECT", help="Id or name of a project.", autocompletion=completing("projects"))
]
ConfigName = Annotated[
    str,
    typer.Argument(metavar="CONFIG", help="Id or name of a saved config.", autocompletion=completing("run-configs")),
]
DatasetOption = Annotated[
    str,
    typer.Option("--dataset", metavar="DATASET", help="Its id or name.", autocompletion=completing("datasets")),
]
OntologyOption = Annotated[
    str,
    typer.Option("--ontology", metavar="ONTOLOGY", help="Its id or name.", autocompletion=completing("ontologies")),
]
ModelOption = Annotated[
    str, typer.Option("--model", metavar="MODEL", help="Its id or name.", autocompletion=completing("models"))
]
Iou = Annotated[float | None, typer.Option(min=0.05, max=1.0, help="From which overlap a prediction matches.")]
Confidence = Annotated[float | None, typer.Option(min=0.0, max=1.0, help="From which confidence a prediction counts.")]


def connect(url: str | None) -> Client:
    """The server. Commands say at once what is wrong: who scripts them decides what to try again."""
    from sightline.client import Client

    return Client(url, retries=0)


def json_object(text: str) -> dict[str, Any]:
    """What `--config` says: one JSON object, or @ and the file that holds it."""

    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is no number of JSON")

    try:
        said: Any = json.loads(_content(text), parse_constant=refuse)
    except ValueError as error:
        raise Stop(Exit.REFUSED, f"--config is not JSON: {error}") from error
    if not isinstance(said, dict):
        raise Stop(Exit.REFUSED, "--config is not a JSON object, such as '{\"epochs\": 12}'")
    return cast("dict[str, Any]", said)


def _content(text: str) -> str:
    match text.partition("@"):
        case "", "@", "-":
            return sys.stdin.read()
        case "", "@", path:
            return Path(path).read_text(encoding="utf-8")
        case _:
            return text


def confirm(what: str, yes: bool) -> None:
    """Ask whether to delete it. Without a terminal nobody can answer: then `--yes` has to be given."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise Stop(Exit.REFUSED, f"this deletes {what}: pass --yes to confirm")
    if not typer.confirm(f"Delete {what}?", err=True):
        raise Stop(Exit.REFUSED, "nothing was deleted")
