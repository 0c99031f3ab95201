"""HTTP: reads from the views, writes to ingest, and nothing but transport."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, FastAPI, Path, Query, Request
from fastapi.responses import FileResponse, HTMLResponse, Response, StreamingResponse
from pydantic import AllowInfNan
from starlette.requests import ClientDisconnect

from services.common.runtime.errors import not_found
from services.query import documentation, page, thresholds
from services.query.answers import Answer, Page
from services.query.openapi import Writes
from services.query.passthrough import Ingest
from services.query.sources import Sources
from services.query.thresholds import Thresholds
from services.query.views import (
    assets,
    confusion_matrix,
    curves,
    datasets,
    imports,
    metrics,
    models,
    ontologies,
    row,
    rows,
    runs,
    status,
)
from sightline.evaluation.conventions import DEFAULT_IOU

LARGEST_PAGE = 1000

PageSize = Annotated[int, Query(ge=1, le=LARGEST_PAGE, description="most items of a page")]
PageToken = Annotated[str | None, Query(description="`next_page_token` of the page before")]
Name = Annotated[str | None, Query(max_length=500, description="only the one of exactly this name")]
RunId = Annotated[str, Path(max_length=200, examples=["run_7f3c"])]
DatasetId = Annotated[str, Path(max_length=200, examples=["ds_51a0"])]
GlobalKey = Annotated[str, Path(max_length=200, description="names the row in its dataset; it may hold slashes")]
Bound = Annotated[float | None, AllowInfNan(False)]
Iou = Annotated[float, Query(description="IoU from which a prediction and a truth match, 0.05 to 1", examples=[0.5])]


def asked_thresholds(
    iou: Iou = DEFAULT_IOU,
    confidence: Annotated[
        str | None,
        Query(
            description="confidence from which predictions count, 0 to 1; `null`: nothing counts. Without: 0.5",
            examples=["0.5"],
        ),
    ] = None,
    class_confidence: Annotated[
        Sequence[str],
        Query(
            description="the same for one class, as `NAME:0.3` or `NAME:null`; may be repeated", examples=[["car:0.3"]]
        ),
    ] = (),
) -> Thresholds:
    """Thresholds as URLs write them."""
    return thresholds.from_text(iou, confidence, class_confidence)


AskedThresholds = Annotated[Thresholds, Depends(asked_thresholds)]


def asked_rows(
    at: AskedThresholds,
    classes: Annotated[
        Sequence[str],
        Query(alias="class", description="only rows and counts of this class; may be repeated"),
    ] = (),
    min_confidence: Annotated[Bound, Query(description="a counted prediction is at least so confident")] = None,
    max_confidence: Annotated[Bound, Query(description="and at most so confident")] = None,
    min_iou: Annotated[Bound, Query(description="IoU of the row, at least")] = None,
    max_iou: Annotated[Bound, Query(description="IoU of the row, at most")] = None,
    min_tp: Annotated[Bound, Query(description="true positives, at least")] = None,
    max_tp: Annotated[Bound, Query(description="true positives, at most")] = None,
    min_fp: Annotated[Bound, Query(description="false positives, at least")] = None,
    max_fp: Annotated[Bound, Query(description="false positives, at most")] = None,
    min_fn: Annotated[Bound, Query(description="false negatives, at least")] = None,
    max_fn: Annotated[Bound, Query(description="false negatives, at most")] = None,
    sort: Annotated[
        Literal["ordinal", "confidence", "-confidence", "iou", "-iou"],
        Query(description="`-` is descending; rows without the value come last; equal ones go by ordinal"),
    ] = "ordinal",
) -> rows.RowQuery:
    """Filters and order of rows as URLs write them."""
    return rows.RowQuery(
        thresholds=at,
        classes=tuple(classes),
        confidence=rows.Between(min_confidence, max_confidence),
        iou=rows.Between(min_iou, max_iou),
        tp=rows.Between(min_tp, max_tp),
        fp=rows.Between(min_fp, max_fp),
        fn=rows.Between(min_fn, max_fn),
        sort=sort,
    )


def json(answer: Answer) -> Response:
    """An answer that is already what its type says: straight to bytes."""
    return Response(answer.__pydantic_serializer__.to_json(answer), media_type="application/json")


def describe(app: FastAPI, writes: Writes) -> None:
    """Title and words of the whole API, writes included."""
    app.title = "Sightline"
    app.description = documentation.DESCRIPTION
    app.openapi_tags = documentation.TAGS
    reads = app.openapi
    app.openapi = lambda: writes.add_to(reads())


def reading(sources: Sources) -> APIRouter:
    """All questions."""
    router = APIRouter(prefix="/v1", responses=documentation.PROBLEMS)
    reads = sources.reads

    @router.get("/datasets", response_model=Page[datasets.Dataset], tags=["catalog"])
    async def list_datasets(name: Name = None, page_size: PageSize = 100, page_token: PageToken = None) -> Response:
        """Datasets by name."""
        return json(await datasets.datasets(reads, name=name, page_size=page_size, page_token=page_token))

    @router.get("/datasets/{dataset_id}", response_model=datasets.Dataset, tags=["catalog"])
    async def get_dataset(dataset_id: DatasetId) -> Response:
        """One dataset."""
        return json(await datasets.dataset(reads, dataset_id))

    @router.get("/datasets/{dataset_id}/versions", response_model=Page[datasets.DatasetVersion], tags=["catalog"])
    async def list_dataset_versions(
        dataset_id: DatasetId, page_size: PageSize = 100, page_token: PageToken = None
    ) -> Response:
        """Committed versions of a dataset, the newest first."""
        return json(await datasets.dataset_versions(reads, dataset_id, page_size=page_size, page_token=page_token))

    @router.get("/datasets/{dataset_id}/data-rows/{global_key:path}/asset", response_class=FileResponse, tags=["rows"])
    async def get_asset(dataset_id: DatasetId, global_key: GlobalKey) -> Response:
        """The local asset of a data row. Remote assets are never fetched here."""
        found = await assets.asset(sources, dataset_id, global_key)
        return FileResponse(found.path, media_type=found.media_type, headers=documentation.ASSET_HEADERS)

    @router.get("/ontologies", response_model=Page[ontologies.Ontology], tags=["catalog"])
    async def list_ontologies(name: Name = None, page_size: PageSize = 100, page_token: PageToken = None) -> Response:
        """Ontologies by name, each with its latest classes."""
        return json(await ontologies.ontologies(reads, name=name, page_size=page_size, page_token=page_token))

    @router.get("/ontologies/{ontology_id}", response_model=ontologies.Ontology, tags=["catalog"])
    async def get_ontology(ontology_id: Annotated[str, Path(max_length=200)]) -> Response:
        """The latest version of an ontology."""
        return json(await ontologies.ontology(reads, ontology_id))

    @router.get("/models", response_model=Page[models.Model], tags=["catalog"])
    async def list_models(name: Name = None, page_size: PageSize = 100, page_token: PageToken = None) -> Response:
        """Models by name."""
        return json(await models.models(reads, name=name, page_size=page_size, page_token=page_token))

    @router.get("/models/{model_id}", response_model=models.Model, tags=["catalog"])
    async def get_model(model_id: Annotated[str, Path(max_length=200)]) -> Response:
        """One model."""
        return json(await models.model(reads, model_id))

    @router.get("/model-runs", response_model=Page[runs.Run], tags=["runs"])
    async def list_runs(
        name: Name = None,
        model_id: Annotated[str | None, Query(description="only runs of this model")] = None,
        dataset_id: Annotated[str | None, Query(description="only runs on this dataset")] = None,
        page_size: PageSize = 100,
        page_token: PageToken = None,
    ) -> Response:
        """Model runs, the newest first."""
        found = await runs.runs(
            reads, name=name, model_id=model_id, dataset_id=dataset_id, page_size=page_size, page_token=page_token
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

    @router.get("/imports/{job}", response_model=imports.ImportJob, tags=["imports"])
    async def get_import(
        job: Annotated[str, Path(max_length=200)],
        wait: Annotated[
            float,
            Query(
                ge=0,
                le=imports.LONGEST_WAIT,
                description="answer when it is measured or failed, or after so many seconds",
            ),
        ] = 0,
    ) -> Response:
        """An import: accepted, rejected, and whether the run's numbers rest on all of it."""
        return json(await imports.import_job(sources, job, wait=wait))

    @router.get(
        "/imports/{job}/errors",
        response_class=StreamingResponse,
        responses=documentation.NDJSON_ERRORS,
        tags=["imports"],
    )
    async def list_import_errors(job: Annotated[str, Path(max_length=200)]) -> Response:
        """All rejected items, one JSON object a line, in the order of the file."""
        return StreamingResponse(_lines(await imports.import_errors(reads, job)), media_type="application/x-ndjson")

    @router.get("/status", response_model=status.Status, tags=["status"])
    async def get_status() -> Response:
        """Services, how far the row groups are, and how fresh the newest runs."""
        return json(await status.status(sources))

    return router


def writing(ingest: Ingest) -> APIRouter:
    """All writes: passed on to ingest as they come, streamed both ways."""
    router = APIRouter()

    @router.api_route("/v1/{path:path}", methods=["POST", "PUT", "PATCH", "DELETE"], include_in_schema=False)
    async def pass_on(request: Request) -> Response:
        target: bytes = request.scope["raw_path"]
        if request.scope["query_string"]:
            target += b"?" + request.scope["query_string"]
        try:
            passed = await ingest.pass_on(request.method, target, request.headers.raw, request.stream())
        except ClientDisconnect:
            return Response(status_code=499)
        response = StreamingResponse(passed.body, passed.status)
        response.raw_headers = passed.headers
        return response

    @router.get("/v1/{path:path}", include_in_schema=False)
    async def nowhere(path: str) -> Response:
        raise not_found("path", "/docs lists what there is")

    return router


def front(sources: Sources) -> APIRouter:
    """The page that people see first."""
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    async def index() -> Response:
        found = await runs.runs(sources.reads, page_size=50)
        return HTMLResponse(page.render(found.items), headers=page.HEADERS)

    return router


async def _lines(answers: AsyncIterator[Answer]) -> AsyncIterator[bytes]:
    async for answer in answers:
        yield answer.__pydantic_serializer__.to_json(answer) + b"\n"
