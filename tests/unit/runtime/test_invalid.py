"""What is wrong with a request is said in words, in one line for each place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from services.common.eventlog.sqlite.log import SqliteLog
from services.common.eventlog.topics import topics
from services.common.runtime import invalid
from services.common.runtime.health import Health
from services.common.runtime.http import http_app
from services.common.runtime.service import Context
from services.common.runtime.settings import Settings
from services.ingest.__main__ import build as build_ingest
from services.query.__main__ import build as build_query
from sightline.domain.catalog import NameChanges, ProjectChanges
from sightline.domain.data_rows import DataRowAsked, DataRowChanges
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


def told(asked: type[BaseModel], body: Any) -> list[tuple[str, str]]:
    with pytest.raises(ValidationError) as caught:
        asked.model_validate(body)
    return [(each["where"], each["message"]) for each in invalid.faults(caught.value.errors())]  # pyright: ignore


@pytest.mark.parametrize("asked", [NameChanges, ProjectChanges])
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "It is empty."),
        ("x" * 201, "It should have at most 200 characters."),
        ("a\nb", "It may have no control characters and no line breaks."),
        (7, "It should be a text."),
    ],
)
def test_a_name_is_refused_in_one_line(asked: type[BaseModel], name: Any, message: str) -> None:
    assert told(asked, {"name": name}) == [("name", message)]


def test_several_faults_are_each_told_where_they_are() -> None:
    assert told(ProjectChanges, {"name": "", "description": 7}) == [
        ("name", "It is empty."),
        ("description", "It should be a text."),
    ]


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("width", True, "It should be a whole number."),
        ("height", 640.5, "It should be a whole number."),
        ("width", "640", "It should be a whole number."),
        ("width", 0, "It should be at least 1."),
        ("ordinal", False, "It should be a whole number."),
        ("ordinal", 2**53, "It should be at most 9007199254740991."),
        ("ordinal", -(2**53), "It should be at least -9007199254740991."),
        ("ordinal", 2**63, "It should be at most 9007199254740991."),
    ],
)
def test_whole_numbers_are_whole_numbers(field: str, value: Any, message: str) -> None:
    assert told(DataRowChanges, {field: value}) == [(field, message)]
    assert told(DataRowAsked, {"global_key": "a", field: value}) == [(field, message)]
