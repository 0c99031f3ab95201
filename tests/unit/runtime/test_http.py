"""What every service's HTTP does, whatever it serves."""

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict

from services.common.eventlog.port import LogError
from services.common.runtime import errors
from services.common.runtime.body_limit import WHOLE_BODY_MAX_BYTES, BodyLimit
from services.common.runtime.errors import Problem
from services.common.runtime.health import Health
from services.common.runtime.http import http_app
from services.common.runtime.same_origin import SameOrigin, is_local
from sightline.domain.catalog import DatasetAsked


class Closed(BaseModel):
    model_config = ConfigDict(extra="forbid")

    size: int


@pytest.fixture
def app() -> FastAPI:
    app = FastAPI()
    errors.install(app)
    errors.say_unavailable(app, LogError)
    app.add_middleware(BodyLimit)
    app.add_middleware(SameOrigin)

    @app.post("/whole")
    async def whole(body: dict[str, str]) -> int:
        return len(body)

    @app.patch("/rows/{key:path}")
    async def row(key: str, body: dict[str, str]) -> int:
        return len(key) + len(body)

    @app.post("/closed")
    async def closed(asked: Closed) -> int:
        return asked.size

    @app.api_route("/thing", methods=["GET", "POST"])
    async def thing() -> dict[str, str]:
        return {"well": "yes"}

    @app.get("/away")
    async def away() -> None:
        raise LogError("the disk is full")

    @app.get("/conflict")
    async def conflict() -> None:
        raise Problem(409, "name-taken", "the name is taken", "choose another", existing_id="ds_1")

    @app.get("/number/{number}")
    async def number(number: int) -> int:
        return number

    @app.get("/bug")
    async def bug() -> None:
        raise RuntimeError("secret")

    return app


def client(app: FastAPI, base_url: str = "http://127.0.0.1:1") -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app, raise_app_exceptions=False), base_url=base_url)


@pytest.mark.parametrize(
    ("path", "status", "slug"),
    [
        ("/away", 503, "unavailable"),
        ("/conflict", 409, "name-taken"),
        ("/number/x", 422, "invalid-request"),
        ("/nowhere", 404, "not-found"),
        ("/bug", 500, "internal"),
    ],
)
async def test_every_error_is_a_problem_document(app: FastAPI, path: str, status: int, slug: str) -> None:
    answer = await client(app).get(path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["type"].endswith("/" + slug)
    assert body["status"] == status
    assert "secret" not in answer.text


async def test_a_problem_repeats_nothing_that_was_sent(app: FastAPI) -> None:
    refused = await client(app).post("/closed", json={"size": "echo-1", "echo-2": "echo-3"})
    assert refused.status_code == 422
    assert {error["where"] for error in refused.json()["errors"]} == {"body", "body/size"}
    assert "echo" not in refused.text


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"size": 1,\n  "x": }', "line 2, column 8: a value was expected"),
        (b'{"size": 1', "line 1, column 11: a comma or a closing bracket was expected"),
        (b"{size: 1}", "line 1, column 2: a name in double quotes was expected"),
        (b'{"size": 1} {}', "line 1, column 13: nothing was expected after the end"),
        (b'{"size": "\xff"}', "not UTF-8"),
        (b"[" * 100_000, "nested too deeply"),
    ],
)
async def test_a_body_that_is_no_json_says_where_it_stops_being_some(app: FastAPI, body: bytes, said: str) -> None:
    answer = await client(app).post("/closed", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["type"].endswith("/malformed-json")
    assert said in answer.json()["detail"]


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded"])
async def test_a_body_that_is_not_said_to_be_json_asks_for_the_header(app: FastAPI, media_type: str) -> None:
    answer = await client(app).post("/closed", content=b'{"size": 1}', headers={"Content-Type": media_type})
    assert answer.status_code == 415
    assert "Content-Type: application/json" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({"name": "a\nb", "ontology_id": "o"}, "body/name: It may have no control characters and no line breaks."),
        ({"name": "a", "ontology_id": "a b"}, "body/ontology_id: It may have letters from a to z, digits"),
        ({"name": "a", "ontology_id": "o", "nmae": 1}, "body: It has a field that is not known. Known are name, onto"),
        ({"ontology_id": "o"}, "body/name: It is missing."),
        ([1], "body: It should be a JSON object."),
    ],
)
async def test_what_is_not_valid_is_said_in_words(app: FastAPI, sent: object, said: str) -> None:
    @app.post("/asked")
    async def asked(asked: DatasetAsked) -> str:  # pyright: ignore[reportUnusedFunction]
        return asked.name

    answer = await client(app).post("/asked", json=sent)
    assert answer.status_code == 422
    assert said in answer.json()["detail"]


async def test_an_outage_says_when_to_try_again(app: FastAPI) -> None:
    assert (await client(app).get("/away")).headers["retry-after"] == "2"


async def test_a_conflict_names_what_is_there(app: FastAPI) -> None:
    assert (await client(app).get("/conflict")).json()["existing_id"] == "ds_1"


async def test_a_name_that_was_pointed_here_is_refused(app: FastAPI) -> None:
    assert (await client(app, "http://evil.example").get("/thing")).status_code == 403


async def test_a_name_that_is_allowed_is_taken_and_no_other() -> None:
    guarded = http_app("query", (), Health(), hosts=frozenset({"query"}))

    async def status(base_url: str, **headers: str) -> int:
        return (await client(guarded, base_url).get("/healthz", headers=headers)).status_code

    assert await status("http://query:8790") == 200
    assert await status("http://Query") == 200
    assert await status("http://127.0.0.1:8790") == 200
    assert await status("http://ingest:8790") == 403
    assert await status("http://query.evil.example") == 403
    foreign = await client(guarded, "http://query").post("/healthz", headers={"Origin": "http://evil.example"})
    assert foreign.status_code == 403


async def test_another_page_can_read_nothing_new_and_change_nothing(app: FastAPI) -> None:
    here = client(app)
    assert (await here.post("/thing", headers={"Origin": "http://evil.example"})).status_code == 403
    assert (await here.post("/thing", headers={"Origin": "null"})).status_code == 403
    assert (await here.post("/thing", headers={"Origin": "http://127.0.0.1:1"})).status_code == 200
    assert (await here.post("/thing")).status_code == 200


@pytest.mark.parametrize("host", ["localhost", "localhost:80", "127.0.0.1", "127.3.2.1:9", "[::1]:80", "a.localhost"])
def test_this_machine(host: str) -> None:
    assert is_local(host)


@pytest.mark.parametrize("host", ["", "example.com", "10.0.0.1:80", "127.0.0.1.example.com", "localhost.example.com"])
def test_not_this_machine(host: str) -> None:
    assert not is_local(host)


async def test_a_body_that_is_read_whole_is_bounded(app: FastAPI) -> None:
    async def trickle() -> AsyncIterator[bytes]:
        for _ in range(WHOLE_BODY_MAX_BYTES // 65536 + 2):
            yield b" " * 65536

    here = client(app)
    json = {"Content-Type": "application/json"}
    assert (await here.post("/whole", content=b" " * (WHOLE_BODY_MAX_BYTES + 1), headers=json)).status_code == 413
    assert (await here.patch("/rows/a:import", content=trickle(), headers=json)).status_code == 413
    announced_by_nobody = await here.post("/whole", content=trickle(), headers=json)
    assert announced_by_nobody.status_code == 413
    assert announced_by_nobody.headers["content-type"] == "application/problem+json"
    assert (await here.post("/whole", json={"a": "b"})).json() == 1
