"""Which processes some addresses stand for."""

import pytest

from services.query.addresses import Address, parse, processes, resolve


async def nobody(name: str) -> list[str]:
    return []


@pytest.mark.parametrize(
    ("urls", "expected"),
    [
        ("http://127.0.0.1:1", [("http://127.0.0.1:1", "127.0.0.1:1")]),
        (
            " http://[::1]:1/ ,, http://localhost:2",
            [("http://[::1]:1", "[::1]:1"), ("http://localhost:2", "localhost:2")],
        ),
        ("http://ingest:1,http://ingest:1", [("http://ingest:1", "ingest:1")]),
        ("", []),
    ],
)
async def test_addresses_as_they_are_written(urls: str, expected: list[tuple[str, str]]):
    assert await processes(parse(urls), nobody) == [Address(*each) for each in expected]


async def test_a_name_stands_for_all_that_it_resolves_to():
    async def several(name: str) -> list[str]:
        return ["10.0.0.1", "fd00::1"]

    assert await processes(parse("http://ingest:80"), several) == [
        Address("http://10.0.0.1", "ingest"),
        Address("http://[fd00::1]", "ingest"),
    ]


async def test_the_systems_resolver_knows_this_machine_once():
    assert await resolve("localhost") in (["127.0.0.1"], ["::1"])
    assert await resolve("no-such-name.invalid") == []
