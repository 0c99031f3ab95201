"""What the demo looks like in a terminal: progress on stderr, results on stdout."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, Final

from rich import box
from rich.console import Console, Group
from rich.progress import TaskID
from rich.table import Table
from rich.text import Text

from examples.digits.handwriting import NAMES
from sightline.cli.progress import Bars

MEASURES: Final = {"precision": "Precision", "recall": "Recall", "f1": "F1"}
COCO: Final = {"map": "mAP", "map_50": "mAP 50", "map_75": "mAP 75"}


class Steps(Bars):
    """A bar for each step, one below the other; new ones appear as they begin."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._tasks: dict[str, TaskID] = {}

    def report(self, step: str, done: int, total: int) -> None:
        """So much of a step is done."""
        if step not in self._tasks:
            self._tasks[step] = self._progress.add_task(step, total=total)
        self._progress.update(self._tasks[step], completed=done, total=total)

    def of(self, name: str) -> NamedSteps:
        """The same bars, for steps that are taken several times: for the run of that name."""
        return NamedSteps(self, name)


class NamedSteps:
    """Steps with what they are about in their title."""

    def __init__(self, steps: Steps, name: str) -> None:
        self._steps = steps
        self._name = name

    def step(self, title: str, total: int | None = None) -> AbstractContextManager[Callable[[int], None]]:
        """As `Steps.step`."""
        return self._steps.step(f"{title} · {self._name}", total)

    def note(self, message: str) -> None:
        """As `Steps.note`."""
        self._steps.note(f"{self._name}: {message}")


def results(runs: Mapping[str, Mapping[str, Any]]) -> Group:
    """All there is to say of two runs, for stdout."""
    older, newer = runs
    answer = runs[newer]
    point = Text(f"IoU ≥ {answer['iou']:g}, confidence ≥ {answer['confidence']:g}, in per cent", style="dim")
    title = Text(f"{older} and {newer}  ", style="bold").append_text(point)
    return Group("", title, "", comparison(runs), "", averages(runs), "")


def comparison(runs: Mapping[str, Mapping[str, Any]]) -> Table:
    """Two runs side by side, class by class: the answers of `GET /v1/model-runs/{id}/metrics`, by the run's name."""
    (_, old), (_, new) = runs.items()
    table = _table("", "support", *(f"{title}\n{_versus(*runs)}" for title in MEASURES.values()))
    for name in NAMES:
        table.add_row(name, *_line(old["classes"][name], new["classes"][name]))
    table.add_section()
    table.add_row("all classes", *_line(old["total"], new["total"]), style="bold")
    return table


def averages(runs: Mapping[str, Mapping[str, Any]]) -> Table:
    """COCO's average precision of two runs."""
    (_, old), (_, new) = runs.items()
    table = _table("COCO", _versus(*runs))
    for name, title in COCO.items():
        table.add_row(title, _compared(old["coco"][name], new["coco"][name]))
    return table


def _table(first: str, *others: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True, header_style="dim")
    table.add_column(first, min_width=11, vertical="bottom")
    for heading in others:
        table.add_column(heading, justify="right", vertical="bottom", no_wrap=True)
    return table


def _line(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Text]:
    return [Text(str(new["support"])), *(_compared(old[name], new[name]) for name in MEASURES)]


def _compared(old: float | None, new: float | None) -> Text:
    """Both values in per cent, and by how many points the second is better."""
    if old is None or new is None:
        return Text(_versus(_share(old), _share(new), ""))
    points = round(100 * (new - old), 1)
    change = Text(f"{points:+6.1f}".replace("-", "−"), style="green" if points > 0 else "red" if points else "dim")
    return Text(f"{_share(old):>5} {_share(new):>5} ").append_text(change)


def _share(value: float | None) -> str:
    """Undefined is a dash: no number would be true."""
    return "–" if value is None else f"{100 * value:.1f}"


def _versus(old: str, new: str, change: str = "±") -> str:
    return f"{old:>5} {new:>5} {change:>6}"
