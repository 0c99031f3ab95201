"""From the built files to two measured runs on a server, as any client would do it: over the HTTP API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from examples.digits.build import Files
from examples.digits.handwriting import NAMES
from examples.digits.show import Steps
from sightline.cli.coco import Wanted, import_files
from sightline.client import Client, Dataset, Run

DATASET: Final = "handwritten digits"
MODEL: Final = "digit detector"
RUNS: Final = ("v1", "v2")


@dataclass(frozen=True, slots=True)
class Measured:
    """A run, and what it is worth at its operating point."""

    run: Run
    metrics: Mapping[str, Any]


def upload(client: Client, files: Files, steps: Steps) -> dict[str, Measured]:
    """Send rows, truth and both models' predictions, and wait until all is measured. Done again, it changes nothing."""
    dataset = client.find_dataset(DATASET) or _create(client)
    with steps.step("Sending data rows", files.rows.stat().st_size) as sent:
        client.import_data_rows(dataset.dataset_id, files.rows, sent=sent)
    measured: dict[str, Measured] = {}
    for name in RUNS:
        wanted = Wanted(files.truth, files.predictions(name), DATASET, MODEL, name)
        run = import_files(client, wanted, steps.of(name), wait=True).run
        measured[name] = Measured(run, client.metrics(run.run_id))
    return measured


def _create(client: Client) -> Dataset:
    ontology = client.create_ontology(DATASET, list(NAMES))
    return client.create_dataset(DATASET, ontology.ontology_id)
