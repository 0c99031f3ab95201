"""A query parameter that a request doesn't have is refused, whichever service is asked."""

from __future__ import annotations

from typing import Annotated

import httpx
import pytest
from fastapi import APIRouter, Query
from pydantic import BaseModel

from services.common.runtime.health import Health
from services.common.runtime.http import http_app
from services.common.runtime.query_names import OPEN


class Page(BaseModel):
    page_size: int = 10


@pytest.fixture
def client() -> httpx.AsyncClient:
    routes = APIRouter(prefix="/v1")

    @routes.get("/runs/{run_id}/metrics")
    async def metrics(run_id: str, page: Annotated[Page, Query()], confidence: float = 0.5) -> float:
        return confidence

    @routes.get("/rows", openapi_extra={OPEN: ["metadata."]})
    async def rows(split: str = "", row: Annotated[list[str] | None, Query()] = None) -> str:
        return split + "".join(row or ())

    @routes.post("/runs")
    async def make() -> str:
        return "made"

    @routes.get("/passed/{path:path}", include_in_schema=False)
    async def passed(path: str) -> str:
        return path

    app = http_app("test", [routes], Health())
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:1")


@pytest.mark.parametrize(
    "url",
    ["/v1/runs/a/metrics?confidence=0.9&page_size=2", "/v1/rows?split=a&metadata.x=1&row=a&row=b", "/v1/passed/a?b=1"],
)
async def test_what_is_known_or_open_is_taken(client: httpx.AsyncClient, url: str) -> None:
    assert (await client.get(url)).status_code == 200


@pytest.mark.parametrize(
    ("url", "detail"),
    [
        (
            "/v1/runs/a/metrics?page_size=2&confidense=0.9",
            "parameter 2 of the query is none of `page_size`, `confidence`; did you mean `confidence`?",
        ),
        ("/v1/rows?metadata=1", "parameter 1 of the query is none of `split`, `row`"),
    ],
)
async def test_what_is_not_known_is_refused(client: httpx.AsyncClient, url: str, detail: str) -> None:
    answer = await client.get(url)
    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (422, "unknown-parameter")
    assert answer.json()["detail"] == detail


async def test_a_request_without_parameters_says_so(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/runs?mode=replace")
    assert (answer.status_code, answer.json()["detail"]) == (422, "this request has no query parameters")


@pytest.mark.parametrize("url", ["/v1/rows?split=a&split=b", "/v1/rows?metadata.x=1&metadata.x=1"])
async def test_what_is_taken_once_is_not_said_twice(client: httpx.AsyncClient, url: str) -> None:
    answer = await client.get(url)
    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (422, "repeated-parameter")
