"""What may be a name or an id."""

import re

import pytest

from sightline.domain.names import DEFAULT_PROJECT, ID_PATTERN, NAME_LIMIT, name_fault


@pytest.mark.parametrize(
    "name", ["a", "a/b c.jpg", "./a", "../a.jpg", "...", "größe 12 × 3", "x" * NAME_LIMIT, " ", "$a.b", "a\u2028b"]
)
def test_names(name: str) -> None:
    assert name_fault(name) is None


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", "empty"),
        ("x" * (NAME_LIMIT + 1), f"{NAME_LIMIT}"),
        ("a\nb", "control"),
        ("\0", "control"),
        ("\x7f", "control"),
        (".", "dots"),
        ("..", "dots"),
    ],
)
def test_what_is_no_name(name: str, said: str) -> None:
    assert said in (name_fault(name) or "")


@pytest.mark.parametrize("id", [DEFAULT_PROJECT, "run_x5k2q3", "a.b-c"])
def test_ids(id: str) -> None:
    assert re.match(ID_PATTERN, id)


@pytest.mark.parametrize("id", ["", "a/b", "a b", "é", "a@1"])
def test_ids_can_be_taken_apart_in_keys(id: str) -> None:
    assert not re.match(ID_PATTERN, id)
