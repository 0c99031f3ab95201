"""What the category ids of a COCO file stand for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.common.readmodel.mongo import ReadModel
from services.ingest.accept import Ints, Longs
from services.ingest.handlers.world import DATASET_VERSIONS, DATASETS, ONTOLOGIES, Fields


@dataclass(frozen=True, slots=True)
class Classes:
    """What a category id of a file stands for."""

    category_ids: Longs
    """Ascending."""
    class_ids: Ints

    def find(self, category_ids: Longs) -> tuple[Ints, npt.NDArray[np.bool_]]:
        """The class of each category id, and whether there is one."""
        if not len(self.category_ids):
            return np.zeros(len(category_ids), np.int32), np.zeros(len(category_ids), np.bool_)
        at = np.minimum(np.searchsorted(self.category_ids, category_ids), len(self.category_ids) - 1)
        return self.class_ids[at], self.category_ids[at] == category_ids


def classes(mapping: dict[int, int]) -> Classes:
    """Classes from category id → class id."""
    ids = sorted(mapping)
    return Classes(np.array(ids, np.int64), np.array([mapping[id] for id in ids], np.int32))


async def load_classes(store: ReadModel, run: Fields) -> Classes:
    """The categories of the run's dataset version; where its truth was no COCO file, the ontology's class ids."""
    of_dataset = f"{run['project_id']}/{run['dataset_id']}"
    version = await store.get(DATASET_VERSIONS, f"{of_dataset}/{run['dataset_version']}")
    dataset = await store.get(DATASETS, of_dataset)
    categories: dict[str, int] = version["categories"] if version else dataset["draft_categories"] if dataset else {}
    if categories:
        return classes({int(category): class_id for category, class_id in categories.items()})
    ontology = await store.get(ONTOLOGIES, f"{run['project_id']}/{run['ontology_id']}")
    latest: list[Fields] = ontology["versions"][-1]["classes"] if ontology else []
    return classes({item["id"]: item["id"] for item in latest})
