"""What may be a name, a global key, an id."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import StringConstraints

NAME_LIMIT = 200
"""Characters in a name or a global key."""

DEFAULT_PROJECT = "default"

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=NAME_LIMIT, pattern=r"^[^\x00-\x1f\x7f]*$")
]
"""What people call a thing: one line, not empty."""

ID_PATTERN = r"^[A-Za-z0-9_.-]+$"

Id = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=ID_PATTERN)]
"""What the server calls a thing. Ids hold no slash, so keys made of ids can be taken apart."""


def name_fault(name: str) -> str | None:
    """What is wrong with a name in a file, a global key or a class; None when nothing is."""
    if not name:
        return "The name is empty."
    if len(name) > NAME_LIMIT:
        return f"The name has more than {NAME_LIMIT} characters."
    if _CONTROL.search(name):
        return "The name has control characters."
    return None
