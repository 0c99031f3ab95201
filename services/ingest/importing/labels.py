"""The classes of a run, by what files call them: category ids in COCO, names in NDJSON."""

from __future__ import annotations

from services.common.readmodel.mongo import ReadModel
from services.ingest.handlers.catalog_state import DATASET_VERSIONS, DATASETS, ONTOLOGIES, Fields
from services.ingest.importing.id_lookup import Lookup
from sightline.domain.kinds import BOX


async def load_classes(store: ReadModel, run: Fields) -> Lookup:
    """The categories of the run's dataset version; where its truth was no COCO file, the ontology's class ids."""
    of_dataset = f"{run['project_id']}/{run['dataset_id']}"
    version = await store.get(DATASET_VERSIONS, f"{of_dataset}/{run['dataset_version']}")
    dataset = await store.get(DATASETS, of_dataset)
    categories: dict[str, int] = version["categories"] if version else dataset["draft_categories"] if dataset else {}
    if categories:
        return Lookup({int(category): class_id for category, class_id in categories.items()})
    ontology = await store.get(ONTOLOGIES, f"{run['project_id']}/{run['ontology_id']}")
    latest: list[Fields] = ontology["versions"][-1]["classes"] if ontology else []
    return Lookup({item["id"]: item["id"] for item in latest})


async def load_class_names(store: ReadModel, project_id: str, ontology_id: str, version: int) -> dict[str, int]:
    """The ids of the classes for boxes by name, of a version of an ontology; 0: of its latest."""
    ontology = await store.get(ONTOLOGIES, f"{project_id}/{ontology_id}")
    classes: list[Fields] = ontology["versions"][version - 1]["classes"] if ontology else []
    return {item["name"]: item["id"] for item in classes if item["kind"] == BOX.name}
