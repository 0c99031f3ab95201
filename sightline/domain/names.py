"""What may be a name, a global key, an id."""

from __future__ import annotations

import re

NAME_LIMIT = 200
"""Characters in a name or a global key."""

DEFAULT_PROJECT = "default"

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

ID_PATTERN = r"^[A-Za-z0-9_.-]+$"
"""What the server's ids are made of: no slash, so keys made of ids can be taken apart."""

LINE_PATTERN = r"^[^\x00-\x1f\x7f]*$"
"""What a name is made of."""

TEXT_PATTERN = r"^[^\x00-\x08\x0b-\x1f\x7f]*$"
"""What a description is made of."""

DEAD_LETTER_ID_PATTERN = r"^dl_[0-9]{1,18}$"

PATTERNS_IN_WORDS = {
    ID_PATTERN: "It may have letters from a to z, digits, `_`, `.` and `-`, and nothing else.",
    LINE_PATTERN: "It may have no control characters and no line breaks.",
    TEXT_PATTERN: "It may have no control characters but line breaks and tabs.",
    DEAD_LETTER_ID_PATTERN: "It is written like dl_17.",
}
"""What each pattern asks for, for people."""


def name_fault(name: str) -> str | None:
    """What is wrong with a name in a file, a global key or a class; None when nothing is."""
    if not name:
        return "The name is empty."
    if len(name) > NAME_LIMIT:
        return f"The name has more than {NAME_LIMIT} characters."
    if _CONTROL.search(name):
        return "The name has control characters."
    if name in (".", ".."):  # at a URL's end these are steps: who deletes this row would delete its dataset
        return "The name is only one or two dots."
    return None
