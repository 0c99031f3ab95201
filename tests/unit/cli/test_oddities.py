"""Warnings of imports, as the command line says them."""

import pytest

from sightline.cli.oddities import oddities


def test_what_there_is_none_of_is_not_said() -> None:
    assert list(oddities("predictions", {"zero_size": 0, "outside_picture": 0})) == []


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("zero_size", "no width"),
        ("outside_picture", "picture"),
        ("not_kept", "more than is kept"),
        ("rows_may_be_incomplete", "which rows"),
        ("new", "new"),
    ],
)
def test_each_is_counted_in_words(name: str, said: str) -> None:
    (line,) = oddities("truth", {name: 1200, "unknown_fields": 0})
    assert line.startswith("1,200 of the truth ")
    assert said in line


def test_unknown_fields_may_be_misspelt() -> None:
    (line,) = oddities("predictions", {"unknown_fields": 1})
    assert line.endswith("misspelt?")
