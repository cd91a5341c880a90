"""Counts by name, where any number of names may come up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

MAX_NAMES = 200
OTHER = "(other)"
"""The name that counts all those beyond MAX_NAMES."""


def largest(counts: Mapping[str, int]) -> dict[str, int]:
    """Counts by name, at most MAX_NAMES of them: the smallest are added up as OTHER."""
    if len(counts) <= MAX_NAMES:
        return dict(counts)
    ordered = Counter(counts).most_common()
    kept, rest = ordered[: MAX_NAMES - 1], ordered[MAX_NAMES - 1 :]
    found = dict(kept)
    found[OTHER] = found.get(OTHER, 0) + sum(count for _name, count in rest)
    return found
