"""Bodies of uploads: unpacked and bounded while they stream, parsed ahead in order."""

import asyncio
import gzip
import itertools
import zlib
from collections.abc import AsyncIterator, Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.common.runtime.errors import Problem
from services.ingest.importing.uploads import (
    AHEAD,
    PIECE,
    Content,
    UploadBroken,
    UploadIdle,
    in_time,
    of_lines,
    parse_ahead,
    recognised,
    unpacking,
)
from sightline.formats.faults import FileBroken

MIB = 1 << 20


async def streamed(chunks: Iterable[bytes]) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def unpacked(chunks: Iterable[bytes], encoding: str = "gzip", limit: int = 1 << 40) -> list[bytes]:
    return [piece async for piece in unpacking(streamed(chunks), encoding, limit)]


async def take_all(pieces: AsyncIterator[bytes], sizes: list[int]) -> None:
    async for piece in pieces:
        sizes.append(len(piece))


def split(data: bytes, cuts: Iterable[int]) -> list[bytes]:
    places = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[a:b] for a, b in itertools.pairwise(places)]


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.binary(max_size=300).map(lambda some: some * 7), min_size=1, max_size=4),
    st.lists(st.integers(0, 10**6), max_size=9),
    st.integers(0, 20),
)
def test_members_are_one_file_however_the_bytes_are_cut(members: list[bytes], cuts: list[int], zeros: int) -> None:
    packed = b"".join(map(gzip.compress, members)) + bytes(zeros)
    assert b"".join(asyncio.run(unpacked(split(packed, cuts)))) == b"".join(members)


@pytest.mark.parametrize("step", [1, 7, 10_000])
async def test_a_file_cut_off_anywhere_is_said(step: int) -> None:
    packed = gzip.compress(b"[1, 2, 3]" * 20)
    two = packed + packed
    for end in {*range(len(two))} - {len(packed)}:
        with pytest.raises(FileBroken, match=f"cut off at byte {end}"):
            await unpacked([two[at : min(at + step, end)] for at in range(0, end, step)])


@pytest.mark.parametrize(
    "body",
    [
        b"[1, 2, 3]",
        gzip.compress(b"[1]")[:-8] + bytes(8),
        gzip.compress(b"[1]") + b"more",
        zlib.compress(b"[1, 2, 3]"),
        b"\0" + gzip.compress(b"[1]"),
    ],
    ids=["plain", "wrong checksum", "something behind", "zlib", "zeros in front"],
)
async def test_what_is_not_gzip_is_said(body: bytes) -> None:
    with pytest.raises(FileBroken, match="is not gzip"):
        await unpacked([body])


@pytest.mark.parametrize(("encoding", "pack"), [("gzip", gzip.compress), ("identity", bytes), ("", bytes)])
async def test_the_limit_is_of_what_is_unpacked(encoding: str, pack: type[bytes]) -> None:
    data = bytes(3 * PIECE + 1)
    body = split(pack(data), range(0, len(pack(data)), 999))
    assert b"".join(await unpacked(body, encoding, len(data))) == data
    with pytest.raises(FileBroken, match="larger than"):
        await unpacked(body, encoding, len(data) - 1)


async def test_a_bomb_is_unpacked_a_piece_at_a_time_and_no_further_than_the_limit() -> None:
    packer = zlib.compressobj(9, wbits=31)
    bomb = b"".join([*(packer.compress(bytes(MIB)) for _ in range(300)), packer.flush()])
    assert len(bomb) < MIB
    taken: list[int] = []
    with pytest.raises(FileBroken):
        await take_all(unpacking(streamed([bomb]), "gzip", 20 * MIB), taken)
    assert max(taken) <= PIECE
    assert 19 * MIB < sum(taken) <= 20 * MIB


async def test_an_empty_body_is_nothing_unless_it_should_be_gzip() -> None:
    assert await unpacked([], "identity") == []
    with pytest.raises(FileBroken, match="cut off at byte 0"):
        await unpacked([])


@pytest.mark.parametrize("encoding", ["br", "gzip, gzip", "deflate"])
async def test_other_encodings_are_refused_before_anything_is_read(encoding: str) -> None:
    with pytest.raises(Problem) as refused:
        unpacking(streamed([]), encoding, 10)
    assert refused.value.status == 415


async def read(chunks: Iterable[bytes], encoding: str = "", limit: int = 1 << 30) -> bytes:
    sent = unpacking(streamed(chunks), encoding, limit)
    return b"".join([piece async for piece in recognised(sent, limit, lines=True)])


@pytest.mark.parametrize("size", [0, 1, 300, 5_000, 3 * MIB])
@pytest.mark.parametrize("step", [1, 7, 100_000])
async def test_a_gzip_file_is_known_by_its_beginning_however_it_is_sent(size: int, step: int) -> None:
    data = b'{"a": "' + b"x" * size + b'"}'
    packed = gzip.compress(data)
    for sent, encoding in ((data, ""), (packed, ""), (packed, "gzip"), (gzip.compress(packed), "gzip")):
        if len(sent) / step < 10_000:
            assert await read([sent[i : i + step] for i in range(0, len(sent), step)], encoding) == data


async def test_a_gzip_file_is_bounded_and_whole_as_if_it_had_said_so() -> None:
    packed = gzip.compress(bytes(3 * MIB))
    with pytest.raises(FileBroken, match="larger than"):
        await read([packed], limit=MIB)
    with pytest.raises(FileBroken, match="cut off"):
        await read([packed[:-9]])
    with pytest.raises(FileBroken, match="zip archive"):
        await read([gzip.compress(b"PK\x03\x04")])


async def test_what_is_no_json_is_told_before_it_is_read() -> None:
    with pytest.raises(FileBroken, match="zip archive"):
        await read([b"P", b"K\x03", b"\x04"])
    assert await read([]) == b""


async def test_a_file_of_too_many_lines_stops_there() -> None:
    chunks = [b"{}\n" * 5, b"{}", b"\n{}"]
    assert [chunk async for chunk in of_lines(streamed(chunks), 6)] == chunks
    with pytest.raises(FileBroken, match="more than 5 lines"):
        await take_all(of_lines(streamed(chunks), 5), [])


async def test_a_body_that_stands_still_is_ended() -> None:
    async def body(*chunks: bytes) -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk
        await asyncio.Event().wait()

    taken: list[int] = []
    with pytest.raises(UploadIdle, match=r"nothing of the upload came for 0\.01 s"):
        await take_all(in_time(body(b"ab", b"c"), 0.01), taken)
    assert taken == [2, 1]
    assert [chunk async for chunk in in_time(streamed([b"a", b"", b"b"]), 60)] == [b"a", b"b"]


async def taken(data: bytes, until: int) -> Content:
    """A content of which some has gone by."""
    content = Content(streamed(split(data, [until])))
    async for chunk in content:
        if len(chunk) == until:
            break
    return content


@pytest.mark.parametrize("cuts", [[], [1], [5, 9], range(20)])
async def test_the_same_content_is_known_however_it_is_cut(cuts: list[int]) -> None:
    data = b"0123456789" * 2
    earlier = (await taken(data, len(data))).so_far()
    others = {data: True, data + b"x": False, data[:-1]: False, b"": False, data[:-1] + b"x": False}
    for other, same in others.items():
        assert await Content(streamed(split(other, cuts))).is_that(earlier, whole=True) is same


@pytest.mark.parametrize("cuts", [[], [1], [5, 9], range(20)])
async def test_what_was_not_read_to_its_end_is_compared_as_far_as_it_was(cuts: list[int]) -> None:
    data = b"0123456789" * 2
    earlier = (await taken(data, 7)).so_far()
    assert earlier["bytes"] == 7
    others = {data: True, data[:7]: True, data[:7] + b"x": True, data[:6]: False, b"x" + data: False}
    for other, same in others.items():
        assert await Content(streamed(split(other, cuts))).is_that(earlier, whole=False) is same


async def test_a_content_that_can_t_be_read_is_another() -> None:
    earlier = (await taken(b"[1]", 3)).so_far()
    assert not await Content(unpacking(streamed([b"[1]"]), "gzip", 9)).is_that(earlier, whole=True)
    assert await Content(unpacking(streamed([gzip.compress(b"[1]")]), "gzip", 9)).is_that(earlier, whole=True)


async def test_blocks_come_in_the_order_of_the_file_and_the_last_of_them() -> None:
    pieces: list[int] = []

    def feed(piece: bytes) -> list[bytes]:
        pieces.append(len(piece))
        return [piece[:1], piece[-1:]]

    chunks = [bytes([n]) * (PIECE // 3) for n in range(10)]
    blocks = [block async for block in parse_ahead(streamed(chunks), feed, lambda: [b"end"])]
    assert sum(pieces) == sum(map(len, chunks))
    assert blocks == [*sorted(blocks[:-1]), b"end"]
    assert (blocks[0], blocks[-2]) == (b"\x00", b"\x09")


@pytest.mark.parametrize("error", [FileBroken("bad", 3), UploadBroken()])
async def test_what_came_before_an_error_is_given_then_the_error_is_told(error: Exception) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield bytes(PIECE)
        raise error

    sizes: list[int] = []
    with pytest.raises(type(error)):
        await take_all(parse_ahead(body(), lambda piece: [piece], list), sizes)
    assert sizes == [PIECE]


async def test_who_takes_slowly_is_not_overrun_and_who_leaves_ends_the_reading() -> None:
    read = 0
    is_closed = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        nonlocal read
        try:
            while True:
                read += 1
                yield bytes(PIECE)
        finally:
            is_closed.set()

    blocks = parse_ahead(body(), lambda piece: [piece], list)
    for taken in range(1, 4):
        await anext(blocks)
        before = -1
        while read != before:  # until it stands still
            before = read
            await asyncio.sleep(0.05)
        assert read <= taken + AHEAD + 2
    await blocks.aclose()
    async with asyncio.timeout(30):
        await is_closed.wait()
