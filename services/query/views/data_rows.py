"""Data rows of a dataset: filtered, in pages, one by one."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import msgspec
from pydantic import Field

from services.common.readmodel.collections import DATA_ROWS
from services.common.runtime.errors import Problem, not_found
from services.common.versions import holds_at, in_version
from services.query import tokens
from services.query.answers import Answer, Page
from services.query.reads import Document, Reads
from services.query.views.assets import asset_link, thumbnail_link
from services.query.views.datasets import document as dataset_document
from sightline.domain.names import NAME_LIMIT

METADATA = "metadata."
"""What parameters begin with that ask for a value of metadata."""

MOST_METADATA = 8
_METADATA_KEY = re.compile(r"[\w -]{1,100}")
_LAST = "\U0010ffff" * NAME_LIMIT
"""Behind a prefix: no key that begins with the prefix comes later."""
_INTEGERS = range(-(2**63), 2**63)


class DataRow(Answer):
    """A data row."""

    dataset_id: str
    global_key: str
    ordinal: int | None = Field(description="its place in the dataset's own order")
    asset_url: str | None = Field(description="where its asset is: a path below the asset root, or an address")
    asset: str | None = Field(description="what a browser may follow")
    thumbnail: str | None = Field(description="a small picture of it; of a local asset only")
    width: int | None
    height: int | None
    split: str
    metadata: dict[str, Any]
    labelled: bool = Field(description="in the version that was asked for; otherwise in the draft")
    known: bool = Field(description="false: only truth has named it so far")


@dataclass(frozen=True, slots=True)
class DataRowQuery:
    """Which rows of a dataset. None: any."""

    prefix: str = ""
    split: str | None = None
    labelled: bool | None = None
    version: int | None = None
    metadata: tuple[tuple[str, str], ...] = ()


def asked_metadata(parameters: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """`metadata.KEY=VALUE` among the parameters of a URL."""
    asked = [(name.removeprefix(METADATA), value) for name, value in parameters if name.startswith(METADATA)]
    if len(asked) > MOST_METADATA or not all(_METADATA_KEY.fullmatch(key) for key, _ in asked):
        detail = f"metadata.KEY=VALUE: at most {MOST_METADATA} keys of letters, digits, blanks, - and _"
        raise Problem(422, "invalid-request", "the request is not valid", detail)
    return tuple(asked)


async def data_rows(
    reads: Reads, dataset_id: str, query: DataRowQuery, *, page_size: int, page_token: str | None = None
) -> Page[DataRow]:
    """Rows in the order of their keys."""
    await dataset_document(reads, dataset_id, query.version)
    asked = tokens.question("data-rows", {"dataset_id": dataset_id, **asdict(query)})
    first = reads.id(dataset_id, query.prefix)
    found, token = await reads.range(
        DATA_ROWS, first, first + _LAST, _filter(query), asked=asked, page_size=page_size, page_token=page_token
    )
    return Page(items=[_row(document, query.version) for document in found], next_page_token=token)


async def data_row(reads: Reads, dataset_id: str, global_key: str) -> DataRow:
    """One row."""
    await dataset_document(reads, dataset_id)
    found = await reads.one(DATA_ROWS, dataset_id, global_key)
    if found is None:
        raise not_found("data row", "the dataset has none of this global_key")
    return _row(found, None)


def _filter(query: DataRowQuery) -> dict[str, Any]:
    filter: dict[str, Any] = {}
    if query.split is not None:
        filter["split"] = {"$eq": query.split}
    if query.labelled is not None:
        there = {"labelled": {"$elemMatch": _interval(query.version)}}
        filter |= there if query.labelled else {"$nor": [there]}
    for key, value in query.metadata:
        filter.setdefault("$and", []).append({f"metadata.{key}": {"$in": _meanings(value)}})
    return filter


def _interval(version: int | None) -> dict[str, Any]:
    return {"to": None} if version is None else in_version(version)


def _meanings(value: str) -> list[tokens.Plain]:
    """The text itself, and the number or truth value that it may stand for."""
    try:
        parsed = msgspec.json.decode(value, type=bool | int | float)
    except (msgspec.DecodeError, UnicodeEncodeError):
        return [value]
    return [value] if isinstance(parsed, int) and parsed not in _INTEGERS else [value, parsed]


def _row(document: Document, version: int | None) -> DataRow:
    dataset_id, global_key, asset_url = document["dataset_id"], document["global_key"], document["asset_url"]
    return DataRow(
        dataset_id=dataset_id,
        global_key=global_key,
        ordinal=document["ordinal"],
        asset_url=asset_url,
        asset=asset_link(dataset_id, global_key, asset_url),
        thumbnail=thumbnail_link(dataset_id, global_key, asset_url),
        width=document["width"],
        height=document["height"],
        split=document["split"],
        metadata=document["metadata"],
        labelled=any(_holds(interval, version) for interval in document["labelled"]),
        known=document["known"],
    )


def _holds(interval: Document, version: int | None) -> bool:
    if version is None:
        return interval["to"] is None
    return holds_at(interval["from"], interval["to"], version)
