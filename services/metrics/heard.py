"""Which imports have spoken of a row lately: each has a bit, by which its predictions are marked."""

from __future__ import annotations

from dataclasses import dataclass

MOST_IMPORTS = 8
"""As many as a mark has bits."""


@dataclass(frozen=True, slots=True)
class HeardImports:
    """The imports that a row was spoken of by, and the bit of each. Who was silent longest comes first."""

    ids: tuple[str, ...] = ()
    bits: bytes = b""

    def hear(self, import_id: str) -> HeardImports:
        """The same once an import has spoken. Of more than eight, the one is forgotten that was silent longest."""
        if self.ids and self.ids[-1] == import_id:
            return self
        if import_id in self.ids:
            at = self.ids.index(import_id)
        elif len(self.ids) < MOST_IMPORTS:
            return HeardImports((*self.ids, import_id), self.bits + bytes([len(self.ids)]))
        else:
            at = 0
        return HeardImports(
            (*self.ids[:at], *self.ids[at + 1 :], import_id),
            self.bits[:at] + self.bits[at + 1 :] + self.bits[at : at + 1],
        )


NOBODY = HeardImports()
