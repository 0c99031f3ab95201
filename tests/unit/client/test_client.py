"""The client: what it sends, and what becomes of errors."""

import gzip
from pathlib import Path
from urllib.parse import unquote

import httpx
import pytest

from sightline.client import ApiError, Client, ConnectionLost, InvalidAddress, SightlineError, Unreachable
from sightline.client.asking import part
from sightline.client.sources import name_of


def client(answer: object) -> Client:
    return Client("http://test/", retries=0, transport=httpx.MockTransport(answer))  # type: ignore[arg-type]


def test_pages_are_followed_to_the_end() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        token = int(request.url.params.get("page_token", 0))
        run = {"run_id": f"run_{token}", "name": "n", "model_id": "m", "dataset_id": "d", "dataset_version": 1}
        return httpx.Response(200, json={"items": [run], "next_page_token": str(token + 1) if token < 2 else None})

    with client(answer) as it:
        assert [run.run_id for run in it.find_runs()] == ["run_0", "run_1", "run_2"]
        assert len(it.list_runs(limit=2)) == 2


def test_an_upload_is_streamed_with_its_length_and_told_of(tmp_path: Path) -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        request.read()
        seen.append(request)
        return httpx.Response(200, json={"job": "imp_1", "state": "FINISHED", "accepted": 0, "rejected": 0})

    plain, zipped = tmp_path / "plain", tmp_path / "zipped"
    plain.write_bytes(b"x" * 700_000)
    zipped.write_bytes(gzip.compress(b"x"))
    told: list[int] = []
    with client(answer) as it:
        it.import_predictions("run_1", plain, mode="replace", sent=told.append)
        it.import_ground_truth("ds_1", zipped)
    assert told == sorted(told)
    assert told[-1] == 700_000
    assert seen[0].headers["content-length"] == "700000"
    assert "content-encoding" not in seen[0].headers
    assert dict(seen[0].url.params) == {"format": "coco", "mode": "replace", "name": "plain"}
    assert seen[1].headers["content-encoding"] == "gzip"


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (httpx.ConnectError("refused"), Unreachable),
        (httpx.ReadError("reset"), ConnectionLost),
        (httpx.ReadTimeout("slow"), ConnectionLost),
        (httpx.RemoteProtocolError("cut"), ConnectionLost),
    ],
)
def test_broken_connections_say_what_is_known(fault: Exception, kind: type[SightlineError]) -> None:
    def answer(_request: httpx.Request) -> httpx.Response:
        raise fault

    with client(answer) as it, pytest.raises(kind):
        it.status()


def test_problems_keep_their_type_and_what_exists() -> None:
    body = {
        "type": "https://sightline.dev/problems/name-taken",
        "title": "taken",
        "detail": "why",
        "existing_id": "ds_1",
    }
    with client(lambda _: httpx.Response(409, json=body)) as it, pytest.raises(ApiError) as error:
        it.create_dataset("name", "ont_1")
    assert (error.value.status, error.value.slug, error.value.existing_id) == (409, "name-taken", "ds_1")
    assert str(error.value) == "taken: why"


@pytest.mark.parametrize("answer", [httpx.Response(500, text="<html>"), httpx.Response(200, text="<html>")])
def test_another_program_at_the_address_is_an_error_like_others(answer: httpx.Response) -> None:
    with client(lambda _: answer) as it, pytest.raises(SightlineError):
        it.run("run_1")


@pytest.mark.parametrize("key", ["a.jpg", ".", "..", "a/../b", "/a", "a//b", "x/asset", "a%2Fb", "?a#b", "é b"])
def test_a_key_stays_one_part_of_the_path(key: str) -> None:
    asked: list[bytes] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.raw_path)
        return httpx.Response(200)

    httpx.Client(transport=httpx.MockTransport(answer)).get(f"http://test/rows/{part(key)}")
    *_, last = asked[0].decode().split("/")
    assert asked[0].count(b"/") == 2
    assert unquote(last) == key


@pytest.mark.parametrize("url", ["foo", "localhost:8790", "ftp://host", "http://", "http://[::1"])
def test_what_is_no_address_is_said_at_once(url: str) -> None:
    with pytest.raises(InvalidAddress, match="no address"):
        Client(url)


@pytest.mark.parametrize(
    ("source", "said", "name"),
    [
        (Path("some/epoch 12.ndjson"), None, "epoch 12.ndjson"),
        ("some/epoch 12.ndjson", "nightly", "nightly"),
        ("some/a\nb\udcff.ndjson", None, "a?b?.ndjson"),
        ("x" * 300, None, "x" * 200),
        ([{}], None, None),
        ([{}], "nightly", "nightly"),
    ],
)
def test_an_import_is_called_what_is_said_or_like_its_file(source: object, said: str | None, name: str | None) -> None:
    assert name_of(source, said) == name


def test_imports_are_listed_as_jobs() -> None:
    asked: list[dict[str, str]] = []
    job = {"job": "imp_1", "name": "p.ndjson", "state": "FAILED", "accepted": 1, "rejected": 0, "failure": "broken"}

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(dict(request.url.params))
        return httpx.Response(200, json={"items": [job], "next_page_token": None})

    with client(answer) as it:
        (found,) = it.imports(run="run_1", state="FAILED")
    assert (found.job, found.name, found.state, found.facts.failure) == ("imp_1", "p.ndjson", "FAILED", "broken")
    assert asked == [{"run_id": "run_1", "state": "FAILED"}]


def test_an_import_whose_run_was_deleted_is_not_waited_for() -> None:
    job = {"job": "imp_1", "state": "FINISHED", "accepted": 1, "rejected": 0, "run_id": "run_1", "measured": False}

    def answer(request: httpx.Request) -> httpx.Response:
        gone = request.url.path == "/v1/model-runs/run_1"
        return httpx.Response(404, json={"title": "no such model run"}) if gone else httpx.Response(200, json=job)

    with client(answer) as it, pytest.raises(SightlineError, match="its run was deleted"):
        it.job("imp_1").wait()


def test_a_run_is_waited_for_until_its_numbers_are_up_to_date() -> None:
    run = {"run_id": "run_1", "name": "n", "model_id": "m", "dataset_id": "d", "dataset_version": 1}
    states = [(None, False), ({}, True), ({}, False)]

    def answer(_request: httpx.Request) -> httpx.Response:
        summary, behind = states[0] if len(states) == 1 else states.pop(0)
        return httpx.Response(200, json={**run, "summary": summary, "freshness": {"coco_behind": behind}})

    with client(answer) as it:
        it.run("run_1").wait(10)
        assert len(states) == 1
        states[0] = ({}, True)
        with pytest.raises(SightlineError, match="not measured after 0 s"):
            it.run("run_1").wait(0)
