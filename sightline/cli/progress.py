"""Progress on stderr."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

Advance = Callable[[int], None]


class Bars:
    """A bar for each step, one below the other. `stopped`: what to say after Ctrl-C."""

    def __init__(self, console: Console | None = None, *, stopped: str = "") -> None:
        self._stopped = stopped
        self._console = console or Console(stderr=True, highlight=False, soft_wrap=True)
        self._progress = Progress(
            TextColumn("{task.description:<20}"),
            BarColumn(),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            console=self._console,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress.tasks:
            self._progress.stop()
        if self._stopped and kind is KeyboardInterrupt:
            self.note(self._stopped)

    @contextmanager
    def step(self, title: str, total: int | None = None) -> Generator[Advance]:
        """A step; call what it gives with how much of `total` is done."""
        self._progress.start()
        task = self._progress.add_task(title, total=total)
        yield lambda done: self._progress.update(task, completed=done)
        whole = total or 1
        self._progress.update(task, total=whole, completed=whole)

    def note(self, message: str) -> None:
        """A line beside the bars."""
        self._progress.console.print(message, markup=False)
