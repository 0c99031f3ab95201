"""The steps of an upload, in their order: what each makes, and how it is done over HTTP or by command."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Step:
    """One step. `makes` is what is missing as long as it hasn't been done."""

    makes: str
    http: str
    command: str

    def hint(self) -> dict[str, Any]:
        """Members of a problem: what is missing, and the call that mends it."""
        return {"missing": self.makes, "next": {"http": self.http, "command": self.command}}


PROJECT = Step("project", "POST /v1/projects", "sightline projects create NAME")
ONTOLOGY = Step("ontology", "POST /v1/ontologies", "sightline ontologies create NAME CLASS")
CLASSES = Step(
    "classes", "POST /v1/ontologies/{ontology_id}/versions", "sightline ontologies add-classes ONTOLOGY CLASS"
)
DATASET = Step("dataset", "POST /v1/datasets", "sightline datasets create NAME --ontology ONTOLOGY")
ROWS = Step(
    "data rows",
    "POST /v1/datasets/{dataset_id}/data-rows:import",
    "sightline import ndjson --dataset DATASET --rows FILE",
)
MODEL = Step("model", "POST /v1/models", "sightline models create NAME --ontology ONTOLOGY")
RUN = Step("model run", "POST /v1/model-runs", "sightline runs create NAME --model MODEL --dataset DATASET")
CONFIG = Step("saved config", "POST /v1/run-configs", "sightline configs create NAME --config JSON")
REOPENED = Step("an open model run", "POST /v1/model-runs/{run_id}:reopen", "sightline runs reopen RUN")

STEPS = (ONTOLOGY, CLASSES, DATASET, ROWS, MODEL, RUN)
"""Truth is optional, and predictions come last: nothing waits for those."""
