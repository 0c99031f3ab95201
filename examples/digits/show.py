"""What the demo looks like in a terminal: progress on stderr, results on stdout."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Final, Self

from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from examples.digits.handwriting import NAMES

MEASURES: Final = {"precision": "Precision", "recall": "Recall", "f1": "F1"}
COCO: Final = {"map": "mAP", "map_50": "mAP 50", "map_75": "mAP 75"}


class Steps:
    """A bar for each step, one below the other; new ones appear as they begin."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            TextColumn("  {task.description:<28}"),
            BarColumn(bar_width=36, complete_style="cyan", finished_style="green"),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def report(self, step: str, done: int, total: int) -> None:
        """So much of a step is done."""
        if step not in self._tasks:
            self._tasks[step] = self._progress.add_task(step, total=total)
        self._progress.update(self._tasks[step], completed=done, total=total)

    @contextmanager
    def step(self, title: str, total: int | None = None) -> Generator[Callable[[int], None]]:
        """A step of `total` parts, done when the block ends; without a total it is only seen to be busy."""
        task = self._progress.add_task(title, total=total)
        yield lambda done: self._progress.update(task, completed=done)
        whole = total or 1
        self._progress.update(task, total=whole, completed=whole)

    def note(self, message: str) -> None:
        """A line above the bars."""
        self._progress.console.print(message, markup=False)


def comparison(runs: Mapping[str, Mapping[str, Any]]) -> Table:
    """Two runs side by side, class by class: the answers of `GET /v1/model-runs/{id}/metrics`, by the run's name."""
    (older, old), (newer, new) = runs.items()
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim")
    table.add_column("")
    table.add_column("Support", justify="right", style="dim")
    for title in MEASURES.values():
        table.add_column(f"{title} {older}", justify="right")
        table.add_column(newer, justify="right")
        table.add_column("", justify="right")
    for name in NAMES:
        table.add_row(name, *_line(old["classes"][name], new["classes"][name], MEASURES))
    table.add_section()
    table.add_row("all classes", *_line(old["total"], new["total"], MEASURES), style="bold")
    return table


def averages(runs: Mapping[str, Mapping[str, Any]]) -> Table:
    """COCO's average precision of two runs."""
    (older, old), (newer, new) = runs.items()
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim")
    table.add_column("COCO")
    for title in (older, newer, ""):
        table.add_column(title, justify="right")
    for name, title in COCO.items():
        table.add_row(title, *_compared(old["coco"][name], new["coco"][name]))
    return table


def _line(old: Mapping[str, Any], new: Mapping[str, Any], names: Mapping[str, str]) -> Sequence[Text]:
    cells = [cell for name in names for cell in _compared(old[name], new[name])]
    return [Text(str(new["support"])), *cells]


def _compared(old: float | None, new: float | None) -> tuple[Text, Text, Text]:
    """Both values, and by how many hundredths the second is better."""
    if old is None or new is None:
        return _share(old), _share(new), Text("")
    points = 100 * (new - old)
    style = "green" if points >= 0.05 else "red" if points <= -0.05 else "dim"
    return _share(old), _share(new), Text(f"{points:+.1f}".replace("-", "−"), style=style)


def _share(value: float | None) -> Text:
    """Undefined is a dash: no number would be true."""
    return Text("–", style="dim") if value is None else Text(f"{100 * value:.1f}")
