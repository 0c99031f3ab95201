"""How a command ends: exit codes, and one line on stderr for every error. Never a traceback."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Callable, Mapping
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sightline.client import ApiError


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

    as_json = "--json" in sys.argv[1:]
    try:
        # Typer shows by itself what is wrong with a command line, but never as JSON.
        code = app(standalone_mode=not as_json)
    except Exception as error:
        if "SIGHTLINE_DEBUG" in os.environ:
            raise
        code, message = _told(error)
        sys.stderr.write(f"sightline: {message}\n")
        if as_json and code != Exit.REJECTED_ITEMS:  # the result has been printed
            problem = getattr(error, "problem", None)
            said = {"message": message, "exit_code": int(code), "problem": problem}
            with contextlib.suppress(OSError):  # it may be what is wrong
                sys.stdout.write(json.dumps({"error": said}, ensure_ascii=False) + "\n")
    sys.exit(code)


def _told(error: Exception) -> tuple[Exit, str]:
    # Only now: `--help` needs none of it.
    from typer import Abort

    from sightline.client import ApiError, InvalidAddress, SightlineError, Unreachable

    match error:
        case Stop():
            return error.code, str(error)
        case _ if said := _of_usage(error):
            return Exit.REFUSED, said
        case Abort():
            return Exit.FAILURE, "ended"
        case InvalidAddress():
            return Exit.REFUSED, str(error)
        case Unreachable():
            return Exit.NO_SERVER, f"{error}: start one with `sightline up`, or name another by SIGHTLINE_URL or --url"
        case ApiError() if error.status >= 500:
            return Exit.FAILURE, f"the server could not answer: {error}"
        case ApiError() if error.status in (409, 422) and error.slug != "import-failed":
            return Exit.REFUSED, _with_what_helps(error)
        case ApiError():
            return Exit.FAILURE, _with_what_helps(error)
        case SightlineError() | OSError():
            return Exit.FAILURE, str(error)
        case _:
            kind = type(error).__name__
            return Exit.FAILURE, f"an error that should not happen ({kind}: {error}); SIGHTLINE_DEBUG=1 shows where"


def _of_usage(error: Exception) -> str | None:
    """What Typer, or its click, says of a command line that makes no sense."""
    format_message: Callable[[], str] | None = getattr(error, "format_message", None)
    return format_message() if format_message else None


def _with_what_helps(error: ApiError) -> str:
    """A problem, with the id of what is in the way and the command that mends it, as far as the server names them."""
    step: Mapping[str, str] = error.problem.get("next") or {}
    there = f" ({error.existing_id})" if error.existing_id else ""
    return f"{error}{there}" + (f": `{step['command']}`" if "command" in step else "")
