"""What the services ask of a text by a pattern is said in words, wherever it is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from services.common.eventlog.sqlite.log import SqliteLog
from services.common.eventlog.topics import topics
from services.common.runtime.health import Health
from services.common.runtime.http import http_app
from services.common.runtime.service import Context
from services.common.runtime.settings import Settings
from services.ingest.__main__ import build as build_ingest
from services.query.__main__ import build as build_query
from sightline.domain.names import PATTERNS_IN_WORDS


def patterns(schema: Any) -> Iterator[str]:
    match schema:
        case {"pattern": str(pattern), **rest}:
            yield pattern
            yield from patterns(rest)
        case dict():
            for inner in schema.values():
                yield from patterns(inner)
        case list():
            for inner in schema:
                yield from patterns(inner)
        case _:
            pass


@pytest.mark.parametrize("build", [build_ingest, build_query])
async def test_every_pattern_has_its_words(build: Callable[[Context], Any], tmp_path: Path) -> None:
    log = SqliteLog(tmp_path / "log.sqlite")
    await log.open(topics(2))
    no_store: Any = None
    health = Health()
    parts = await build(Context("any", Settings(), no_store, health, log))
    found = set(patterns(http_app("any", parts.routers, health, parts.describe).openapi()))
    await log.close()
    assert found <= PATTERNS_IN_WORDS.keys()
