"""Totals of a period: sums of windows that no longer change are kept, so that a page reads only the newest windows.

The whole of six hours would be 120,000 rows for 500 receivers of two processes.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

from signal_monitor.records import SubjectKind
from signal_monitor.stores.base import LIFE, WINDOW_SECONDS, Totals
from signal_monitor.stores.unreadable import note_unreadable
from signal_monitor.stores.windows import LONG_SECONDS

from . import statements
from .encoding import DamagedError

FINAL_SECONDS = 240
"""Windows so much older than the newest of their kind are final; whoever changes one calls ``note_rewritten``."""
MOST = 4
"""Sums that are kept."""


class FinalSums:
    """The sums of final windows, by the first window and what else a page asks for. Not thread-safe."""

    def __init__(self) -> None:
        self._kept: dict[tuple[object, ...], tuple[int, list[Totals]]] = {}

    def read(
        self, connection: sqlite3.Connection, kind: SubjectKind, since: float | None, processes: statements.Processes
    ) -> list[Totals]:
        """The totals of each subject of a kind, by name."""
        until = _newest(connection, kind) - FINAL_SECONDS
        if since is None or since + LONG_SECONDS >= until:
            return read_totals(connection, kind, since, processes=processes)
        until, final = self._final(connection, kind, since, until, processes)
        newest = read_totals(connection, kind, float(until), processes=processes)
        by_key = {row.key: row for row in newest}
        for row in final:
            by_key[row.key] = _added(row, by_key.get(row.key))
        return [by_key[key] for key in sorted(by_key)]

    def _final(
        self,
        connection: sqlite3.Connection,
        kind: SubjectKind,
        since: float,
        until: int,
        processes: statements.Processes,
    ) -> tuple[int, list[Totals]]:
        """The sums of the windows before a time, and this time, which is an older one if they are kept."""
        merged, *state = connection.execute("SELECT merged, epoch, rewritten FROM state").fetchone()
        first = int(since) // (LONG_SECONDS if since < merged else WINDOW_SECONDS)
        place = (kind, since < merged, first, tuple(processes) if processes is not None else None, *state)
        found = self._kept.pop(place, None)
        if found is None or found[0] > until:
            found = until, read_totals(connection, kind, since, until=until, processes=processes)
        self._kept[place] = found
        if len(self._kept) > MOST:
            del self._kept[next(iter(self._kept))]
        return found


def _added(older: Totals, newer: Totals | None) -> Totals:
    """The sum, which has the line of the newer one."""
    total = Totals(older.kind, older.key, older.window)
    if newer is not None:
        total.add(newer)
    total.add(older)
    return total


def read_totals(
    connection: sqlite3.Connection,
    kind: SubjectKind,
    since: float | None,
    key: str | None = None,
    by: statements.Group = statements.BY_KEY,
    processes: statements.Processes = None,
    until: int | None = None,
) -> list[Totals]:
    """Totals that are added up in the file, by subject or by window."""
    failed = connection.execute(*statements.select_failures(kind, since, key, by, processes, until))
    failures = {group: columns for group, *columns in failed}
    place = 1 if by == statements.BY_KEY else 2
    rows = connection.execute(*statements.select_totals(kind, since, key, by, processes, until))
    found = (_totals(row, failures.get(row[place], ())) for row in rows)
    return [totals for totals in found if totals is not None]


def _totals(row: Any, failure: Any) -> Totals | None:  # noqa: ANN401 - rows of a query
    try:
        return statements.totals_of(row, failure)
    except DamagedError:
        note_unreadable(*row[:2])
        return None


def note_rewritten(connection: sqlite3.Connection) -> None:
    """Tell all processes that final windows have changed."""
    connection.execute("UPDATE state SET rewritten = rewritten + 1")


def note_late(connection: sqlite3.Connection, rows: Sequence[Totals]) -> None:
    """Tell them if a window that was written is final: its process had been stopped for a while."""
    oldest: dict[SubjectKind, int] = {}
    for row in rows:
        if row.window != LIFE:
            oldest[row.kind] = min(row.window, oldest.get(row.kind, row.window))
    if any(window <= _newest(connection, kind) - FINAL_SECONDS for kind, window in oldest.items()):
        note_rewritten(connection)


def _newest(connection: sqlite3.Connection, kind: SubjectKind) -> int:
    """The newest window of a kind of subject."""
    (window,) = connection.execute('SELECT max("window") FROM totals WHERE kind = ?', (kind,)).fetchone()
    return int(window or LIFE)
