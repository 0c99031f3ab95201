"""Classes as NDJSON names them: letter by letter, and what was probably meant where there is none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from sightline.arrays import Ints


class ClassNames:
    """The classes of an ontology version, by name."""

    def __init__(self, classes: Mapping[str, int]) -> None:
        self._ids = classes
        # The latter of two that look alike gives way: any of them is a hint.
        self._alike = {_last(name).casefold(): name for name in reversed(list(classes))}
        self._alike |= {name.casefold(): name for name in reversed(list(classes))}

    def find(self, names: Sequence[str]) -> Ints:
        """The id of each class; 0 where there is none of this name."""
        of_name = self._ids.get
        return np.fromiter((of_name(name, 0) for name in names), np.int32, len(names))

    def hint(self, name: str) -> str:
        """What to write instead of a name that there is not; empty where nothing is like it."""
        alike = self._alike.get(name.strip().casefold()) or self._alike.get(_last(name).strip().casefold())
        if alike is None:
            return ""
        nested = " by its whole path" if "/" in alike else ""
        return f" There is `{alike}`: a class is named letter by letter{nested}."


def _last(name: str) -> str:
    return name.rpartition("/")[2]
