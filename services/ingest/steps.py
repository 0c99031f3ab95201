"""The order of the upload steps: what has to be there first, and how it is made."""

from __future__ import annotations

from services.common.eventlog.port import EventLog
from services.common.readmodel.collections import under
from services.common.readmodel.mongo import ReadModel
from services.common.runloop.loop import RunLoop
from services.common.runtime.errors import Problem
from services.ingest.catalog import TITLES
from services.ingest.handlers.catalog_state import DATASETS, MODEL_RUNS, ONTOLOGIES
from services.ingest.handlers.rows import DATA_ROWS
from services.ingest.importing.version_rows import rows_are_known
from sightline.domain.steps import CLASSES, ROWS, Step

_NOTHING_TO_PREDICT = "the dataset has no data rows to predict on"


def absent(step: Step) -> Problem:
    """What the request rests on is not there."""
    return Problem(404, "not-found", TITLES["not-found"], f"there is no such {step.makes}", **step.hint())


def step_missing(step: Step, detail: str) -> Problem:
    """Something has to be done before."""
    return Problem(409, "step-missing", TITLES["step-missing"], detail, **step.hint())


class Steps:
    """Looks whether the steps before were done. What isn't in the catalog at all, the catalog itself refuses."""

    def __init__(self, store: ReadModel, log: EventLog, rows_loop: RunLoop) -> None:
        self._store = store
        self._log = log
        self._rows_loop = rows_loop

    async def before_truth(self, project: str, dataset_id: str, *, makes_rows: bool) -> None:
        """Truth needs classes, and data rows unless it makes them."""
        dataset = await self._store.get(DATASETS, f"{project}/{dataset_id}")
        ontology = await self._store.get(ONTOLOGIES, f"{project}/{dataset['ontology_id']}") if dataset else None
        if ontology is not None and not ontology["versions"][-1]["classes"]:
            raise step_missing(CLASSES, "the dataset's ontology has no classes, so nothing can be annotated")
        if ontology is not None and not makes_rows:
            await self._rows(project, dataset_id, "the dataset has no data rows that the truth could be of")

    async def before_commit(self, project: str, dataset_id: str) -> None:
        """A version has the order that was said of its rows before: what that changes of truth is told by then."""
        if await self._store.get(DATASETS, f"{project}/{dataset_id}") is not None:
            await rows_are_known(self._log, self._rows_loop)

    async def before_run(self, project: str, dataset_id: str) -> None:
        """A run needs data rows to predict on."""
        if await self._store.get(DATASETS, f"{project}/{dataset_id}") is not None:
            await self._rows(project, dataset_id, _NOTHING_TO_PREDICT)

    async def before_predictions(self, project: str, run_id: str) -> None:
        """Predictions need data rows, unless the run makes them."""
        run = await self._store.get(MODEL_RUNS, f"{project}/{run_id}")
        if run is not None and not run["accepts_new_rows"]:
            await self._rows(project, run["dataset_id"], _NOTHING_TO_PREDICT)

    async def _rows(self, project: str, dataset_id: str, detail: str) -> None:
        if not await self._has_rows(project, dataset_id):
            await rows_are_known(self._log, self._rows_loop)
            if not await self._has_rows(project, dataset_id):
                raise step_missing(ROWS, detail)

    async def _has_rows(self, project: str, dataset_id: str) -> bool:
        return await self._store.count(DATA_ROWS, {"_id": under(project, dataset_id)}, limit=1) > 0
