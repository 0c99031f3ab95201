"""What is sent again, with which key, and after which pause."""

from collections.abc import Iterator

import httpx
import pytest

from sightline.client import ApiError, AsyncClient, Client, ConnectionLost, Retries, Unreachable
from sightline.client.asking import KEY

SOON = Retries(most=4, first_seconds=0.0)
JOB = {"job": "imp_1", "state": "FINISHED", "accepted": 1, "rejected": 0}
DATASET = {"dataset_id": "ds_1", "name": "n", "ontology_id": "ont_1"}
RUN = {"run_id": "run_1", "name": "n", "model_id": "m", "dataset_id": "d", "dataset_version": 1}


class Server:
    """Answers one thing after the other, and remembers what it was asked."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        request.read()
        return self._next(request)

    async def later(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        return self._next(request)

    def _next(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def keys(self) -> list[str | None]:
        return [request.headers.get(KEY) for request in self.asked]

    def client(self, retries: Retries | int = SOON) -> Client:
        return Client("http://test", retries=retries, transport=httpx.MockTransport(self), progress=False)


def problem(slug: str, status: int, detail: str = "", **headers: str) -> httpx.Response:
    body = {"type": f"https://sightline.dev/problems/{slug}", "title": slug, "detail": detail}
    return httpx.Response(status, json=body, headers={name.replace("_", "-"): value for name, value in headers.items()})


def test_questions_are_asked_again_until_they_are_answered() -> None:
    server = Server(
        httpx.ConnectError("no"), httpx.ReadError("cut"), problem("unavailable", 503), httpx.Response(200, json={})
    )
    with server.client() as client:
        assert client.status() == {}
    assert len(server.asked) == 4


def test_what_is_made_is_made_once_under_one_key() -> None:
    server = Server(httpx.ReadError("cut"), problem("catalog-slow", 503), httpx.Response(201, json=DATASET))
    with server.client() as client:
        assert client.create_dataset("n", "ont_1").dataset_id == "ds_1"
        assert len(set(server.keys)) == 1
        server.answers = [httpx.Response(201, json=DATASET)]
        client.create_dataset("n", "ont_1")
    assert len(set(server.keys)) == 2


@pytest.mark.parametrize("status", [400, 404, 409, 422, 500])
def test_what_the_server_refuses_is_not_sent_again(status: int) -> None:
    server = Server(problem("no", status))
    with server.client() as client, pytest.raises(ApiError) as error:
        client.create_dataset("n", "ont_1")
    assert (error.value.status, error.value.slug, len(server.asked)) == (status, "no", 1)


def test_it_is_given_up_after_so_many_times() -> None:
    server = Server(*[httpx.ConnectError("no")] * 3)
    with server.client(Retries(most=2, first_seconds=0.0)) as client, pytest.raises(Unreachable):
        client.status()
    assert len(server.asked) == 3


@pytest.mark.parametrize(
    "ending",
    [
        "the upload broke off: send the file again",
        "the process that ran this import is gone; nothing counts: send the file again",
        "the service was stopped in the middle: send the file again",
    ],
)
def test_an_upload_that_was_cut_off_is_sent_again_whole(ending: str) -> None:
    server = Server(
        httpx.Response(200, json=RUN),
        httpx.WriteError("cut"),
        problem("import-open", 409),
        problem("import-failed", 422, ending),
        httpx.Response(200, json=JOB),
    )
    with server.client() as client:
        job = client.run("run_1").upload(row=["a"], class_name="car", boxes=[[1, 2, 3, 4]])
    assert job.accepted == 1
    _, first, second, third, fourth = server.asked
    assert {request.content for request in (first, second, third, fourth)} == {first.content}
    keys = server.keys[1:]
    assert len(set(keys[:3])) == 1
    assert keys[3] not in keys[:3], "the key of a failed import belongs to its failure"


@pytest.mark.parametrize(
    ("status", "ending"),
    [(422, "line 3 is no JSON"), (500, "something went wrong in the server: send the file again")],
)
def test_an_upload_that_failed_by_itself_is_not_sent_again(status: int, ending: str) -> None:
    server = Server(httpx.Response(200, json=RUN), problem("import-failed", status, ending))
    with server.client() as client, pytest.raises(ApiError, match=ending):
        client.run("run_1").upload(row=["a"], class_name="car", boxes=[[1, 2, 3, 4]])
    assert len(server.asked) == 2


def test_what_can_be_read_once_is_sent_once() -> None:
    def lines() -> Iterator[dict[str, object]]:
        yield {"row": "a", "class_name": "car", "box": [1, 2, 3, 4]}

    server = Server(httpx.Response(200, json=RUN), httpx.WriteError("cut"))
    with server.client() as client, pytest.raises(ConnectionLost):
        client.run("run_1").upload(lines())
    assert len(server.asked) == 2


def test_pauses_grow_are_not_equal_and_heed_the_server() -> None:
    from sightline.client.asking import get

    question = get("/v1/status", dict)
    shortest, longest = Retries(chance=lambda: 0.0), Retries(chance=lambda: 1.0)

    def pause(retries: Retries, attempt: int, error: Exception) -> float:
        again = retries.again(question, error, attempt)  # type: ignore[arg-type]
        assert again is not None
        return again[1]

    gone = ConnectionLost("gone")
    assert [pause(longest, attempt, gone) for attempt in range(4)] == [0.25, 0.5, 1.0, 2.0]
    assert pause(shortest, 2, gone) == 0.5
    assert pause(longest, 0, ApiError(503, {}, retry_after=3.0)) == 3.0


async def test_the_awaiting_client_does_the_same() -> None:
    server = Server(
        httpx.Response(200, json=RUN),
        httpx.ReadError("cut"),
        problem("unavailable", 503),
        httpx.Response(200, json=JOB),
    )
    transport = httpx.MockTransport(server.later)
    async with AsyncClient("http://test", retries=SOON, transport=transport, progress=False) as client:
        run = await client.run("run_1")
        assert (await run.upload(row=["a"], class_name="car", boxes=[[1, 2, 3, 4]])).accepted == 1
    assert len(set(server.keys[1:])) == 1
