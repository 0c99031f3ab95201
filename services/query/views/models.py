"""Models."""

from __future__ import annotations

from services.common.readmodel.collections import MODELS
from services.common.runtime.errors import not_found
from services.query.answers import Answer, Page
from services.query.reads import BY_NAME, Document, Reads


class Model(Answer):
    """A model (an experiment): it has an ontology and any number of runs."""

    model_id: str
    name: str
    ontology_id: str
    created_unix_ms: int


async def model(reads: Reads, model_id: str) -> Model:
    """One model."""
    found = await reads.one(MODELS, model_id)
    if found is None:
        raise not_found("model")
    return _model(found)


async def models(
    reads: Reads, *, name: str | None = None, page_size: int, page_token: str | None = None
) -> Page[Model]:
    """All models by name, or the one of that name."""
    documents, token = await reads.listing(
        MODELS, {"name": name}, order=BY_NAME, page_size=page_size, page_token=page_token
    )
    return Page(items=[_model(document) for document in documents], next_page_token=token)


def _model(document: Document) -> Model:
    return Model(
        model_id=document["model_id"],
        name=document["name"],
        ontology_id=document["ontology_id"],
        created_unix_ms=document["created_unix_ms"],
    )
