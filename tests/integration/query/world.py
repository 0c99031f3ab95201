"""A measured run as ingest and metrics would leave it in the read model, from COCO files."""

import zlib
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from services.common.documents import Replace
from services.common.readmodel.mongo import ReadModel
from sightline.evaluation import Evaluation, PredictionBoxes, TruthBoxes, evaluate, evidence_of_boxes

Json = dict[str, Any]

PARTITIONS = 4
PROJECT = "default"
DATASET, MODEL, ONTOLOGY = "ds_1", "mdl_1", "ont_1"
NOW = 1_767_225_600_000


def partition_of(key: str) -> int:
    return zlib.crc32(key.encode()) % PARTITIONS


@dataclass
class World:
    """What is stored, and what the library says of the same files."""

    truth: Json
    results: list[Json]
    run_id: str = "run_1"
    project: str = PROJECT
    revision: int = 5
    class_ids: dict[int, int] = field(default_factory=dict[int, int])

    def __post_init__(self) -> None:
        names = {category["id"]: category["name"] for category in self.truth["categories"]}
        self.class_ids = {category: number for number, category in enumerate(sorted(names), 1)}
        self.names = {self.class_ids[category]: name for category, name in names.items()}

    @property
    def evaluation(self) -> Evaluation:
        return evaluate(self.truth, self.results)

    def version(self, revision: int | None = None) -> Json:
        at = self.revision if revision is None else revision
        return {
            str(partition): {
                "rev": at,
                "offsets": {"predictions": 10, "ground-truth": 10},
                "markers": {"predictions": 7, "ground-truth": 6},
            }
            for partition in range(PARTITIONS)
        }

    def catalog(self) -> dict[str, list[Json]]:
        p = self.project
        classes = [{"id": number, "name": name, "kind": "box"} for number, name in sorted(self.names.items())]
        return {
            "ontologies": [
                {
                    "_id": f"{p}/{ONTOLOGY}",
                    "project_id": p,
                    "ontology_id": ONTOLOGY,
                    "name": "things",
                    "versions": [{"version": 1, "classes": classes}],
                    "created_unix_ms": NOW,
                }
            ],
            "datasets": [
                {
                    "_id": f"{p}/{DATASET}",
                    "project_id": p,
                    "dataset_id": DATASET,
                    "name": "street",
                    "ontology_id": ONTOLOGY,
                    "draft": 2,
                    "draft_digest": None,
                    "open_imports": [],
                    "created_unix_ms": NOW,
                    "source_offset": 2,
                }
            ],
            "dataset_versions": [
                {
                    "_id": f"{p}/{DATASET}/1",
                    "project_id": p,
                    "dataset_id": DATASET,
                    "version": 1,
                    "state": "committed",
                    "truth_digest": "abc",
                    "committed_unix_ms": NOW,
                    "source_offset": 6,
                }
            ],
            "models": [
                {
                    "_id": f"{p}/{MODEL}",
                    "project_id": p,
                    "model_id": MODEL,
                    "name": "detector",
                    "ontology_id": ONTOLOGY,
                    "created_unix_ms": NOW,
                    "source_offset": 3,
                }
            ],
            "model_runs": [self.run_document(self.run_id, "first", NOW)],
            "imports": [self.import_document("imp_1")],
        }

    def run_document(self, run_id: str, name: str, created_unix_ms: int) -> Json:
        return {
            "_id": f"{self.project}/{run_id}",
            "project_id": self.project,
            "run_id": run_id,
            "name": name,
            "model_id": MODEL,
            "dataset_id": DATASET,
            "dataset_version": 1,
            "ontology_id": ONTOLOGY,
            "ontology_version": 1,
            "splits": [],
            "accepts_new_rows": False,
            "state": "open",
            "config": {"epochs": 3},
            "open_import": None,
            "created_unix_ms": created_unix_ms,
            "source_offset": 7,
        }

    def import_document(self, import_id: str, **changes: Any) -> Json:
        return {
            "_id": f"{self.project}/{import_id}",
            "project_id": self.project,
            "import_id": import_id,
            "name": f"{import_id}.json",
            "dataset_id": DATASET,
            "dataset_version": 1,
            "run_id": self.run_id,
            "format": "coco",
            "mode": "replace",
            "state": "FINISHED",
            "failure": None,
            "accepted": len(self.results),
            "rejected": 0,
            "end_offsets": {str(partition): 9 for partition in range(PARTITIONS)},
            "begun_unix_ms": NOW,
            "ended_unix_ms": NOW + 1,
            **changes,
        }

    def rows(self, every: bool = False) -> dict[str, list[Json]]:
        """Truths, run rows and data rows. Rows without predictions: half of them, or every one, as an empty run row."""
        annotations: Mapping[int, list[Json]] = defaultdict(list)
        results: Mapping[int, list[Json]] = defaultdict(list)
        for annotation in self.truth["annotations"]:
            annotations[annotation["image_id"]].append(annotation)
        for result in self.results:
            results[result["image_id"]].append(result)
        documents: dict[str, list[Json]] = {"truths": [], "run_rows": [], "data_rows": []}
        for image in self.truth["images"]:
            truth, run_row, data_row = self._row(image, annotations[image["id"]], results[image["id"]])
            documents["truths"].append(truth)
            documents["data_rows"].append(data_row)
            if run_row["count"] or every or image["id"] % 2:
                documents["run_rows"].append(run_row)
        return documents

    def _row(self, image: Json, annotations: list[Json], results: list[Json]) -> tuple[Json, Json, Json]:
        key = image["file_name"]
        row = f"{self.project}/{DATASET}/{key}"
        partition = partition_of(row)
        truths = TruthBoxes(
            np.zeros(len(annotations), np.int32),
            np.array([self.class_ids[a["category_id"]] for a in annotations], np.int32),
            np.array([a["bbox"] for a in annotations], np.float64).reshape(-1, 4),
            np.array([a["area"] for a in annotations], np.float64),
            np.array([a["iscrowd"] for a in annotations], np.bool_),
        )
        predictions = PredictionBoxes(
            np.zeros(len(results), np.int32),
            np.array([self.class_ids[r["category_id"]] for r in results], np.int32),
            np.array([r["bbox"] for r in results], np.float64).reshape(-1, 4),
            np.array([r["score"] for r in results], np.float64),
        )
        evidence = evidence_of_boxes(truths, predictions, np.array([image["id"]]), len(self.class_ids) + 1)
        order = evidence.predictions.place
        common = {
            "row": row,
            "project_id": self.project,
            "dataset_id": DATASET,
            "global_key": key,
            "partition": partition,
        }
        truth = {
            "_id": f"{row}@1",
            **common,
            "import_id": "imp_1",
            "from": 1,
            "to": None,
            "ordinal": image["id"],
            "count": len(annotations),
            "class_ids": truths.class_id.tobytes(),
            "boxes": truths.box.tobytes(),
            "areas": truths.area.tobytes(),
            "crowds": truths.crowd.tobytes(),
            "annotation_ids": np.array([a["id"] for a in annotations], np.int64).tobytes(),
        }
        run_row = {
            "_id": f"{self.project}/{self.run_id}/{key}",
            **common,
            "run_id": self.run_id,
            "dataset_version": 1,
            "imports": ["imp_1"],
            "import_bits": bytes(1),
            "replaced_by": "",
            "next_place": len(results),
            "count": len(results),
            "class_ids": evidence.predictions.class_id.tobytes(),
            "boxes": predictions.box[order].tobytes(),
            "confidences": evidence.predictions.confidence.tobytes(),
            "areas": evidence.predictions.area.tobytes(),
            "places": order.tobytes(),
            "uuids": b"".join(int(place).to_bytes(16, "big") for place in order),
            "import_marks": bytes([1] * len(results)),
            "pair_count": len(evidence.pairs.truth),
            "pair_predictions": evidence.pairs.prediction.tobytes(),
            "pair_truths": evidence.pairs.truth.tobytes(),
            "pair_overlaps": evidence.pairs.overlap.tobytes(),
        }
        data_row = {
            "_id": row,
            **{name: common[name] for name in ("project_id", "dataset_id", "global_key", "partition")},
            "known": True,
            "ordinal": image["id"],
            "asset_url": f"images/{key}",
            "width": image["width"],
            "height": image["height"],
            "split": "validation",
            "metadata": {"lighting": "dim"},
            "labelled": [{"from": 1, "to": None, "ordinal": image["id"], "import_id": "imp_0"}],
        }
        return truth, run_row, data_row

    def summary(self, revision: int | None = None) -> Json:
        evaluation = self.evaluation
        classes = {number: evaluation.classes[name] for number, name in self.names.items()}
        return {
            "_id": f"{self.project}/{self.run_id}",
            "project_id": self.project,
            "run_id": self.run_id,
            "version": self.version(revision),
            "coco": evaluation.coco,
            "coco_classes": {
                str(number): {name: value for name, value in numbers.items() if name in evaluation.coco}
                for number, numbers in classes.items()
            },
            "counts": {},
            "rows": len(self.truth["images"]),
            "rows_predicted": len({result["image_id"] for result in self.results}),
            "predictions": len(self.results),
            "truths": len(self.truth["annotations"]),
            "computed_unix_ms": NOW,
            "cost_ms": 1.0,
        }

    def touch(self, partition: int | str, revision: int) -> Json:
        """What a batch that changed the run leaves behind."""
        return {"_id": f"{self.project}/{self.run_id}/{partition}", "rev": revision}

    def progress(self, revision: int | None = None) -> dict[str, list[Json]]:
        version = self.version(revision)
        return {
            "progress": [
                {
                    "_id": f"{group}/{partition}",
                    "group": group,
                    "partition": int(partition),
                    "rev": at["rev"],
                    "writer": "w",
                    "log_id": "log",
                    "offsets": {**at["offsets"], "data-rows": 10},
                    "outbox": [],
                }
                for group in ("metrics.rows", "ingest.rows")
                for partition, at in version.items()
            ],
            "row_partitions": [
                {"_id": f"metrics.rows/{partition}", "markers": at["markers"], "runs": {}, "drafts": {DATASET: 2}}
                for partition, at in version.items()
            ],
        }

    async def store(self, store: ReadModel) -> None:
        """All of it: progress last, as a batch would."""
        everything = {**self.catalog(), **self.rows(), "run_summaries": [self.summary()], **self.progress()}
        everything["run_touches"] = [self.touch(partition, at["rev"]) for partition, at in self.version(None).items()]
        for collection, documents in everything.items():
            await store.write([Replace(collection, document) for document in documents])
