"""What may be a name, a global key, an id."""

from __future__ import annotations

import re

NAME_LIMIT = 200
"""Characters in a name or a global key."""

DEFAULT_PROJECT = "default"

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

ID_PATTERN = r"^[A-Za-z0-9_.-]+$"
"""What the server's ids are made of: no slash, so keys made of ids can be taken apart."""


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
