"""What truth and predictions have in common when they are sent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from os import PathLike
from pathlib import Path
from typing import Any, cast

from sightline.client import sources
from sightline.client.asking import Body, Sent
from sightline.client.sources import Format, Source


def extent(source: Source | None, row: Any) -> tuple[int | None, str]:
    """How much there is to send, where that is known, and of what."""
    if isinstance(source, (str, PathLike)):
        path = Path(source)
        return path.stat().st_size if path.is_file() else None, "B"
    return None if row is None else len(row), "boxes"


def body_of(
    source: Source | None,
    columns: Mapping[str, Any],
    empty: Iterable[str],
    format: Format | None,
    *,
    gzip: bool,
    sent: Sent,
) -> tuple[Body, Format]:
    """The body of an upload of annotations, and its format."""
    given = {name: column for name, column in columns.items() if column is not None}
    if source is not None and given:
        raise ValueError(f"give one source, or columns: not both a source and {', '.join(given)}")
    if isinstance(source, (str, PathLike)):
        path = Path(source)
        chosen = format or sources.guess(path)
        return sources.file(path, sent, format=chosen), chosen
    return _lines(source, given, empty, gzip=gzip, sent=sent), "ndjson"


def _lines(source: Source | None, given: Mapping[str, Any], empty: Iterable[str], *, gzip: bool, sent: Sent) -> Body:
    # NumPy only here: the command line sends files.
    from sightline.client.columns import Columns, empty_rows

    nothing = empty_rows(empty)
    if source is None or sources.is_table(source):
        if source is None and given.keys() >= {"row", "class_name", "boxes"}:
            columns = Columns(**given).checked()
        elif source is None and nothing and not given:
            columns = Columns([], [], []).checked()
        elif source is None:
            raise ValueError("columns are given by name: row, class_name and boxes")
        else:
            columns = sources.columns_of(source).checked()

        def blocks() -> Iterator[Sequence[object]]:
            return chain(columns.blocks(), [nothing] if nothing else [])

        return sources.ndjson(blocks, sent, gzip=gzip)
    dicts = cast("Iterable[Mapping[str, Any]]", source)
    return sources.given_lines(dicts, sources.annotation, nothing, sent, gzip=gzip)
