"""How a command ends: exit codes, and one line on stderr for every error. Never a traceback."""

from __future__ import annotations

import os
import sys
from enum import IntEnum


class Exit(IntEnum):
    """The exit codes, as documented in `docs/command-line.md`."""

    OK = 0
    FAILURE = 1
    REFUSED = 2
    REJECTED_ITEMS = 3
    NO_SERVER = 4


class Stop(Exception):
    """End the command with this code, and say why."""

    def __init__(self, code: Exit, message: str) -> None:
        super().__init__(message)
        self.code = code


def main() -> None:
    """The `sightline` program."""
    from sightline.cli.app import app

    try:
        app()
    except Exception as error:
        if "SIGHTLINE_DEBUG" in os.environ:
            raise
        code, message = _told(error)
        sys.stderr.write(f"sightline: {message}\n")
        sys.exit(code)


def _told(error: Exception) -> tuple[Exit, str]:
    # Only now: `--help` needs none of it.
    from sightline.client import ApiError, SightlineError, Unreachable

    match error:
        case Stop():
            return error.code, str(error)
        case Unreachable():
            return Exit.NO_SERVER, f"{error}: start one with `sightline up`, or name another by SIGHTLINE_URL or --url"
        case ApiError() if error.status >= 500:
            return Exit.FAILURE, f"the server could not answer: {error}"
        case ApiError() if error.status in (409, 422) and error.slug != "import-failed":
            return Exit.REFUSED, str(error)
        case SightlineError() | OSError():
            return Exit.FAILURE, str(error)
        case _:
            kind = type(error).__name__
            return Exit.FAILURE, f"an error that should not happen ({kind}: {error}); SIGHTLINE_DEBUG=1 shows where"
