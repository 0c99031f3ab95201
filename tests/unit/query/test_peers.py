"""What is known of the other services."""

import httpx
import pytest

from services.query.peers import Peers

TELEMETRY = """
# TYPE sightline_partition_lag_events gauge
sightline_partition_lag_events{group="metrics.rows",partition="3",topic="predictions"} 12.0
sightline_partition_lag_events{group="metrics.rows",partition="0",topic="predictions"} 0.0
# TYPE sightline_other gauge
sightline_other{group="x"} 1.0
"""


def peers(answers: dict[str, httpx.Response | Exception]) -> Peers:
    def answer(request: httpx.Request) -> httpx.Response:
        found = answers[f"{request.url.host}{request.url.path}"]
        if isinstance(found, Exception):
            raise found
        return found

    urls = {"ingest": "http://ingest/", "metrics": "http://metrics", "none": ""}
    return Peers(urls, transport=httpx.MockTransport(answer))


async def test_what_is_not_ready_says_why():
    asked = peers(
        {
            "ingest/readyz": httpx.Response(200),
            "metrics/readyz": httpx.Response(503, json={"problems": {"metrics.rows": "not in its group yet"}}),
        }
    )
    assert await asked.problems() == {"ingest": None, "metrics": "metrics.rows: not in its group yet"}


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (httpx.ConnectError("x"), "takes no connections"),
        (httpx.ReadTimeout("x"), "no answer in time"),
        (httpx.Response(500, text="oh"), "HTTP status 500"),
        (httpx.Response(503, json=[1]), "HTTP status 503"),
    ],
)
async def test_a_service_that_does_not_answer(answer: httpx.Response | Exception, problem: str):
    assert await peers({"ingest/readyz": answer}).problem("ingest") == problem


async def test_lags_are_those_that_services_tell():
    asked = peers({"ingest/metrics": httpx.ConnectError("x"), "metrics/metrics": httpx.Response(200, text=TELEMETRY)})
    assert await asked.lags() == {
        ("metrics.rows", "predictions", 3): 12,
        ("metrics.rows", "predictions", 0): 0,
    }


async def test_a_description_is_none_until_there_is_one():
    told = httpx.Response(200, json={"paths": {}})
    asked = peers({"ingest/openapi.json": told, "metrics/openapi.json": httpx.Response(404)})
    assert await asked.description("ingest") == {"paths": {}}
    assert await asked.description("metrics") is None
    assert await asked.description("none") is None
