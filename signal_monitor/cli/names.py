"""Names that a person has typed: what they match, and what is like them."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable

from django.core.management.base import CommandError

from signal_monitor.cli.base import failure
from signal_monitor.stores.filters import matches

MOST = 5
SHORT = 3
"""Words of a name with so many letters are like too many others."""


def matching(wanted: str, names: Iterable[str]) -> list[str]:
    """The names that a person may mean: the same, else those that end with it, else those that have it in them."""
    known = list(dict.fromkeys(names))
    ends = f".{wanted.casefold()}"
    rules: tuple[Callable[[str], bool], ...] = (
        lambda name: name == wanted,
        lambda name: name.casefold() == wanted.casefold() or name.casefold().endswith(ends),
        lambda name: matches(wanted, name),
    )
    return next((found for rule in rules if (found := [name for name in known if rule(name)])), [])


def unknown(kind: str, wanted: str, names: Iterable[str], remedy: str) -> CommandError:
    """An error that there is nothing of that name, with the names like it, else with the remedy."""
    alike = similar(wanted, names)
    if not alike:
        return failure(f"There is no {kind} {wanted!r}. {remedy}")
    listed = "".join(f"\n  {name}" for name in alike)
    return failure(f"There is no {kind} {wanted!r}. Did you mean:{listed}")


def similar(wanted: str, names: Iterable[str]) -> list[str]:
    """The names that are most like another one: as a whole, by their last part, or by a word of it."""
    by_part: dict[str, list[str]] = {}
    for name in sorted(set(names)):
        for part in _parts(name):
            by_part.setdefault(part, []).append(name)
    close = [key for part in _parts(wanted) for key in difflib.get_close_matches(part, by_part, MOST)]
    return list(dict.fromkeys(name for key in close for name in by_part[key]))[:MOST]


def _parts(name: str) -> list[str]:
    folded = name.casefold()
    last = folded.rpartition(".")[2]
    words = [word for word in last.split("_") if len(word) > SHORT]
    return list(dict.fromkeys([folded, last, *words]))
