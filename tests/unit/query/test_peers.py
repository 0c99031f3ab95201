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


NAMES = {"several": ["10.0.0.2", "10.0.0.1"]}


async def resolve(name: str) -> list[str]:
    return NAMES.get(name, [])


def peers(answers: dict[str, httpx.Response | Exception], **urls: str) -> Peers:
    """Peers that are answered by host and path."""

    def answer(request: httpx.Request) -> httpx.Response:
        found = answers[f"{request.url.host}{request.url.path}"]
        if isinstance(found, Exception):
            raise found
        return found

    urls = urls or {"ingest": "http://ingest/", "metrics": "http://metrics", "none": ""}
    return Peers(urls, transport=httpx.MockTransport(answer), resolve=resolve)


NOT_READY = httpx.Response(503, json={"problems": {"metrics.rows": "not in its group yet"}})


async def test_what_is_not_ready_says_why():
    asked = peers(
        {
            "ingest/readyz": httpx.Response(200),
            "metrics/readyz": httpx.Response(503, json={"problems": {"metrics.rows": "not in its group yet"}}),
        }
    )
    assert await asked.problem("ingest") is None
    assert await asked.problem("metrics") == "metrics.rows: not in its group yet"


async def test_one_process_that_is_ready_is_enough():
    asked = peers(
        {"a/readyz": httpx.ConnectError("x"), "b/readyz": httpx.Response(200), "c/readyz": NOT_READY},
        metrics="http://a:1, http://b:1,http://c:1/",
    )
    standing = await asked.standing("metrics")
    assert (standing.ready, standing.processes, standing.problem) == (1, 3, None)
    assert standing.problems["http://c:1"] == "metrics.rows: not in its group yet"


async def test_of_processes_that_are_not_ready_each_reason_is_told_once():
    dead = httpx.ConnectError("x")
    asked = peers({"a/readyz": dead, "b/readyz": NOT_READY, "c/readyz": dead}, metrics="http://a,http://b,http://c")
    assert await asked.problem("metrics") == "takes no connections; metrics.rows: not in its group yet"


async def test_every_process_behind_a_name_is_asked_under_that_name():
    seen: list[tuple[str, str]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append((request.url.host, request.headers["host"]))
        return httpx.Response(200)

    asked = Peers({"metrics": "http://several:8080"}, transport=httpx.MockTransport(answer), resolve=resolve)
    assert (await asked.standing("metrics")).ready == 2
    assert sorted(seen) == [("10.0.0.1", "several:8080"), ("10.0.0.2", "several:8080")]


async def test_what_another_service_lacks_is_that_ones_problem():
    waits = httpx.Response(503, json={"problems": {"metrics": "takes no connections"}})
    fails = httpx.Response(503, json={"problems": {"metrics": "takes no connections", "read model": "away"}})
    asked = peers({"a/readyz": waits, "b/readyz": fails}, query="http://a,http://b", metrics="http://m")
    assert (await asked.standing("query")).problems == {"http://a": None, "http://b": "read model: away"}


async def test_lags_of_several_processes_are_one_picture_and_the_owner_counts():
    def telemetry(*lags: tuple[int, float]) -> httpx.Response:
        lines = [f'{{group="g",partition="{p}",topic="t"}} {lag}' for p, lag in lags]
        name = "sightline_partition_lag_events"
        return httpx.Response(200, text=f"# TYPE {name} gauge\n" + "".join(f"{name}{line}\n" for line in lines))

    asked = peers(
        {"a/metrics": telemetry((0, 1.0), (1, 50.0)), "b/metrics": telemetry((1, 2.0), (2, 4.0))},
        metrics="http://a,http://b",
    )
    assert await asked.lags() == {("g", "t", 0): 1, ("g", "t", 1): 2, ("g", "t", 2): 4}


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
