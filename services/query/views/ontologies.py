"""Ontologies, and the names of their classes."""

from __future__ import annotations

from collections.abc import Mapping

from services.common.readmodel.collections import ONTOLOGIES
from services.common.runtime.errors import not_found
from services.query.answers import Answer, Page
from services.query.reads import BY_NAME, Document, Reads


class OntologyClass(Answer):
    """A class. Its id is never used again; `kind` is the kind of its annotations."""

    id: int
    name: str
    kind: str


class Ontology(Answer):
    """The classes of one version of an ontology: here the latest."""

    ontology_id: str
    name: str
    version: int
    classes: list[OntologyClass]


async def ontology(reads: Reads, ontology_id: str) -> Ontology:
    """The latest version of an ontology."""
    found = await reads.one(ONTOLOGIES, ontology_id)
    if found is None:
        raise not_found("ontology")
    return _ontology(found)


async def ontologies(
    reads: Reads, *, name: str | None = None, page_size: int, page_token: str | None = None
) -> Page[Ontology]:
    """All ontologies by name, or the one of that name."""
    documents, token = await reads.listing(
        ONTOLOGIES, {"name": name}, order=BY_NAME, page_size=page_size, page_token=page_token
    )
    return Page(items=[_ontology(document) for document in documents], next_page_token=token)


async def class_names(reads: Reads, ontology_id: str) -> dict[int, str]:
    """Names by class id, over all versions: an id keeps its meaning for ever, so the latest name is the one to show."""
    found = await reads.one(ONTOLOGIES, ontology_id)
    versions: list[Document] = found["versions"] if found is not None else []
    return {item["id"]: item["name"] for version in versions for item in version["classes"]}


def class_name(names: Mapping[int, str], class_id: int) -> str:
    """A class's name; its number where the ontology doesn't say (an event may name what nobody defined)."""
    return names.get(class_id, f"#{class_id}")


def _ontology(document: Document) -> Ontology:
    latest = document["versions"][-1]
    return Ontology(
        ontology_id=document["ontology_id"],
        name=document["name"],
        version=latest["version"],
        classes=[OntologyClass(id=item["id"], name=item["name"], kind=item["kind"]) for item in latest["classes"]],
    )
