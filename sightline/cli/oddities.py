"""What looks odd in an import, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

_WORDS = {
    "zero_size": "have no width or no height: kept as they are",
    "outside_picture": "reach out of their picture: kept as they are",
    "not_kept": "say more than is kept: custom metrics, nested classifications, or the confidence of a truth",
    "unknown_fields": "have fields that nobody knows, and were taken without them: misspelt?",
    "rows_may_be_incomplete": "were rejected, and name no row that can be read: which rows lack them is not known",
}


def oddities(what: str, warnings: Mapping[str, int]) -> Iterator[str]:
    """A line for each kind of warning that an import of `what` has."""
    for name, count in warnings.items():
        if count:
            yield f"{count:,} of the {what} {_WORDS.get(name, f'have the warning {name}')}"
