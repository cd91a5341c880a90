"""What becomes of a file that another version of the monitor has written: a copy is kept, and the file begins anew."""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import tempfile
import time
from pathlib import Path

from .ownership import is_marked
from .schema import has_tables, is_current, make_tables, refuse_foreign

logger = logging.getLogger("signal_monitor")


def begin_anew(connection: sqlite3.Connection, path: Path) -> None:
    """Give the file the tables of this version; what another version stored is set aside, next to it."""
    is_older = has_tables(connection)
    if is_older:
        refuse_foreign(connection)
        _set_aside(connection, path)
    make_tables(connection)
    if is_older:
        # Files of the first version cannot shrink otherwise. Another process may be in the way: then it stays so.
        with contextlib.suppress(sqlite3.OperationalError):
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
            connection.execute("VACUUM")


def _set_aside(connection: sqlite3.Connection, path: Path) -> None:
    """Copy the file: to rename it while other processes have it open would take their write-ahead log from them."""
    aside = path.with_name(f"{path.name}.old")
    if aside.exists() and not is_marked(aside):  # somebody else's
        aside = path.with_name(f"{path.name}.old-{time.time_ns()}")
    handle, copy = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    os.close(handle)
    try:
        connection.execute("VACUUM INTO ?", (copy,))
        if is_current(connection):
            return  # Another process has done the same meanwhile.
        Path(copy).replace(aside)
    finally:
        Path(copy).unlink(missing_ok=True)
    logger.warning(
        "The signal monitor's file %s is of another version. Its contents are now in %s, and it begins empty.",
        path,
        aside,
    )
