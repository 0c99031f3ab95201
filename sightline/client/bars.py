"""Progress bars: on terminals and in notebooks, unless they are switched off."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager

Advance = Callable[[int], None]
"""Is told how much is done by now."""


@contextmanager
def bar(title: str, total: int | None, unit: str, *, shown: bool | None) -> Generator[Advance]:
    """A bar of so many parts. `shown`: None decides by where stderr goes."""
    if not (_is_watched() if shown is None else shown):
        yield lambda done: None
        return
    from tqdm.auto import tqdm

    with tqdm(total=total, desc=title, unit=unit, unit_scale=True, leave=False) as line:

        def advance(done: int) -> None:
            line.update(done - line.n)

        yield advance


@contextmanager
def waiting(title: str, *, shown: bool | None) -> Generator[None]:
    """A line as long as something is waited for of which nobody knows how much is done."""
    if not (_is_watched() if shown is None else shown):
        yield
        return
    from tqdm.auto import tqdm

    with tqdm(total=0, desc=title, bar_format="{desc} …", leave=False):
        yield


def _is_watched() -> bool:
    if sys.stderr.isatty():
        return True
    shell = sys.modules.get("IPython")
    kernel = getattr(shell.get_ipython(), "kernel", None) if shell else None
    return kernel is not None
