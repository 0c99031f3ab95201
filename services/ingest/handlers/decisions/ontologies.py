"""Ontologies: versions never change, and a class id is never used again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from services.ingest.handlers.catalog_state import DATASETS, MODELS, ONTOLOGIES, CatalogState, Fields
from services.ingest.handlers.decisions.decision import Decision, Place, absent, refused, taken
from sightline.domain.kinds import KINDS
from sightline.domain.steps import ONTOLOGY
from sightline.wire.events.v1.catalog_pb2 import (
    CreateOntology,
    CreateOntologyVersion,
    DeleteOntology,
    OntologyClass,
    UpdateOntology,
)


def _classes(classes: Iterable[OntologyClass], existing: Sequence[Fields], first_id: int) -> list[Fields] | str:
    """Classes that are not there yet, with ids; or what is wrong with them."""
    there = {c["name"]: c for c in existing}
    new: list[Fields] = []
    seen: set[str] = set()
    for number, item in enumerate(classes, 1):
        if item.kind not in KINDS:
            return f"there is no such annotation kind: known are {', '.join(sorted(KINDS))}"
        if item.name in seen:
            return f"class {number} has the name of one before it"
        seen.add(item.name)
        if item.name in there:
            if there[item.name]["kind"] != item.kind:
                return f"class {number} is there with another kind"
        else:
            new.append({"id": first_id + len(new), "name": item.name, "kind": item.kind})
    return new


def ontology_body(ontology: Fields) -> Fields:
    """An ontology as its latest version shows it."""
    latest = ontology["versions"][-1]
    return {
        "ontology_id": ontology["ontology_id"],
        "name": ontology["name"],
        "version": latest["version"],
        "classes": latest["classes"],
    }


def create_ontology(catalog: CatalogState, at: Place, ask: CreateOntology) -> Decision:
    """Make an ontology."""
    if there := catalog.named(ONTOLOGIES, at.project_id, ask.name):
        return taken("an ontology of this name exists", there["ontology_id"])
    classes = _classes(ask.classes, (), 1)
    if isinstance(classes, str):
        return refused(422, classes)
    ontology = {
        "_id": f"{at.project_id}/{ask.ontology_id}",
        "project_id": at.project_id,
        "ontology_id": ask.ontology_id,
        "name": ask.name,
        "versions": [{"version": 1, "classes": classes}],
        "created_unix_ms": at.time_unix_ms,
    }
    catalog.put(ONTOLOGIES, ontology)
    return Decision("created", 201, ontology_body(ontology))


def create_ontology_version(catalog: CatalogState, at: Place, ask: CreateOntologyVersion) -> Decision:
    """Add the classes that are missing, as the next version."""
    ontology = catalog.get(ONTOLOGIES, at.project_id, ask.ontology_id)
    if ontology is None:
        return absent(ONTOLOGY)
    latest = ontology["versions"][-1]
    used = [c["id"] for version in ontology["versions"] for c in version["classes"]]
    new = _classes(ask.classes, latest["classes"], max(used, default=0) + 1)
    if isinstance(new, str):
        return refused(422, new)
    if not new:
        return Decision("exists", 200, ontology_body(ontology))
    version = {"version": latest["version"] + 1, "classes": [*latest["classes"], *new]}
    ontology = {**ontology, "versions": [*ontology["versions"], version]}
    catalog.put(ONTOLOGIES, ontology)
    return Decision("created", 201, ontology_body(ontology))


def update_ontology(catalog: CatalogState, at: Place, ask: UpdateOntology) -> Decision:
    """Give an ontology another name."""
    ontology = catalog.get(ONTOLOGIES, at.project_id, ask.ontology_id)
    if ontology is None:
        return absent(ONTOLOGY)
    there = catalog.named(ONTOLOGIES, at.project_id, ask.name)
    if there is not None and there["_id"] != ontology["_id"]:
        return taken("an ontology of this name exists", there["ontology_id"])
    renamed = {**ontology, "name": ask.name}
    catalog.put(ONTOLOGIES, renamed)
    return Decision("done", 200, ontology_body(renamed))


def delete_ontology(catalog: CatalogState, at: Place, ask: DeleteOntology) -> Decision:
    """Delete an ontology that nothing rests on."""
    ontology = catalog.get(ONTOLOGIES, at.project_id, ask.ontology_id)
    if ontology is None:
        return absent(ONTOLOGY)
    for collection, what in ((DATASETS, "dataset"), (MODELS, "model")):
        for user in catalog.find(collection, project_id=at.project_id, ontology_id=ask.ontology_id):
            return refused(409, f"the {what} {user[f'{what}_id']} has this ontology: delete that first")
    catalog.delete(ONTOLOGIES, ontology)
    return Decision("done", 200, {"ontology_id": ask.ontology_id})
