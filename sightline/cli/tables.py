"""Tables for people. Where the terminal is too narrow, whole columns are left out, never parts of numbers."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field

from rich import table
from rich.console import Console
from rich.measure import Measurement
from rich.text import Text

_PIPED_WIDTH = 160
_ENDLESS = 10_000
_FOLDED = 24


def stdout() -> Console:
    """Where results go. What is piped is wide enough for the tables, whatever the terminal."""
    return Console(width=None if sys.stdout.isatty() else _PIPED_WIDTH, highlight=False, markup=False, emoji=False)


def stderr() -> Console:
    """Where is said what is no result."""
    return Console(stderr=True, highlight=False, soft_wrap=True, markup=False, emoji=False)


@dataclass(frozen=True, slots=True)
class _Row:
    cells: Sequence[Text]
    style: str | None
    section: bool


@dataclass(slots=True)
class Table:
    """Columns of words, then columns of numbers, then more words. `spare` ones are left out first, in their order."""

    words: Sequence[str]
    numbers: Sequence[str] = ()
    more_words: Sequence[str] = ()
    spare: Sequence[str] = ()
    header: bool = True
    _rows: list[_Row] = field(default_factory=list["_Row"])

    @property
    def headings(self) -> list[str]:
        """Of all columns."""
        return [*self.words, *self.numbers, *self.more_words]

    def add(self, *cells: str | Text, style: str | None = None, section: bool = False) -> None:
        """Add a row. `section`: there is a line above it."""
        # As text: what people call their things is no markup.
        self._rows.append(_Row([Text(cell) if isinstance(cell, str) else cell for cell in cells], style, section))

    def print(self) -> None:
        """Print it, and say which columns didn't fit."""
        console = stdout()
        endless = console.options.update_width(_ENDLESS)
        left_out: list[str] = []
        for heading in self.spare:
            # Long words may be folded.
            folded = self._without(left_out, widest=_FOLDED)
            if Measurement.get(console, endless, folded).maximum <= console.width:
                break
            left_out.append(heading)
        console.print(self._without(left_out))
        if left_out:
            stderr().print(f"left out, as the terminal is narrow: {', '.join(left_out)} (--json has all)")

    def _without(self, left_out: Sequence[str], *, widest: int | None = None) -> table.Table:
        shown = table.Table(
            box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0), show_header=self.header
        )
        kept = [place for place, heading in enumerate(self.headings) if heading not in left_out]
        for place in kept:
            heading = self.headings[place]
            justify = "right" if heading in self.numbers else "left"
            shown.add_column(heading, overflow="fold", justify=justify, max_width=widest)
        for row in self._rows:
            if row.section:
                shown.add_section()
            shown.add_row(*(row.cells[place] for place in kept), style=row.style)
        return shown
