"""Names that a person has typed: what they match, and what is like them."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from django.core.management.base import CommandError

from signal_monitor.cli.base import failure
from signal_monitor.dashboard.similar import similar
from signal_monitor.stores.filters import matches


def matching(wanted: str, names: Iterable[str]) -> list[str]:
    """The names that a person may mean: the same, else those that end with it, else those that have it in them.

    A ``*`` matches anything; the beginning of a name, up to a dot, may be left out.
    """
    known = list(dict.fromkeys(names))
    ends = f".{wanted.casefold()}"
    rules: tuple[Callable[[str], bool], ...] = (
        lambda name: name == wanted,
        lambda name: name.casefold() == wanted.casefold() or name.casefold().endswith(ends),
        lambda name: matches(wanted, name),
        lambda name: "*" in wanted and matches(f"*.{wanted}", name),
    )
    return next((found for rule in rules if (found := [name for name in known if rule(name)])), [])


def unknown(kind: str, wanted: str, names: Iterable[str], remedy: str) -> CommandError:
    """An error that there is nothing of that name, with the names like it, else with the remedy."""
    alike = similar(wanted, names)
    if not alike:
        return failure(f"There is no {kind} {wanted!r}. {remedy}")
    listed = "".join(f"\n  {name}" for name in alike)
    return failure(f"There is no {kind} {wanted!r}. Did you mean:{listed}")
