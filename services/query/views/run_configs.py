"""Configs that are saved for runs."""

from __future__ import annotations

from typing import Any

from services.common.readmodel.collections import RUN_CONFIGS
from services.common.runtime.errors import not_found
from services.query.answers import Answer, Page
from services.query.reads import BY_NAME, Document, Reads


class RunConfig(Answer):
    """A saved config. Runs that were made with it have copies."""

    run_config_id: str
    name: str
    config: dict[str, Any]
    created_unix_ms: int


async def run_config(reads: Reads, run_config_id: str) -> RunConfig:
    """One saved config."""
    found = await reads.one(RUN_CONFIGS, run_config_id)
    if found is None:
        raise not_found("saved config")
    return _run_config(found)


async def run_configs(
    reads: Reads, *, name: str | None = None, page_size: int, page_token: str | None = None
) -> Page[RunConfig]:
    """All saved configs by name, or the one of that name."""
    documents, token = await reads.listing(
        RUN_CONFIGS, {"name": name}, order=BY_NAME, page_size=page_size, page_token=page_token
    )
    return Page(items=[_run_config(document) for document in documents], next_page_token=token)


def _run_config(document: Document) -> RunConfig:
    return RunConfig(**{field: document[field] for field in RunConfig.model_fields})
