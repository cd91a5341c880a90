"""Rows of the store that cannot be read: each hides itself alone, and the page that leaves it out says so."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_found: ContextVar[set[Hashable] | None] = ContextVar("signal_monitor_unreadable", default=None)


@contextmanager
def unreadable_rows() -> Iterator[set[Hashable]]:
    """Collect the rows that cannot be read while the block runs; a row that is read twice counts once."""
    rows: set[Hashable] = set()
    token = _found.set(rows)
    try:
        yield rows
    finally:
        _found.reset(token)


def note_unreadable(*row: Hashable) -> None:
    """Note that a row is left out of what is being read."""
    rows = _found.get()
    if rows is not None:
        rows.add(row)


def note_again(rows: set[Hashable]) -> None:
    """Note rows that were left out of something which was read before and is shown again."""
    found = _found.get()
    if found is not None:
        found |= rows
