"""Reads of data rows, their assets and their truth."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import FileResponse, StreamingResponse

from services.common.runtime.query_names import OPEN
from services.query import documentation, thumbnails
from services.query.answers import Page
from services.query.bulk.ground_truth import ground_truth
from services.query.bulk.wanted import Wanted
from services.query.rest.delivery import delivered
from services.query.rest.keyed import KeyedRoute
from services.query.rest.parameters import (
    MEDIA_TYPES,
    AskedFormat,
    AskedVersion,
    DatasetId,
    GlobalKey,
    PageSize,
    PageToken,
    asked_truth,
    json,
)
from services.query.sources import Sources
from services.query.views import assets, data_rows, truth
from services.query.views.data_rows import DataRowQuery, asked_metadata
from sightline.domain.splits import Split


def rows_of_datasets(sources: Sources) -> APIRouter:
    """Data rows, assets, thumbnails, truth."""
    router = APIRouter(prefix="/v1", responses=documentation.PROBLEMS, route_class=KeyedRoute)
    reads = sources.reads

    @router.get(
        "/datasets/{dataset_id}/data-rows",
        response_model=Page[data_rows.DataRow],
        tags=["rows"],
        openapi_extra={OPEN: ["metadata."]},
    )
    async def list_data_rows(
        request: Request,
        dataset_id: DatasetId,
        q: Annotated[str, Query(max_length=200, description="only rows whose global_key begins with this")] = "",
        split: Annotated[Split | None, Query(description="only rows of this split")] = None,
        labelled: Annotated[bool | None, Query(description="only rows that are labelled, or only others")] = None,
        version: AskedVersion = None,
        page_size: PageSize = 100,
        page_token: PageToken = None,
    ) -> Response:
        """Data rows of a dataset by global_key.

        `metadata.KEY=VALUE` keeps rows whose metadata has this value (a text, a number, true or false); it may be
        repeated with other keys.
        """
        query = DataRowQuery(q, split, labelled, version, asked_metadata(request.query_params.multi_items()))
        return json(await data_rows.data_rows(reads, dataset_id, query, page_size=page_size, page_token=page_token))

    @router.get("/datasets/{dataset_id}/data-rows/{global_key:path}/asset", response_class=FileResponse, tags=["rows"])
    async def get_asset(dataset_id: DatasetId, global_key: GlobalKey) -> Response:
        """The local asset of a data row. Remote assets are never fetched here."""
        found = await assets.asset(sources, dataset_id, global_key)
        return FileResponse(found.path, media_type=found.media_type, headers=documentation.ASSET_HEADERS)

    @router.get(
        "/datasets/{dataset_id}/data-rows/{global_key:path}/thumbnail",
        response_class=Response,
        responses=documentation.THUMBNAIL,
        tags=["rows"],
    )
    async def get_thumbnail(
        request: Request,
        dataset_id: DatasetId,
        global_key: GlobalKey,
        size: Annotated[int, Query(ge=16, le=1024, description="pixels of its longer side, at most")] = 256,
    ) -> Response:
        """A small picture of the local asset of a data row, upright, as JPEG."""
        wanted = await assets.thumbnail_source(sources, dataset_id, global_key, size)
        headers = documentation.ASSET_HEADERS | {"ETag": f'"{wanted.tag}"'}
        if wanted.tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return Response(await sources.thumbnails.jpeg(wanted), media_type=thumbnails.MEDIA_TYPE, headers=headers)

    @router.get("/datasets/{dataset_id}/data-rows/{global_key:path}", response_model=data_rows.DataRow, tags=["rows"])
    async def get_data_row(dataset_id: DatasetId, global_key: GlobalKey) -> Response:
        """One data row."""
        return json(await data_rows.data_row(reads, dataset_id, global_key))

    @router.get(
        "/datasets/{dataset_id}/ground-truth",
        response_class=StreamingResponse,
        responses=documentation.GROUND_TRUTH,
        tags=["rows"],
    )
    async def get_ground_truth(
        request: Request,
        dataset_id: DatasetId,
        wanted: Annotated[Wanted, Depends(asked_truth)],
        version: AskedVersion = None,
        format: AskedFormat = "ndjson",
    ) -> Response:
        """All truth of a version, by global key: lines that `ground-truth:import` takes, or a COCO file.

        A line has `area` where it isn't that of the box, and `iscrowd` of a crowd: an upload of lines takes no notice
        of them. The COCO file says all.
        """
        pieces = ground_truth(reads, dataset_id, version, wanted, format)
        return await delivered(request, pieces, MEDIA_TYPES[format])

    @router.get("/datasets/{dataset_id}/ground-truth/{global_key:path}", response_model=truth.RowTruth, tags=["rows"])
    async def get_truth(dataset_id: DatasetId, global_key: GlobalKey, version: AskedVersion = None) -> Response:
        """The truth of one row in a version of its dataset."""
        return json(await truth.row_truth(reads, dataset_id, global_key, version))

    return router
