"""What a command says when it doesn't begin."""

from __future__ import annotations

from services.common.eventlog.port import LogError


class Refusal(LogError):
    """The command can't be done as asked, and nothing was written; the message says what to do."""
