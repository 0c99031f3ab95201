"""Ontologies, and the names of their classes."""

from __future__ import annotations

from collections.abc import Mapping

from services.common.readmodel.collections import ONTOLOGIES
from services.common.runtime.errors import not_found
from services.query import tokens
from services.query.answers import Answer, Page
from services.query.reads import BY_NAME, Document, Reads


class OntologyClass(Answer):
    """A class. Its id is never used again; `kind` is the kind of its annotations."""

    id: int
    name: str
    kind: str


class Ontology(Answer):
    """The classes of one version of an ontology."""

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


async def ontology_version(reads: Reads, ontology_id: str, version: int) -> Ontology:
    """One version of an ontology, which never changes."""
    found = await reads.one(ONTOLOGIES, ontology_id)
    if found is None:
        raise not_found("ontology")
    for there in found["versions"]:
        if there["version"] == version:
            return _ontology({**found, "versions": [there]})
    raise not_found("version of this ontology", f"its latest is {found['versions'][-1]['version']}")


async def ontology_versions(
    reads: Reads, ontology_id: str, *, page_size: int, page_token: str | None = None
) -> Page[Ontology]:
    """Versions of an ontology, the newest first."""
    found = await reads.one(ONTOLOGIES, ontology_id)
    if found is None:
        raise not_found("ontology")
    asked = tokens.question("ontology-versions", {"ontology_id": ontology_id})
    match tokens.read(asked, page_token):
        case None:
            versions: list[Document] = found["versions"]
        case [int(reached)]:
            versions = [there for there in found["versions"] if there["version"] < reached]
        case _:
            raise tokens.refused()
    page = versions[::-1][:page_size]
    more = len(versions) > page_size
    return Page(
        items=[_ontology({**found, "versions": [there]}) for there in page],
        next_page_token=tokens.write(asked, [page[-1]["version"]]) if more else None,
    )


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
