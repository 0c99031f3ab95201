"""`python -m services.common.ops COMMAND`: JSON lines on stdout, each with one of `progress`, `result`, `refused` or
`failed`. Exit codes as the command line documents them.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import sys
import time
from collections.abc import Mapping
from typing import Any

from services.common.eventlog.port import LogError
from services.common.ops.log_copy import log_copy
from services.common.ops.places import place, settings
from services.common.ops.refusal import Refusal

FAILURE, REFUSED, INTERRUPTED = 1, 2, 130
PROGRESS_SECONDS = 0.1
DEBUG = "SIGHTLINE_DEBUG"


def main() -> int:
    """Run a command."""
    arguments = _parser().parse_args()
    # What libraries complain of, our errors say in a user's words.
    logging.basicConfig(level=logging.WARNING if DEBUG in os.environ else logging.CRITICAL, format="%(message)s")
    logging.getLogger("services").setLevel(logging.WARNING)
    try:
        _say("result", asyncio.run(_command(arguments)))
    except Refusal as error:
        _say("refused", str(error))
        return REFUSED
    except LogError as error:
        _say("failed", str(error))
        return FAILURE
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # who asked is gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILURE
    except Exception as error:
        if DEBUG in os.environ:
            raise
        _say("failed", f"an error that should not happen ({type(error).__name__}: {error}); {DEBUG}=1 shows where")
        return FAILURE
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m services.common.ops", description="Operators' commands.")
    commands = parser.add_subparsers(dest="command", required=True)
    copy = commands.add_parser("log-copy", help="copy a log with its order")
    copy.add_argument("source", metavar="FROM")
    copy.add_argument("target", metavar="TO")
    copy.add_argument("--force", action="store_true", help="although services use the source")
    rebuild = commands.add_parser("rebuild", help="make the read model anew from the log")
    what = rebuild.add_mutually_exclusive_group(required=True)
    what.add_argument("--compare", action="store_true", help="and compare it with the current one")
    what.add_argument("--swap", action="store_true", help="and put it in the place of the current one")
    what.add_argument("--drop-old", action="store_true", help="drop every generation but the current one")
    rebuild.add_argument("--anew", action="store_true", help="don't go on with one that was begun")
    commands.add_parser("mongo", help="look at the MongoDB that the environment names")
    topics = commands.add_parser("topics", help="look at a log on Kafka")
    topics.add_argument("cluster", metavar="kafka://HOST:PORT[/PREFIX]")
    return parser


async def _command(arguments: argparse.Namespace) -> Mapping[str, Any]:
    if arguments.command == "topics":
        from services.common.ops.topics import examine_topics

        return await examine_topics(arguments.cluster)
    if arguments.command == "mongo":
        from services.common.ops.mongo import examine_mongo

        return await asyncio.to_thread(examine_mongo, settings())
    if arguments.command == "rebuild":
        return await _rebuild(arguments)
    return await log_copy(place(arguments.source), place(arguments.target), _Reporter(), force=arguments.force)


async def _rebuild(arguments: argparse.Namespace) -> Mapping[str, Any]:
    from services.common.ops import rebuild  # the other commands wait for no read model to load

    if arguments.drop_old:
        return await rebuild.rebuild_drop_old(settings())
    act = rebuild.rebuild_compare if arguments.compare else rebuild.rebuild_swap
    return await act(settings(), _Reporter(), anew=arguments.anew)


class _Reporter:
    """Says how far a phase is, not too often."""

    def __init__(self) -> None:
        self._said = 0.0

    def __call__(self, phase: str, done: int, total: int) -> None:
        now = time.monotonic()
        if done in (0, total) or now - self._said >= PROGRESS_SECONDS:
            self._said = now
            _say("progress", {"phase": phase, "done": done, "total": total})


def _say(kind: str, what: object) -> None:
    sys.stdout.write(json.dumps({kind: what}, ensure_ascii=False) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
