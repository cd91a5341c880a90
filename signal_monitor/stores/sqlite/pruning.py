"""Deletes what is old, and what does not fit into the size of the file."""

from __future__ import annotations

import sqlite3

from signal_monitor.stores.base import MAX_REGISTRIES
from signal_monitor.stores.retention import (
    FACTS_KEPT_SECONDS,
    PROCESSES_KEPT_SECONDS,
    WINDOWS_KEPT_SECONDS,
    Deletable,
    deletions,
)

from . import statements
from .ended import add_up_ended
from .schema import pragma
from .sums import note_rewritten

WAL_SHARE = 16
"""The write-ahead log may take one part in so many of the size."""
SLACK_SHARE = 64
"""A full file is emptied by one part in so many more than it needs, so that not every write has to count its rows."""
ROWS_AT_ONCE = 50
MAX_DELETED = 2_000
"""Rows that one write deletes at most: other processes wait for it. The next write goes on."""

MAX_FREED_PAGES = 2_000
"""Pages that one write gives back at most."""


def prune(connection: sqlite3.Connection, max_bytes: int, now: float) -> None:
    """Delete what is too old, and then the oldest of what remains until the file is small enough."""
    _delete_old(connection, now)
    limit = max_bytes - max_bytes // WAL_SHARE
    if _used_bytes(connection) > limit:
        _make_space(connection, max_bytes, limit - max_bytes // SLACK_SHARE, now)
    _shrink(connection, limit)


def _delete_old(connection: sqlite3.Connection, now: float) -> None:
    connection.execute(statements.DELETE_WINDOWS, (now - WINDOWS_KEPT_SECONDS,))
    connection.execute("DELETE FROM facts WHERE last_at < ?", (now - FACTS_KEPT_SECONDS,))
    gone = connection.execute(statements.GONE_PROCESSES, (now - PROCESSES_KEPT_SECONDS,)).fetchall()
    if gone:
        note_rewritten(connection)
    connection.executemany("DELETE FROM totals WHERE process = ?", gone)
    connection.executemany("DELETE FROM processes WHERE id = ?", gone)
    connection.execute(statements.DELETE_REGISTRIES, (MAX_REGISTRIES,))


def _make_space(connection: sqlite3.Connection, max_bytes: int, target: int, now: float) -> None:
    left = MAX_DELETED
    for rows, protected in deletions(max_bytes):
        surplus = _count(connection, rows) - protected
        at_once = 1 if rows == "windows" else ROWS_AT_ONCE
        while surplus > 0 and left > 0:
            if rows == "windows":
                connection.execute(statements.NOTE_INCOMPLETE)
                note_rewritten(connection)
            connection.execute(*statements.delete_oldest(rows, min(at_once, surplus)))
            if _used_bytes(connection) <= target:
                return
            surplus -= at_once
            left -= ROWS_AT_ONCE
    add_up_ended(connection, now, kept=0)


def _count(connection: sqlite3.Connection, rows: Deletable) -> int:
    (count,) = connection.execute(*statements.count(rows)).fetchone()
    return int(count)


def _used_bytes(connection: sqlite3.Connection) -> int:
    pages = pragma(connection, "page_count") - pragma(connection, "freelist_count")
    return pages * pragma(connection, "page_size")


def _shrink(connection: sqlite3.Connection, limit: int) -> None:
    """Give back free pages where the file is larger than it may be: after a burst, or for a smaller STORE_MB."""
    surplus = pragma(connection, "page_count") - limit // pragma(connection, "page_size")
    # One by one: before Python 3.12, a statement without columns is run no further than its first page.
    for _ in range(min(surplus, pragma(connection, "freelist_count"), MAX_FREED_PAGES)):
        connection.execute("PRAGMA incremental_vacuum(1)").fetchall()
