"""Names of headers that aren't UTF-8, as another program's producer may write them. Pure."""

from __future__ import annotations


def mend_names(records: bytearray, begin: int, count: int) -> None:
    """Put `?` for what isn't ASCII in such names, in the bytes of `count` uncompressed records from `begin` on."""
    at = begin
    for _ in range(count):
        length, at = _varint(records, at)
        end = at + length
        _, at = _varint(records, at + 1)  # behind the attributes: the time
        _, at = _varint(records, at)  # the offset
        at = _behind(records, at)  # the key
        at = _behind(records, at)  # the value
        headers, at = _varint(records, at)
        for _ in range(headers):
            size, at = _varint(records, at)
            _mend(records, at, at + size)
            at = _behind(records, at + size)
        at = end


def _mend(records: bytearray, begin: int, end: int) -> None:
    try:
        records[begin:end].decode()
    except UnicodeDecodeError:
        records[begin:end] = bytes(byte if byte < 128 else ord("?") for byte in records[begin:end])


def _behind(records: bytearray, at: int) -> int:
    """Where bytes end that stand behind their own length; -1 is none."""
    size, at = _varint(records, at)
    return at + max(size, 0)


def _varint(records: bytearray, at: int) -> tuple[int, int]:
    """A zigzag varint, and where it ends."""
    value = shift = 0
    while True:
        byte = records[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value >> 1 ^ -(value & 1), at
