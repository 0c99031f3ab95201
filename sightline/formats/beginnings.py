"""What a file is, by how it begins, where it is none that can be read; and what its owner does then."""

from __future__ import annotations

import re

BEGINNING = 4 << 10
"""As much of a file tells what it is."""

GZIP = b"\x1f\x8b"

_TABLE = "read it with pandas and upload the table with the Python client, or write it as NDJSON"
_PACKED = "send it as it is, or packed with gzip"
_ENCODED = "write it as UTF-8"
_NOTHING_TO_READ = "send COCO or NDJSON"

_SIGNATURES: tuple[tuple[bytes, str, str], ...] = (
    (b"PK\x03\x04", "a zip archive", "unpack it, and send the file that is in it"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it, and send the file that is in it"),
    (b"\x28\xb5\x2f\xfd", "packed with zstd", _PACKED),
    (b"BZh", "packed with bzip2", _PACKED),
    (b"\xfd7zXZ\x00", "packed with xz", _PACKED),
    (b"\x04\x22\x4d\x18", "packed with lz4", _PACKED),
    (b"ARROW1", "an Arrow file", _TABLE),
    (b"\xff\xff\xff\xff", "an Arrow stream", _TABLE),
    (b"PAR1", "a Parquet file", _TABLE),
    (b"\x93NUMPY", "a NumPy file", "load it, and upload the arrays with the Python client"),
    (b"\xff\xfe", "UTF-16 or UTF-32", _ENCODED),
    (b"\xfe\xff", "UTF-16", _ENCODED),
    (b"\x00\x00\xfe\xff", "UTF-32", _ENCODED),
    (b"\x89PNG", "a picture", _NOTHING_TO_READ),
    (b"\xff\xd8\xff", "a picture", _NOTHING_TO_READ),
    (b"%PDF", "a PDF", _NOTHING_TO_READ),
)
_BOM = b"\xef\xbb\xbf"
_SPACE = b" \t\r\n"

_LIST_OF_OBJECTS = re.compile(rb"\[\s*(\{|\Z)")
_COCO_RESULT = re.compile(rb'\[\s*\{[^{}]*"(image_id|category_id)"')
_COCO_TRUTH = re.compile(rb'\{\s*"(images|annotations|categories|licenses|info)"\s*:\s*[\[{]')
_ANNOTATION = re.compile(rb'\{[^{}\[\]\n]*"(dataRow|global_key)"\s*:')
_OVER_LINES = re.compile(rb'\{[ \t\r]*\n\s*"')
_SEPARATORS = re.compile(rb"[,;\t]")


def unreadable(beginning: bytes, *, lines: bool) -> str | None:
    """What a file is instead of JSON (`lines`: of NDJSON), and what to do; None where it may be what it should."""
    for signature, what, remedy in _SIGNATURES:
        if beginning.startswith(signature):
            return f"The file is {what}: {remedy}."
    text = beginning.removeprefix(_BOM).lstrip(_SPACE)
    if text[:2].count(0) == 1:
        return f"The file is UTF-16: {_ENCODED}."
    if text.startswith(b"<"):
        return "The file is XML or HTML: send COCO or NDJSON."
    if _is_table(text):
        return f"The file is a CSV: {_TABLE}."
    if lines:
        return _not_lines(text)
    if _ANNOTATION.match(text):
        return "The file is NDJSON: send it with Content-Type: application/x-ndjson, or by `sightline import ndjson`."
    return None


def _not_lines(text: bytes) -> str | None:
    """What JSON is instead of one object a line."""
    if _COCO_RESULT.match(text):
        return "The file is a list, as COCO results are: send it with format=coco, or by `sightline import coco`."
    if _COCO_TRUTH.match(text):
        return "The file is one object, as COCO's truth is: send it with format=coco, or by `sightline import coco`."
    if _LIST_OF_OBJECTS.match(text):
        return "The file is one JSON list: NDJSON has an object a line (`jq -c '.[]' FILE` writes it so)."
    if _OVER_LINES.match(text):
        return "The file's objects go over several lines: NDJSON has an object a line (`jq -c . FILE` writes it so)."
    return None


def _is_table(text: bytes) -> bool:
    """Whether the first two lines have equally many columns, and no JSON."""
    first, _, rest = text.partition(b"\n")
    second = rest.partition(b"\n")[0]
    columns = len(_SEPARATORS.findall(first))
    return columns > 0 and not {*b"{}[]"} & {*first, *second} and columns == len(_SEPARATORS.findall(second))
