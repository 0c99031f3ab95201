"""Writes reach ingest as they came, and its answers come back as they are."""

from collections.abc import AsyncIterator

import httpx
import pytest

from services.common.runtime.errors import Problem
from services.query.passthrough import Ingest


async def resolve(name: str) -> list[str]:
    return []


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def test_method_path_query_headers_and_body_are_unchanged():
    seen: list[httpx.Request] = []

    async def ingest(request: httpx.Request) -> httpx.Response:
        await request.aread()
        seen.append(request)
        return httpx.Response(
            409, headers={"content-type": "application/problem+json", "x-a": "b"}, content=pieces(b"{}")
        )

    passed = await Ingest("http://ingest:1/", transport=httpx.MockTransport(ingest), resolve=resolve).pass_on(
        "POST",
        b"/v1/model-runs/a%2Fb/predictions:import?format=coco&mode=replace",
        [
            (b"host", b"query"),
            (b"content-length", b"6"),
            (b"idempotency-key", b"k"),
            (b"content-encoding", b"gzip"),
            (b"connection", b"keep-alive, x-hop"),
            (b"x-hop", b"1"),
            (b"origin", b"http://query"),
        ],
        pieces(b"abc", b"def"),
    )

    assert seen[0].method == "POST"
    assert seen[0].url.raw_path == b"/v1/model-runs/a%2Fb/predictions:import?format=coco&mode=replace"
    assert seen[0].content == b"abcdef"
    assert seen[0].headers["host"] == "ingest:1"
    assert seen[0].headers["content-length"] == "6"
    assert seen[0].headers["idempotency-key"] == "k"
    assert seen[0].headers["content-encoding"] == "gzip"
    assert "x-hop" not in seen[0].headers
    assert "origin" not in seen[0].headers
    assert "transfer-encoding" not in seen[0].headers
    assert passed.status == 409
    assert dict(passed.headers)[b"x-a"] == b"b"
    assert b"".join([part async for part in passed.body]) == b"{}"


async def test_the_body_is_not_gathered_first():
    taken: list[bytes] = []
    given: list[bytes] = []

    async def body() -> AsyncIterator[bytes]:
        for part in (b"1", b"2", b"3"):
            given.append(part)
            yield part

    class Reading(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            assert isinstance(request.stream, httpx.AsyncByteStream)
            async for part in request.stream:
                taken.append(part)
                assert len(given) == len(taken)
            return httpx.Response(200)

    await Ingest("http://ingest", transport=Reading(), resolve=resolve).pass_on(
        "POST", b"/v1/x", [(b"transfer-encoding", b"chunked")], body()
    )
    assert taken == [b"1", b"2", b"3"]


@pytest.mark.parametrize(
    ("error", "says"),
    [(httpx.ConnectError("no"), "nothing was written"), (httpx.RemoteProtocolError("gone"), "is not known")],
)
async def test_without_ingest_the_answer_says_what_to_do(error: Exception, says: str):
    def ingest(request: httpx.Request) -> httpx.Response:
        raise error

    with pytest.raises(Problem) as failed:
        await Ingest("http://ingest", transport=httpx.MockTransport(ingest), resolve=resolve).pass_on(
            "POST", b"/v1/x", [], pieces()
        )
    assert (failed.value.status, failed.value.slug) == (503, "ingest-unavailable")
    assert says in failed.value.detail
    assert failed.value.headers["Retry-After"]


async def test_without_an_address_there_is_no_ingest():
    with pytest.raises(Problem) as failed:
        await Ingest("").pass_on("POST", b"/v1/x", [], pieces())
    assert "SIGHTLINE_INGEST_URL" in failed.value.detail


async def test_each_ingest_has_its_turn_and_one_that_takes_no_connections_is_passed_over():
    seen: list[tuple[str, bytes]] = []

    class Servers(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if request.url.host == "dead":
                raise httpx.ConnectError("no")
            if request.url.path != "/readyz":
                seen.append((request.url.host, await request.aread()))
            return httpx.Response(200)

    ingest = Ingest("http://a,http://dead,http://b", transport=Servers(), resolve=resolve)
    for n in range(6):
        headers = [(b"transfer-encoding", b"chunked")]
        assert (await ingest.pass_on("POST", b"/v1/x", headers, pieces(b"body", b"%d" % n))).status == 200
    assert seen == [
        ("a", b"body0"),
        ("b", b"body1"),
        ("b", b"body2"),
        ("a", b"body3"),
        ("b", b"body4"),
        ("b", b"body5"),
    ]


async def test_a_connection_that_breaks_is_not_tried_elsewhere():
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path != "/readyz":
            asked.append(request.url.host)
        raise httpx.RemoteProtocolError("gone")

    ingest = Ingest("http://a,http://b", transport=httpx.MockTransport(answer), resolve=resolve)
    with pytest.raises(Problem, match="is not known"):
        await ingest.pass_on("POST", b"/v1/x", [], pieces())
    assert len(asked) == 1
