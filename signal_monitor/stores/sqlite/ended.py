"""Adds up the processes that have ended and their totals, in the file."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

from signal_monitor.records import Process
from signal_monitor.stores.base import Totals
from signal_monitor.stores.ended import KEPT_ENDED, MAX_ENDED, SILENT_SECONDS, added, sum_id, surplus

from . import statements
from .encoding import DamagedError, decode, encode
from .sums import note_rewritten

MAX_AT_ONCE = 100
"""Processes that one write adds up at most: other processes wait for it."""


def add_up_ended(connection: sqlite3.Connection, now: float, kept: int = KEPT_ENDED) -> None:
    """Add up the oldest processes that have ended, if there are too many."""
    (count,) = connection.execute(statements.COUNT_SILENT, (now - SILENT_SECONDS,)).fetchone()
    if count <= (MAX_ENDED if kept else 0):
        return
    found = connection.execute(statements.SILENT_PROCESSES, (now - SILENT_SECONDS,)).fetchall()
    for process in surplus(_decoded(found), now, kept)[:MAX_AT_ONCE]:
        _add(connection, process)


def _decoded(rows: Sequence[Any]) -> Iterator[Process]:
    for (payload,) in rows:
        try:
            yield decode(Process, payload)
        except DamagedError:
            continue


def _add(connection: sqlite3.Connection, process: Process) -> None:
    target = sum_id(process)
    found = connection.execute(statements.ONE_PROCESS, (target,)).fetchall()
    total = added(next(_decoded(found), None), process)
    connection.execute(statements.PUT_PROCESS, (target, total.seen_at, True, encode(total)))
    rows = connection.execute(statements.TOTALS_OF_PROCESS, (process.id,)).fetchall()
    connection.executemany(statements.PUT_TOTALS, [_added_row(connection, target, row) for row in rows])
    connection.execute(statements.DELETE_TOTALS_OF_PROCESS, (process.id,))
    note_rewritten(connection)
    connection.execute(statements.DELETE_PROCESS, (process.id,))


def _added_row(connection: sqlite3.Connection, target: str, row: Any) -> Any:  # noqa: ANN401 - rows of a query
    """The row of the sum, with that of one more process."""
    kind, key, window = row[:3]
    (*found,) = connection.execute(statements.TOTALS_ROW, (kind, window, key, target))
    several = [totals for each in [*found, row] if (totals := _totals(each)) is not None]
    total = Totals(kind, key, window)
    for one in several:
        total.add(one)
    return statements.totals_row(target, total)


def _totals(row: Any) -> Totals | None:  # noqa: ANN401 - a row of a query
    try:
        return statements.totals_of_row(row)
    except DamagedError:
        return None
