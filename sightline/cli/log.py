"""`sightline log`."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from typing import Annotated, Any

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
    compared. Stop Sightline before. After an interruption the same command goes on where it stopped.
    """
    from sightline import ops
    from sightline.cli import show

    try:
        with _Bars() as bars:
            done = ops.run("log-copy", source, target, *(["--force"] if force else []), progress=bars.show)
    except ops.OpsError as error:
        raise Stop(Exit.REFUSED if error.refused else Exit.FAILURE, str(error)) from error
    except KeyboardInterrupt:
        sys.stderr.write(f"sightline: stopped; to go on: {_again(source, target, force=force)}\n")
        raise typer.Exit(130) from None
    show.as_json(done) if as_json else show.copied(done)


def _again(source: str, target: str, *, force: bool) -> str:
    return shlex.join(["sightline", "log", "copy", "--from", source, "--to", target, *(["--force"] if force else [])])


class _Bars:
    """A bar for each phase, on stderr."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn

        self._progress = Progress(
            TextColumn("{task.description:<10}"),
            BarColumn(),
            TaskProgressColumn(show_speed=False),
            TextColumn("{task.completed:,.0f} of {task.total:,.0f} records"),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            console=Console(stderr=True, highlight=False, soft_wrap=True),
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> _Bars:
        return self

    def __exit__(self, *_: object) -> None:
        if self._tasks:
            self._progress.stop()

    def show(self, said: Mapping[str, Any]) -> None:
        """Show how far a phase is; one with nothing to do has no bar."""
        phase, done, total = said["phase"], said["done"], said["total"]
        if not total:
            return
        if phase not in self._tasks:
            self._progress.start()
            self._tasks[phase] = self._progress.add_task(phase, total=total, rate="")
        task = self._tasks[phase]
        self._progress.update(task, completed=done)
        speed = self._progress.tasks[self._progress.task_ids.index(task)].speed
        self._progress.update(task, rate=f"{speed:,.0f}/s" if speed else "")
