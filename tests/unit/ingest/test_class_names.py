"""Classes by name, and the hint at what was meant."""

import pytest

from services.ingest.importing.class_names import ClassNames

NAMES = ClassNames({"car": 1, "Person": 2, "street/Light": 3, "light": 4})


def test_names_are_compared_letter_by_letter() -> None:
    assert NAMES.find(["car", "Car", "person", "street/Light", "Light", ""]).tolist() == [1, 0, 0, 3, 0, 0]


@pytest.mark.parametrize(
    ("name", "meant"),
    [("CAR", "car"), (" car ", "car"), ("person", "Person"), ("LIGHT", "light"), ("road/PERSON", "Person")],
)
def test_another_case_or_another_path_is_told(name: str, meant: str) -> None:
    assert f"`{meant}`" in NAMES.hint(name)


def test_a_nested_class_has_its_whole_path() -> None:
    assert "`street/Light`: a class is named letter by letter by its whole path" in ClassNames(
        {"street/Light": 3}
    ).hint("light")


def test_nothing_is_guessed() -> None:
    assert NAMES.hint("bus") == ""
    assert ClassNames({}).hint("") == ""
