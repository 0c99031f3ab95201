"""Single data rows and their truth over HTTP."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Response
from fastapi.responses import JSONResponse

from services.ingest.rest.answers import CREATE, NO_JSON, IdInPath, Key, ended, granted, problems
from services.ingest.service import Ingest
from sightline.domain.data_rows import DataRow, DataRowAsked, DataRowChanges, DataRowDeleted
from sightline.domain.imports import ImportJob
from sightline.domain.names import DEFAULT_PROJECT, NAME_LIMIT

GlobalKey = Annotated[
    str, Path(min_length=1, max_length=NAME_LIMIT, description="Names the row in its dataset; it may hold slashes.")
]

_ROW = problems(**NO_JSON, _404="There is no such dataset or data row.", _422="Not valid.")
_LOCKED = problems(
    _404="There is no such thing.", _409="An import of truth is open: try again after Retry-After seconds."
)


def routes_of_data_rows(ingest: Ingest) -> APIRouter:
    """The routes by which single data rows are made and changed."""
    routes = APIRouter(prefix="/v1", tags=["rows"])
    project = DEFAULT_PROJECT

    @routes.post(
        "/datasets/{dataset_id}/data-rows",
        summary="Make a data row",
        status_code=201,
        response_model=DataRow,
        responses={200: {"model": DataRow, "description": "It is there already."}, **CREATE},
    )
    async def create_data_row(dataset_id: IdInPath, asked: DataRowAsked, key: Key = None) -> Response:
        """The same again changes nothing and is answered with 200; another row of the same global_key is a conflict."""
        return granted(await ingest.rows.create(project, dataset_id, asked, key))

    @routes.patch(
        "/datasets/{dataset_id}/data-rows/{global_key:path}",
        summary="Change a data row",
        response_model=DataRow,
        responses=_ROW,
    )
    async def change_data_row(
        dataset_id: IdInPath, global_key: GlobalKey, asked: DataRowChanges, key: Key = None
    ) -> Response:
        """What isn't sent stays as it is, null empties a field; metadata is replaced whole.

        This never makes a row: where a deletion came first, it is a 404.
        """
        return granted(await ingest.rows.change(project, dataset_id, global_key, asked, key))

    @routes.delete(
        "/datasets/{dataset_id}/data-rows/{global_key:path}",
        summary="Delete a data row",
        response_model=DataRowDeleted,
        responses=_LOCKED,
    )
    async def delete_data_row(dataset_id: IdInPath, global_key: GlobalKey, key: Key = None) -> Response:
        """With its truth in every version, committed ones too, and what runs said of it.

        A row that is made again under this global_key starts empty.
        """
        ended(await ingest.rows.delete(project, dataset_id, global_key, key))
        return JSONResponse({"dataset_id": dataset_id, "global_key": global_key})

    @routes.delete(
        "/datasets/{dataset_id}/ground-truth/{global_key:path}",
        summary="Take the truth of a data row out of the draft",
        response_model=ImportJob,
        responses=_LOCKED,
    )
    async def remove_truth(dataset_id: IdInPath, global_key: GlobalKey, key: Key = None) -> Response:
        """The row is no longer labelled in the draft; committed versions keep its truth."""
        return ended(await ingest.rows.remove_truth(project, dataset_id, global_key, key))

    return routes
