"""`sightline dead-letters` without a server: what it asks, shows, and ends with."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from sightline import client as clients
from sightline.cli import dead_letters
from sightline.cli.outcome import Exit, Stop

LETTER = {
    "dead_letter_id": "dl_3",
    "state": "open",
    "topic": "predictions",
    "partition": 2,
    "record_offset": 40,
    "group": "metrics.rows",
    "reason": "the run is sealed",
    "bug": True,
    "key": "default/ds/[red]k\x1b[31m",
    "size": 99,
    "time_unix_ms": 1_700_000_000_000,
    "payload": "predictions_upserted",
    "event_id": "e",
    "dataset_id": "ds",
    "run_id": "run",
    "bytes_gone": False,
    "outcome": {"what": "refused", "at_unix_ms": 1, "note": "again", "added": 0, "there": 2},
    "event": {"event_id": "e"},
    "begins": None,
    "headers": [{"name": "from", "value": "a camera"}],
}


class Server:
    """Answers, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, str], Any]] = []
        self.whats = ["replayed", "refused"]

    def answer(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.read() or b"null")
        self.asked.append((f"{request.method} {request.url.path}", dict(request.url.params), body))
        match request.method, request.url.path:
            case "GET", "/v1/dead-letters":
                return httpx.Response(200, json={"items": [LETTER]})
            case "GET", _:
                return httpx.Response(200, json=LETTER)
            case _, "/v1/dead-letters:replay":
                items = [decided(self.whats.pop(0))]
                return httpx.Response(200, json={"items": items, "next": "dl_3" if self.whats else None})
            case _, "/v1/dead-letters/dl_9:replay":
                problem = {"type": "https://sightline.dev/problems/dead-letter-gone", "title": "gone", "detail": "so"}
                return httpx.Response(410, json=problem)
            case _:
                return httpx.Response(200, json=decided("dropped"))


def decided(what: str) -> dict[str, Any]:
    numbers = {"applied": None, "added": 1, "there": None, "identities": []}
    return {"dead_letter_id": "dl_3", "what": what, "state": "open", "detail": "because", **numbers}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    server = Server()
    transport = httpx.MockTransport(server.answer)
    made = lambda url: clients.Client(url, retries=0, transport=transport)  # noqa: E731
    monkeypatch.setattr(dead_letters, "connect", made)
    return server


def run(*arguments: str):
    return CliRunner().invoke(dead_letters.app, [*arguments, "--url", "http://localhost:1"])


def test_a_list_shows_what_producers_wrote_as_it_is(server: Server) -> None:
    done = run("list", "--topic", "predictions", "--bug", "--state", "all")
    assert done.exit_code == 0, done.output
    assert server.asked[0][1] == {"topic": "predictions", "bug": "true", "page_size": "50"}
    assert "(bug) the run is sealed" in done.stdout
    assert "[red]k" in done.stdout
    assert "\x1b[31m" not in done.stdout


def test_a_list_is_of_open_ones(server: Server) -> None:
    assert json.loads(run("list", "--json").stdout) == {"items": [LETTER]}
    assert server.asked[0][1]["state"] == "open"


def test_a_card_says_where_from_and_why(server: Server) -> None:
    shown = run("show", "dl_3").stdout
    for said in ("predictions/2 at 40", "the run is sealed", "report it", "header from", "a camera", '"event_id": "e"'):
        assert said in shown


def test_all_are_replayed_page_by_page_and_what_is_left_is_said(server: Server) -> None:
    done = run("replay", "--all", "--run", "run", "--yes", "--reason", "mended")
    asked = [body for _, _, body in server.asked]
    assert asked == [
        {"filter": {"run_id": "run"}, "note": "mended", "after": None},
        {"filter": {"run_id": "run"}, "note": "mended", "after": "dl_3"},
    ]
    assert isinstance(done.exception, Stop)
    assert (done.exception.code, str(done.exception)) == (
        Exit.REJECTED_ITEMS,
        "of 2 dead letters, 1 refused once more",
    )


def test_one_is_dropped(server: Server) -> None:
    done = run("drop", "dl_3", "--reason", "old", "--json")
    assert (done.exit_code, json.loads(done.stdout)["counts"]) == (0, {"dropped": 1})
    assert server.asked == [("POST /v1/dead-letters/dl_3:drop", {}, {"note": "old"})]


def test_one_whose_bytes_are_gone_is_refused(server: Server) -> None:
    done = run("replay", "dl_9")
    assert isinstance(done.exception, Stop)
    assert (done.exception.code, str(done.exception)) == (Exit.REFUSED, "gone: so")


@pytest.mark.parametrize(
    "arguments", [["replay"], ["replay", "dl_3", "--all"], ["drop", "dl_3", "--bug"], ["drop", "--all"]]
)
def test_what_is_not_meant_is_not_done(server: Server, arguments: list[str]) -> None:
    done = run(*arguments)
    assert isinstance(done.exception, Stop)
    assert done.exception.code == Exit.REFUSED
    assert server.asked == []
