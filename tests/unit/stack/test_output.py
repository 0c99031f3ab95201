"""What the programs of the stack say, on one stream."""

import asyncio
import io

from sightline.stack.output import Output


async def test_lines_are_prefixed_and_a_line_without_end_comes_in_pieces() -> None:
    said = io.BytesIO()
    stream = asyncio.StreamReader()
    stream.feed_data(b"one\ntwo\n" + b"x" * (3 << 20))
    stream.feed_eof()
    await Output(said, colour=False).follow("query", stream)
    lines = said.getvalue().split(b"\n")
    assert lines[0].startswith(b"query")
    assert lines[0].endswith("│ one".encode())
    assert sum(line.count(b"x") for line in lines) == 3 << 20


def test_output_without_a_reader_is_no_reason_to_die() -> None:
    class Gone(io.BytesIO):
        def write(self, *_: object) -> int:
            raise BrokenPipeError

    Output(Gone()).say("anybody?")
