"""Windows of totals in the file: written, and merged when they are old."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

from signal_monitor.stores.base import LIFE, Totals
from signal_monitor.stores.windows import LONG_SECONDS, block_of, next_block

from . import statements
from .encoding import DamagedError, column

MAX_AT_ONCE = 300
"""Subjects of processes that one write merges at most: other processes wait for it. The next write goes on."""


def unmerged(connection: sqlite3.Connection, process: str, rows: Sequence[Totals]) -> list[Totals]:
    """The totals to write: without those of a window that is part of a merged one, which is final."""
    (merged,) = connection.execute("SELECT merged FROM state").fetchone()
    return [
        row
        for row in rows
        if row.window == LIFE or row.window >= merged + LONG_SECONDS or not _is_merged(connection, process, row)
    ]


def _is_merged(connection: sqlite3.Connection, process: str, row: Totals) -> bool:
    place = (row.kind, block_of(row.window), column(row.key), process, row.seconds)
    return connection.execute(statements.IS_MERGED, place).fetchone() is not None


def merge_windows(connection: sqlite3.Connection, now: float) -> None:
    """Merge the next block of old windows, or a part of it, if one is due; blocks without windows take no time."""
    (before,) = connection.execute("SELECT merged FROM state").fetchone()
    merged, count = before, 0
    while not count and (block := next_block(merged, now)) is not None:
        count = _merge(connection, block)
        merged = block if count == MAX_AT_ONCE else block + LONG_SECONDS
    if merged != before:
        connection.execute("UPDATE state SET merged = ?", (merged,))


def _merge(connection: sqlite3.Connection, block: int) -> int:
    """Replace the windows of a block by one for each subject and process; answers for how many."""
    bounds = (block, block + LONG_SECONDS)
    found = connection.execute(statements.BLOCK, (*bounds, LONG_SECONDS, MAX_AT_ONCE)).fetchall()
    if not found:
        return 0
    rows = connection.execute(statements.BLOCK_FAILURES, bounds)
    failures = {(process, kind, key): failure for process, kind, key, *failure in rows}
    places = [(kind, key, process, *bounds) for process, kind, key, *_values in found]
    connection.executemany(statements.DELETE_OF_BLOCK, places)
    merged = (_merged(row, failures.get(row[:3], ()), block) for row in found)
    connection.executemany(statements.PUT_TOTALS, [row for row in merged if row is not None])
    return len(found)


def _merged(row: Any, failure: Any, block: int) -> statements.Row | None:  # noqa: ANN401 - rows of a query
    process, *values = row
    try:
        totals = statements.totals_of(tuple(values), failure)
    except DamagedError:
        return None
    totals.window, totals.seconds = block, LONG_SECONDS
    return statements.totals_row(process, totals)
