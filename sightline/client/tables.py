"""Lists of the API as tables. NumPy, pandas and pyarrow are loaded when they are asked for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, cast

import msgspec

from sightline.client.errors import MissingExtra

if TYPE_CHECKING:
    import pandas
    import pyarrow

    from sightline.client.columns import Columns
    from sightline.formats.labelbox_writing import Line


def in_columns(blocks: Iterable[Sequence[Line]]) -> Columns:
    """Predictions as NumPy arrays."""
    from sightline.client.columns import of_lines

    return of_lines(blocks)


def frame(items: Iterable[Any]) -> pandas.DataFrame:
    """Items as a DataFrame."""
    try:
        import pandas
    except ImportError as error:
        raise MissingExtra("pandas") from error
    return pandas.DataFrame([_fields(item) for item in items])


def table(items: Iterable[Any]) -> pyarrow.Table:
    """Items as an Arrow table."""
    try:
        import pyarrow
    except ImportError as error:
        raise MissingExtra("pyarrow") from error
    return pyarrow.Table.from_pylist([_fields(item) for item in items])


def _fields(item: Any) -> dict[str, Any]:
    """An item of a list (a thing, a struct or a JSON object) by field."""
    facts: Any = getattr(item, "facts", item)
    return cast("dict[str, Any]", facts) if isinstance(facts, dict) else msgspec.structs.asdict(facts)
