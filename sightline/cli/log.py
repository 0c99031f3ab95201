"""`sightline log`."""

from __future__ import annotations

import shlex
import sys
from typing import Annotated

import typer

from sightline.cli.outcome import Exit, Stop

app = typer.Typer(help="The log itself.", no_args_is_help=True)

_LOG = "A data directory, its log.sqlite, or kafka://HOST:PORT,HOST:PORT/PREFIX."


@app.callback()
def _log() -> None:  # pyright: ignore[reportUnusedFunction]
    """Keeps `copy` a command of its own name."""


@app.command()
def copy(
    source: Annotated[str, typer.Option("--from", metavar="LOG", help=f"The log to copy. {_LOG}")],
    target: Annotated[
        str, typer.Option("--to", metavar="LOG", help="Where the copy shall lie; empty, or begun before.")
    ],
    force: Annotated[
        bool, typer.Option("--force", help="Although services use the source: copy what it has now.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Copy a log with its order to another place, for example from this machine to Kafka.

    Every record comes to the same partition and offset, with its key, value, headers and time; then both sides are
    compared. Stop Sightline first. After an interruption the same command goes on where it stopped.

    ```
    sightline log copy --from ./data --to kafka://broker-1:9092/sightline
    ```
    """
    from sightline import ops
    from sightline.cli import show
    from sightline.cli.phases import PhaseBars

    try:
        with PhaseBars() as bars:
            done = ops.run("log-copy", source, target, *(["--force"] if force else []), progress=bars.show)
    except ops.OpsError as error:
        raise Stop(Exit.REFUSED if error.refused else Exit.FAILURE, str(error)) from error
    except KeyboardInterrupt:
        sys.stderr.write(f"sightline: stopped; to go on: {_again(source, target, force=force)}\n")
        raise typer.Exit(130) from None
    show.as_json(done) if as_json else show.copied(done)


def _again(source: str, target: str, *, force: bool) -> str:
    return shlex.join(["sightline", "log", "copy", "--from", source, "--to", target, *(["--force"] if force else [])])
