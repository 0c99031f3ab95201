"""Assets of data rows: where they are, and files below the one folder from which they are served."""

from __future__ import annotations

import asyncio
import mimetypes
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from services.common.readmodel.collections import DATA_ROWS
from services.common.runtime.errors import Problem, not_found
from services.query.sources import Sources
from services.query.thumbnails import Source, source

_REMOTE = ("http://", "https://", "s3://", "gs://")


@dataclass(frozen=True, slots=True)
class Asset:
    """A file to serve."""

    path: Path
    media_type: str


def asset_link(dataset_id: str, global_key: str, asset_url: str | None) -> str | None:
    """What a browser may follow: a remote asset's own address, or this service's path for a local one."""
    if not asset_url or is_remote(asset_url):
        return asset_url or None
    return f"{_row_link(dataset_id, global_key)}/asset"


def thumbnail_link(dataset_id: str, global_key: str, asset_url: str | None) -> str | None:
    """This service's path for a small picture of a local asset."""
    if not asset_url or is_remote(asset_url):
        return None
    return f"{_row_link(dataset_id, global_key)}/thumbnail"


def _row_link(dataset_id: str, global_key: str) -> str:
    return f"/v1/datasets/{quote(dataset_id, safe='')}/data-rows/{quote(global_key, safe='')}"


def is_remote(asset_url: str) -> bool:
    """Whether an asset is somewhere else: this service never fetches it."""
    return asset_url.startswith(_REMOTE)


async def thumbnail_source(sources: Sources, dataset_id: str, global_key: str, size: int) -> Source:
    """The file of which a thumbnail is wanted."""
    found = await asset(sources, dataset_id, global_key)
    return await asyncio.to_thread(source, found.path, size)


async def asset(sources: Sources, dataset_id: str, global_key: str) -> Asset:
    """The local asset of a data row."""
    row = await sources.reads.one(DATA_ROWS, dataset_id, global_key)
    asset_url = row["asset_url"] if row is not None else None
    if not asset_url:
        raise not_found("asset", "the data row has none" if row is not None else "there is no such data row")
    if is_remote(asset_url):
        raise not_found("local asset", "it is remote: the data row's asset_url says where")
    if sources.asset_root is None:
        raise Problem(
            404,
            "no-asset-root",
            "local assets are not served",
            "set SIGHTLINE_ASSET_ROOT to the folder that holds them",
        )
    return Asset(
        resolve(sources.asset_root, asset_url), mimetypes.guess_type(asset_url)[0] or "application/octet-stream"
    )


def resolve(root: Path, asset_url: str) -> Path:
    """The file that a path means, links followed, if it lies below the root. All else is equally absent."""
    absent = not_found("asset", "there is no such file below the asset root")
    try:
        root = root.resolve(strict=True)
        path = (root / asset_url).resolve(strict=True)
        if not path.is_relative_to(root) or not path.is_file():
            raise absent
    except (OSError, ValueError, RuntimeError):
        raise absent from None
    return path
