"""What is wrong with a request, in words: where, and what is allowed. Nothing that was sent is repeated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from typing import Any

from sightline.domain.names import PATTERNS_IN_WORDS

_EXPECTED = {
    "Expecting value": "a value was expected",
    "Expecting property name enclosed in double quotes": "a name in double quotes was expected",
    "Expecting ':' delimiter": "a colon was expected",
    "Expecting ',' delimiter": "a comma or a closing bracket was expected",
    "Extra data": "nothing was expected after the end",
    "Unterminated string starting at": "a string begins here and has no end",
    "Illegal trailing comma before end of object": "nothing was expected after the last comma",
    "Illegal trailing comma before end of array": "nothing was expected after the last comma",
}
"""How Python's parser says what it missed, and how we do."""


def faults(errors: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Where each fault is, and what is allowed there.

    Where None may stand beside something else, pydantic tells of both: it is the other that was meant.
    """
    either = {error["loc"][:-1] for error in errors if error["type"] == "none_required"}
    return [
        {"where": _where(error, either), "message": _in_words(error)}
        for error in errors
        if error["type"] != "none_required"
    ]


def _where(error: Mapping[str, Any], either: Set[tuple[Any, ...]]) -> str:
    """The place of what is not valid; of a member that nobody knows, the place of its object: its name is input."""
    place = error["loc"][:-1] if error["type"] == "extra_forbidden" else error["loc"]
    # Behind a place with a choice comes pydantic's name for what was chosen.
    kept = [part for at, part in enumerate(place) if place[:at] not in either]
    return "/".join(str(part) for part in kept)


def _in_words(error: Mapping[str, Any]) -> str:
    """What is allowed there, from an error of pydantic's."""
    match error["type"]:
        case "value_error":
            return str(error["ctx"]["error"])  # pydantic puts its own words before it
        case "string_pattern_mismatch":
            return PATTERNS_IN_WORDS.get(error["ctx"]["pattern"], "It is not written as it should be.")
        case "missing":
            return "It is missing."
        case "extra_forbidden":
            return "It has a field that is not known."
        case "string_too_short":
            least = error["ctx"]["min_length"]
            return "It is empty." if least == 1 else f"It should have at least {least} characters."
        case "string_too_long":
            return f"It should have at most {error['ctx']['max_length']} characters."
        case "string_type":
            return "It should be a text."
        case "int_type" | "int_from_float" | "int_parsing" | "int_parsing_size":
            return "It should be a whole number."
        case "greater_than_equal":
            return f"It should be at least {error['ctx']['ge']}."
        case "less_than_equal":
            return f"It should be at most {error['ctx']['le']}."
        case "model_attributes_type" | "model_type" | "dict_type":
            return "It should be a JSON object."
        case _:
            return str(error["msg"])


def unparsable(error: Mapping[str, Any], text: Any) -> str | None:
    """Where a body stops being JSON, and what was expected there; None for errors of another kind."""
    if error["type"] != "json_invalid":
        return None
    missed = str(error["ctx"]["error"])
    expected = _EXPECTED.get(missed, missed[:1].lower() + missed[1:])
    at = int(error["loc"][-1])
    if not isinstance(text, str):
        return f"character {at + 1}: {expected}"
    line, column = text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)
    return f"line {line}, column {column}: {expected}"


def unsaid_json(error: Mapping[str, Any]) -> bool:
    """Whether there is a body, and it was not read since it isn't said to be JSON."""
    return error["loc"] == ("body",) and isinstance(error.get("input"), bytes)
