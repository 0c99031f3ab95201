"""Imports over HTTP: bodies that are streamed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from starlette.requests import ClientDisconnect

from services.common.runtime.errors import Problem
from services.ingest.importing.uploads import UploadBroken, UploadLimits, in_time, of_lines, recognised, unpacking
from services.ingest.rest.answers import IdInPath, Key, ended, problems
from services.ingest.service import Ingest
from sightline.domain.imports import ImportJob, TruthInspection
from sightline.domain.names import DEFAULT_PROJECT, LINE_PATTERN, NAME_LIMIT


def _file(media_type: str, example: str) -> dict[str, Any]:
    """A streamed body, for OpenAPI."""
    content = {media_type: {"schema": {"type": "string", "format": "binary"}, "example": example}}
    return {"requestBody": {"required": True, "content": content}}


def _files(**examples: str) -> dict[str, Any]:
    """A streamed body in one of two formats, for OpenAPI."""
    content = {
        _MEDIA_TYPES[name]: {"schema": {"type": "string", "format": "binary"}, "example": example}
        for name, example in examples.items()
    }
    return {"requestBody": {"required": True, "content": content}}


NDJSON = "application/x-ndjson"
_NDJSON_TYPES = (NDJSON, "application/ndjson", "application/jsonl", "application/x-jsonlines", "application/json-lines")
_MEDIA_TYPES = {"coco": "application/json", "ndjson": NDJSON}

Format = Annotated[
    Literal["coco", "ndjson"] | None,
    Query(description="Format of the file. Not said: `ndjson` where the Content-Type is application/x-ndjson."),
]

Name = Annotated[
    str,
    Query(
        max_length=NAME_LIMIT,
        pattern=LINE_PATTERN,
        description="What you call the import, such as the name of its file.",
        examples=["predictions.ndjson"],
    ),
]

_IMPORT = problems(
    _404="There is no such thing.",
    _409="Another import has to end first: try again after Retry-After seconds.",
    _408="Nothing of the upload came for too long. What was taken of it stays.",
    _413="The upload is too large.",
    _415="The Content-Encoding is not known.",
    _422="The file can't be read to its end. The job's members say how far it was taken.",
)

_COCO_TRUTH = """{"images": [{"id": 1, "file_name": "a.jpg", "width": 640, "height": 480}],
 "categories": [{"id": 3, "name": "car"}],
 "annotations": [{"id": 1, "image_id": 1, "category_id": 3, "bbox": [10, 20, 30, 40], "area": 1200, "iscrowd": 0}]}"""
_COCO_RESULTS = """[{"image_id": 1, "category_id": 3, "bbox": [11, 19, 30, 42], "score": 0.93}]"""
_NDJSON_TRUTH = """{"dataRow": {"globalKey": "a.jpg"}, "name": "car",
 "bbox": {"top": 20, "left": 10, "height": 40, "width": 30}}
{"dataRow": {"globalKey": "b.jpg"}, "empty": true}"""
_NDJSON_PREDICTIONS = """{"dataRow": {"globalKey": "a.jpg"}, "name": "car", "confidence": 0.93,
 "bbox": {"top": 19, "left": 11, "height": 42, "width": 30}, "uuid": "5b0e1c9a-9d7e-4a56-8a0f-0d5a3c2b7e11"}"""
_PREDICTION_NAMES = """{"dataRow": {"globalKey": "a.jpg"}, "uuid": "5b0e1c9a-9d7e-4a56-8a0f-0d5a3c2b7e11"}"""
_ROWS = """{"global_key": "a.jpg", "asset_url": "a.jpg", "width": 640, "height": 480, "split": "validation",
 "metadata": {"light": "dusk"}}"""


def routes_of_imports(ingest: Ingest, *, limits: UploadLimits) -> APIRouter:
    """The routes that take files."""
    routes = APIRouter(prefix="/v1")
    project = DEFAULT_PROJECT

    @routes.post(
        "/datasets/{dataset_id}/data-rows:import",
        summary="Make or change data rows",
        tags=["imports"],
        response_model=ImportJob,
        responses=_IMPORT,
        openapi_extra=_file("application/x-ndjson", _ROWS),
    )
    async def import_rows(request: Request, dataset_id: IdInPath, name: Name = "", key: Key = None) -> Response:
        """NDJSON, one row a line; what a line does not say stays as it was. Streamed; gzip by Content-Encoding."""
        body = _body(request, limits, lines=True)
        return ended(await ingest.import_rows(project, dataset_id, body, key, name=name))

    @routes.post(
        "/datasets/{dataset_id}/ground-truth:import",
        summary="Import the truth of a dataset's draft",
        tags=["imports"],
        response_model=ImportJob,
        responses=_IMPORT,
        openapi_extra=_files(coco=_COCO_TRUTH, ndjson=_NDJSON_TRUTH),
    )
    async def import_truth(
        request: Request, dataset_id: IdInPath, format: Format = None, name: Name = "", key: Key = None
    ) -> Response:
        """A COCO file of boxes is the whole truth of the draft: rows that it does not name are unlabelled.

        It makes data rows too. NDJSON in Labelbox's shape, a line an annotation in any order, is the truth of the rows
        that it names, which have to be there; `{"dataRow": ..., "empty": true}` labels a row without annotations.
        Streamed; gzip by Content-Encoding. Answers when the log has all of it; nothing is changed by a file that can't
        be read to its end. A row with a rejected annotation keeps the truth that it had.
        """
        chosen = _format(request, format)
        body = _body(request, limits, lines=chosen == "ndjson")
        return ended(await ingest.import_truth(project, dataset_id, body, key, format=chosen, name=name))

    @routes.post(
        "/ground-truth:inspect",
        summary="Say what is in a truth file",
        tags=["imports"],
        responses=_IMPORT,
        openapi_extra=_file("application/json", _COCO_TRUTH),
    )
    async def inspect_truth(
        request: Request, format: Annotated[Literal["coco"], Query(description="Format of the file.")] = "coco"
    ) -> TruthInspection:
        """Reads the file and writes nothing. Equal truth has equal digests, however the file is written."""
        return await ingest.inspect_truth(_body(request, limits, lines=False))

    @routes.post(
        "/model-runs/{run_id}/predictions:import",
        summary="Import predictions of a run",
        tags=["imports"],
        response_model=ImportJob,
        responses=_IMPORT,
        openapi_extra=_files(coco=_COCO_RESULTS, ndjson=_NDJSON_PREDICTIONS),
    )
    async def import_predictions(
        request: Request,
        run_id: IdInPath,
        format: Format = None,
        mode: Annotated[
            Literal["upsert", "replace"],
            Query(
                description="`replace`: the file is all that the run says of the rows that it names; COCO results name "
                "all rows of the dataset version."
            ),
        ] = "upsert",
        name: Name = "",
        key: Key = None,
    ) -> Response:
        """COCO results of boxes: image and category ids are those of the truth that the run is measured on.

        Or NDJSON in Labelbox's shape, a line a prediction in any order: rows by global key, classes by name. The same
        uuid replaces what it named before; without uuids equal predictions are told apart by how often they come.
        Streamed; gzip by Content-Encoding. What fits is taken, what does not is rejected item by item, with place and
        reason. Answers when the log has all of it.
        """
        chosen = _format(request, format)
        body = _body(request, limits, lines=chosen == "ndjson")
        ingesting = ingest.import_predictions(project, run_id, mode, body, key, format=chosen, name=name)
        return ended(await ingesting)

    @routes.post(
        "/model-runs/{run_id}/predictions:delete",
        summary="Delete predictions of a run",
        tags=["imports"],
        response_model=ImportJob,
        responses=_IMPORT,
        openapi_extra=_file(NDJSON, _PREDICTION_NAMES),
    )
    async def delete_predictions(request: Request, run_id: IdInPath, name: Name = "", key: Key = None) -> Response:
        """NDJSON, a line a prediction, by uuid. Where the row is named too, it needs not be searched for.

        Streamed; gzip by Content-Encoding. Answers when the log has all of it, as an import does.
        """
        body = _body(request, limits, lines=True)
        return ended(await ingest.delete_predictions(project, run_id, body, key, name=name))

    return routes


def _format(request: Request, said: Literal["coco", "ndjson"] | None) -> Literal["coco", "ndjson"]:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return said or ("ndjson" if media_type in _NDJSON_TYPES else "coco")


def _body(request: Request, limits: UploadLimits, *, lines: bool) -> AsyncIterator[bytes]:
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > limits.bytes:
        raise Problem(413, "too-large", "the upload is too large", f"{limits.bytes:,} bytes are taken at most")
    sent = in_time(_stream(request), limits.idle_seconds)
    unpacked = unpacking(sent, request.headers.get("content-encoding", ""), limits.bytes)
    known = recognised(unpacked, limits.bytes, lines=lines)
    return of_lines(known, limits.lines) if lines else known


async def _stream(request: Request) -> AsyncIterator[bytes]:
    try:
        async for chunk in request.stream():
            yield chunk
    except ClientDisconnect:
        raise UploadBroken from None
