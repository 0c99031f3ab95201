"""Predictions as they come: lines of a download that arrives in pieces of any size."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from sightline.client.answers import Prediction
from sightline.client.errors import SightlineError
from sightline.formats.labelbox_writing import Line


class Lines:
    """Reads what it is fed."""

    def __init__(self) -> None:
        self._decoder = msgspec.json.Decoder(Line)
        self._rest = b""

    def feed(self, piece: bytes) -> Sequence[Line]:
        """The lines that are whole now."""
        text, newline, rest = piece.rpartition(b"\n")
        if not newline:
            self._rest += piece
            return ()
        whole, self._rest = self._rest + text, rest
        try:
            return self._decoder.decode_lines(whole)
        except msgspec.DecodeError as error:
            raise SightlineError(
                f"the server's answer isn't what this version of the client expects: {error}"
            ) from error


def prediction(line: Line) -> Prediction:
    """What a line says."""
    box = line.bbox
    place = box.left, box.top, box.width, box.height
    return Prediction(line.data_row.global_key, line.name, place, line.confidence, line.uuid or "")
