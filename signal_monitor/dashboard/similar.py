"""Names that are like one that does not exist."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

MOST = 5
SHORT = 3
"""Words of a name with so many letters are like too many others."""
MOST_COMPARED = 2_000
LONGEST = 200
"""Longer names are compared by their ends: the time grows with the square of the length."""


def similar(wanted: str, names: Iterable[str]) -> list[str]:
    """The names that are most like another one: as a whole, by their last part, or by a word of it."""
    by_part: dict[str, list[str]] = {}
    for name in sorted(set(names))[:MOST_COMPARED]:
        for part in _parts(name):
            by_part.setdefault(part, []).append(name)
    close = [key for part in _parts(wanted) for key in difflib.get_close_matches(part, by_part, MOST)]
    return list(dict.fromkeys(name for key in close for name in by_part[key]))[:MOST]


def _parts(name: str) -> list[str]:
    folded = name.casefold()[-LONGEST:]
    last = folded.rpartition(".")[2]
    words = [word for word in last.split("_") if len(word) > SHORT]
    return list(dict.fromkeys([folded, last, *words]))
