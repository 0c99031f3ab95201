"""Reads of runs: numbers, curves, rows."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse

from services.query import documentation
from services.query.answers import Page
from services.query.bulk.predictions import predictions
from services.query.bulk.wanted import Wanted
from services.query.rest.delivery import delivered
from services.query.rest.parameters import (
    MEDIA_TYPES,
    AskedFormat,
    AskedThresholds,
    GlobalKey,
    Iou,
    Name,
    PageSize,
    PageToken,
    RunId,
    asked_predictions,
    asked_rows,
    json,
)
from services.query.sources import Sources
from services.query.views import confusion_matrix, curves, metrics, row, rows, runs
from sightline.evaluation.conventions import DEFAULT_IOU


def model_runs(sources: Sources) -> APIRouter:
    """Runs, and what they are worth."""
    router = APIRouter(prefix="/v1", responses=documentation.PROBLEMS)
    reads = sources.reads

    @router.get("/model-runs", response_model=Page[runs.Run], tags=["runs"])
    async def list_runs(
        name: Name = None,
        model_id: Annotated[str | None, Query(description="only runs of this model")] = None,
        dataset_id: Annotated[str | None, Query(description="only runs on this dataset")] = None,
        dataset_version: Annotated[
            int | None, Query(ge=1, le=2**31 - 1, description="only runs on this version")
        ] = None,
        state: Annotated[Literal["open", "sealed"] | None, Query(description="only runs in this state")] = None,
        page_size: PageSize = 100,
        page_token: PageToken = None,
    ) -> Response:
        """Model runs, the newest first."""
        found = await runs.runs(
            reads,
            name=name,
            model_id=model_id,
            dataset_id=dataset_id,
            dataset_version=dataset_version,
            state=state,
            page_size=page_size,
            page_token=page_token,
        )
        return json(found)

    @router.get("/model-runs/{run_id}", response_model=runs.RunInFull, tags=["runs"])
    async def get_run(run_id: RunId) -> Response:
        """One run: what it pins, how many rows of its scope have predictions, and how fresh its numbers are."""
        return json(await runs.run(sources, run_id))

    @router.get(
        "/model-runs/{run_id}/metrics",
        response_model=metrics.RunMetrics,
        responses=documentation.example(documentation.METRICS),
        tags=["runs"],
    )
    async def get_run_metrics(request: Request, run_id: RunId, at: AskedThresholds) -> Response:
        """Metrics at any thresholds, in total and per class, and COCO's numbers.

        With the header `Cache-Control: no-cache` everything is counted anew.
        """
        cached = request.headers.get("cache-control") != "no-cache"
        return json(await metrics.run_metrics(sources, run_id, at, cached=cached))

    @router.get("/model-runs/{run_id}/curves", response_model=curves.RunCurves, tags=["runs"])
    async def get_run_curves(
        run_id: RunId,
        iou: Iou = DEFAULT_IOU,
        points: Annotated[int, Query(ge=2, le=curves.MOST_POINTS, description="most points of a class")] = 200,
    ) -> Response:
        """Precision and recall along the confidence, per class."""
        return json(await curves.run_curves(sources, run_id, iou=iou, points=points))

    @router.get(
        "/model-runs/{run_id}/predictions",
        response_class=StreamingResponse,
        responses=documentation.PREDICTIONS,
        tags=["runs"],
    )
    async def get_run_predictions(
        request: Request,
        run_id: RunId,
        wanted: Annotated[Wanted, Depends(asked_predictions)],
        format: AskedFormat = "ndjson",
    ) -> Response:
        """All predictions of one moment, by global key: lines that `predictions:import` takes, or COCO results.

        COCO's pictures and categories have the numbers that they have in the truth of the run's version,
        `GET /v1/datasets/{dataset_id}/ground-truth?format=coco`; rows that aren't labelled there are left out.
        """
        pieces = predictions(reads, run_id, wanted, format)
        return await delivered(request, pieces, MEDIA_TYPES[format])

    @router.get("/model-runs/{run_id}/confusion-matrix", response_model=confusion_matrix.ConfusionMatrix, tags=["runs"])
    async def get_confusion_matrix(run_id: RunId, at: AskedThresholds) -> Response:
        """Which class is taken for which, at any thresholds."""
        return json(await confusion_matrix.run_confusion_matrix(sources, run_id, at))

    @router.get("/model-runs/{run_id}/rows", response_model=Page[rows.RunRow], tags=["rows"])
    async def list_run_rows(
        run_id: RunId,
        query: Annotated[rows.RowQuery, Depends(asked_rows)],
        page_size: PageSize = 100,
        page_token: PageToken = None,
    ) -> Response:
        """Labelled rows, filtered and sorted by what the run got right and wrong on each at the thresholds."""
        return json(await rows.run_rows(sources, run_id, query, page_size=page_size, page_token=page_token))

    @router.get("/model-runs/{run_id}/rows/{global_key:path}", response_model=row.RunRowInFull, tags=["rows"])
    async def get_run_row(run_id: RunId, global_key: GlobalKey, at: AskedThresholds) -> Response:
        """One row in full: predictions, truths, pairs, and who took whom at the thresholds."""
        return json(await row.run_row(sources, run_id, global_key, at))

    return router
