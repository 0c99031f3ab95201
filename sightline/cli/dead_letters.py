"""`sightline dead-letters`."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from sightline.cli.options import Json, Limit, Url, Yes, connect
from sightline.cli.outcome import Exit, Stop

if TYPE_CHECKING:
    from sightline.client import Client

JsonObject = Mapping[str, Any]
Verb = Literal["replay", "drop"]

_PIPED_WIDTH = 200
_COUNTED = 1001
_GONE = "dead-letter-gone"
_SAID = {
    "refused": "refused once more",
    "not_replayable": "that can only be dropped",
    "gone": "gone from the log",
    "closed": "decided by somebody else",
}

app = typer.Typer(help="Events that can never be applied: look, put back, drop.", no_args_is_help=True)


class State(StrEnum):
    """States of dead letters, and all of them."""

    OPEN = "open"
    REPLAYING = "replaying"
    REPLAYED = "replayed"
    DROPPED = "dropped"
    ALL = "all"


Letter = Annotated[str, typer.Argument(metavar="ID", help="For example dl_17.")]
OneLetter = Annotated[str | None, typer.Argument(metavar="[ID]", help="For example dl_17; or --all.")]
Topic = Annotated[str | None, typer.Option(help="Only those that came from this topic.")]
Group = Annotated[str | None, typer.Option(help="Only those that this consumer group put aside.")]
Bug = Annotated[bool | None, typer.Option("--bug/--no-bug", help="Only faults of Sightline, or only faults of events.")]
Dataset = Annotated[str | None, typer.Option("--dataset", metavar="ID", help="Only those about this dataset.")]
Run = Annotated[str | None, typer.Option("--run", metavar="ID", help="Only those about this run.")]
All = Annotated[bool, typer.Option("--all", help="All open ones that the filters name.")]
Reason = Annotated[str, typer.Option("--reason", help="Why, for those who look later.")]


@app.command("list")
def list_letters(
    state: Annotated[State, typer.Option(help="Only those in this state.")] = State.OPEN,
    topic: Topic = None,
    group: Group = None,
    bug: Bug = None,
    dataset: Dataset = None,
    run: Run = None,
    limit: Limit = 50,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """List them, the newest first.

    ```
    sightline dead-letters list --topic predictions
    ```
    """
    from sightline.cli import show

    asked = _filter(topic, group, bug, dataset, run)
    with connect(url) as client:
        found = client.dead_letters(limit=limit, state=None if state is State.ALL else state.value, **asked)
    show.as_json({"items": found}) if as_json else _show_list(found)


@app.command("show")
def show_letter(letter: Letter, url: Url = None, as_json: Json = False) -> None:
    """Show one: where it came from, why it was put aside, and what it says.

    ```
    sightline dead-letters show dl_17
    ```
    """
    from sightline.cli import show

    with connect(url) as client:
        found = client.dead_letter(letter)
    show.as_json(found) if as_json else _show_card(found)


@app.command()
def replay(
    letter: OneLetter = None,
    every: All = False,
    topic: Topic = None,
    group: Group = None,
    bug: Bug = None,
    dataset: Dataset = None,
    run: Run = None,
    reason: Reason = "",
    yes: Yes = False,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Put an event back, or all: each adds only what is not there.

    Ends with exit code 3 when one was refused once more, or can only be dropped.

    ```
    sightline dead-letters replay dl_17
    sightline dead-letters replay --all --topic predictions
    ```
    """
    _decide("replay", letter, every, _filter(topic, group, bug, dataset, run), reason, yes, url, as_json)


@app.command()
def drop(
    letter: OneLetter = None,
    every: All = False,
    topic: Topic = None,
    group: Group = None,
    bug: Bug = None,
    dataset: Dataset = None,
    run: Run = None,
    reason: Reason = "",
    yes: Yes = False,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Close one for good, or all. Their bytes stay on the log.

    ```
    sightline dead-letters drop dl_17 --reason "a test"
    ```
    """
    _decide("drop", letter, every, _filter(topic, group, bug, dataset, run), reason, yes, url, as_json)


def _decide(
    verb: Verb,
    letter: str | None,
    every: bool,
    asked: Mapping[str, Any],
    reason: str,
    yes: bool,
    url: str | None,
    as_json: bool,
) -> None:
    from sightline.cli import show

    if (letter is None) != every:
        raise Stop(Exit.REFUSED, f"name a dead letter, or give --all: sightline dead-letters {verb} ID")
    if letter is not None and asked:
        raise Stop(Exit.REFUSED, "filters go with --all")
    with connect(url) as client:
        if letter is not None:
            done = [_decide_one(client, letter, verb, reason)]
        else:
            _confirm(client, verb, asked, yes=yes)
            done = client.decide_dead_letters(verb, filter=asked, note=reason)
    counts = Counter(str(each["what"]) for each in done)
    if as_json:
        show.as_json({"items": done, "counts": counts})
    else:
        _show_decided(done)
    left = [each for each in done if each["what"] not in ("replayed", "dropped")]
    if left:
        said = ", ".join(f"{count} {_SAID[what]}" for what, count in counts.items() if what in _SAID)
        raise Stop(Exit.REJECTED_ITEMS, f"of {len(done)} dead letters, {said}")


def _decide_one(client: Client, letter: str, verb: Verb, reason: str) -> JsonObject:
    from sightline.client import ApiError

    try:
        return client.decide_dead_letter(letter, verb, note=reason)
    except ApiError as error:
        if error.slug != _GONE:
            raise
        raise Stop(Exit.REFUSED, str(error)) from error


def _confirm(client: Client, verb: Verb, asked: Mapping[str, Any], *, yes: bool) -> None:
    """Ask whether that is meant, unless it was said."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise Stop(Exit.REFUSED, f"nothing was done: nobody can be asked here, so say {verb} --all --yes")
    found = client.dead_letters(limit=_COUNTED, state="open", **asked)
    many = f"more than {_COUNTED - 1}" if len(found) == _COUNTED else str(len(found))
    if not typer.confirm(f"{verb} {many} open dead letters?", err=True):
        raise Stop(Exit.REFUSED, "nothing was done")


def _filter(
    topic: str | None, group: str | None, bug: bool | None, dataset: str | None, run: str | None
) -> dict[str, Any]:
    asked = {"topic": topic, "group": group, "bug": bug, "dataset_id": dataset, "run_id": run}
    return {name: value for name, value in asked.items() if value is not None}


def _show_list(letters: Sequence[JsonObject]) -> None:
    if not letters:
        typer.echo("no such dead letters", err=True)
        return
    rows = [
        (
            letter["dead_letter_id"],
            letter["state"],
            _place(letter),
            letter["payload"] or "unreadable",
            letter["key"],
            f"(bug) {letter['reason']}" if letter["bug"] else letter["reason"],
            _moment(letter["time_unix_ms"]),
        )
        for letter in letters
    ]
    _print_table(("Id", "State", "From", "Event", "Key", "Why", "When"), rows)


def _show_card(letter: JsonObject) -> None:
    """One letter, readable."""
    import json

    _print_table((), _lines(letter))
    if letter["event"] is not None:
        text = json.dumps(letter["event"], indent=2, ensure_ascii=False)
        sys.stdout.write(f"\nthe event, with the first entries of its columns:\n{text}\n")
    else:
        sys.stdout.write(f"\nno event can be read; its bytes begin with {letter['begins'] or 'nothing'}\n")


def _lines(letter: JsonObject) -> list[tuple[str, str]]:
    lines = [
        ("dead letter", letter["dead_letter_id"]),
        ("state", letter["state"] + (", and its bytes are gone" if letter["bytes_gone"] else "")),
        ("why", letter["reason"]),
        ("whose fault", "Sightline's own: report it" if letter["bug"] else "the event's"),
        ("put aside by", letter["group"]),
        ("at", _moment(letter["time_unix_ms"])),
        ("from", _place(letter)),
        ("key", letter["key"]),
        ("bytes", str(letter["size"])),
    ]
    lines += [(f"header {header['name']}", header["value"]) for header in letter["headers"]]
    if outcome := letter["outcome"]:
        lines.append(("last", f"{outcome['what']} at {_moment(outcome['at_unix_ms'])}"))
        if outcome["added"] is not None:
            lines.append(("", f"{outcome['added']} added, {outcome['there']} were there"))
        if outcome["note"]:
            lines.append(("", outcome["note"]))
    return lines


def _show_decided(done: Sequence[JsonObject]) -> None:
    rows = [
        (
            each["dead_letter_id"],
            each["what"].replace("_", " "),
            each["state"],
            *("" if each[name] is None else str(each[name]) for name in ("added", "there")),
            each["detail"],
        )
        for each in done
    ]
    _print_table(("Id", "Outcome", "State", "Added", "There", "Detail"), rows)


def _print_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Whatever producers wrote into keys and headers is shown, and does nothing: no markup, no control characters."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*headings, box=None, show_header=bool(headings), header_style="bold", pad_edge=False)
    for row in rows:
        table.add_row(*(Text(_printable(cell), overflow="fold") for cell in row))
    Console(width=None if sys.stdout.isatty() else _PIPED_WIDTH, highlight=False).print(table)


def _printable(text: str) -> str:
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)


def _moment(unix_ms: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(unix_ms / 1000))


def _place(letter: JsonObject) -> str:
    return f"{letter['topic']}/{letter['partition']} at {letter['record_offset']}"
