"""The tables of the SQLite store, and their creation."""

from __future__ import annotations

import sqlite3
import uuid
import zlib
from dataclasses import fields

from signal_monitor.stores.base import StoreError, Totals
from signal_monitor.stores.sqlite.encoding import RECORD_TYPES, field_names
from signal_monitor.stores.sqlite.ownership import APPLICATION_ID

VERSION = 3

# Payloads have a table of their own, so that filters read narrow rows.
TABLES = """
CREATE TABLE state (
    epoch TEXT NOT NULL, changes INTEGER NOT NULL, merged INTEGER NOT NULL DEFAULT 0,
    complete_since REAL NOT NULL DEFAULT 0, rewritten INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE dispatches (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, root_id TEXT NOT NULL, signal TEXT NOT NULL, sender TEXT NOT NULL,
    started_at REAL NOT NULL, ended_at REAL NOT NULL, receivers_ns INTEGER NOT NULL, category TEXT NOT NULL,
    slow INTEGER NOT NULL, depth INTEGER NOT NULL, process TEXT NOT NULL, origin_id TEXT, trace_id TEXT
);
CREATE INDEX dispatches_by_start ON dispatches (started_at);
CREATE INDEX dispatches_by_root ON dispatches (root_id);
CREATE INDEX dispatches_by_category ON dispatches (category, seq);
CREATE INDEX dispatches_by_origin ON dispatches (origin_id) WHERE origin_id IS NOT NULL;
CREATE TABLE payloads (
    seq INTEGER PRIMARY KEY REFERENCES dispatches ON DELETE CASCADE, payload TEXT NOT NULL
);
CREATE TABLE calls (
    seq INTEGER NOT NULL REFERENCES dispatches ON DELETE CASCADE, position INTEGER NOT NULL, receiver TEXT NOT NULL,
    app TEXT NOT NULL, outcome TEXT NOT NULL, PRIMARY KEY (seq, position)
) WITHOUT ROWID;
CREATE TABLE requests (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, path TEXT NOT NULL, view TEXT NOT NULL, process TEXT NOT NULL,
    started_at REAL NOT NULL, duration_ns INTEGER NOT NULL, payload TEXT NOT NULL
);
CREATE INDEX requests_by_start ON requests (started_at);
CREATE TABLE totals (
    process TEXT NOT NULL, kind TEXT NOT NULL, key TEXT NOT NULL, "window" INTEGER NOT NULL, count INTEGER NOT NULL,
    failures INTEGER NOT NULL, slow INTEGER NOT NULL, blocking INTEGER NOT NULL, not_run INTEGER NOT NULL,
    request_calls INTEGER NOT NULL, total_ns INTEGER NOT NULL, self_ns INTEGER NOT NULL, receivers_ns INTEGER NOT NULL,
    waiting_ns INTEGER NOT NULL, other_ns INTEGER NOT NULL, waited_ns INTEGER NOT NULL,
    waited_count INTEGER NOT NULL, seconds INTEGER NOT NULL, max_ns INTEGER NOT NULL, buckets TEXT,
    app TEXT, path TEXT, line INTEGER, last_at REAL,
    last_failure TEXT, last_failure_at REAL, last_failure_dispatch TEXT,
    PRIMARY KEY (kind, "window", key, process)
) WITHOUT ROWID;
CREATE INDEX totals_by_key ON totals (kind, key, "window");
CREATE INDEX totals_by_process ON totals (process);
CREATE TABLE facts (
    process TEXT NOT NULL, kind TEXT NOT NULL, key TEXT NOT NULL, last_at REAL NOT NULL, payload TEXT NOT NULL,
    PRIMARY KEY (kind, process, key)
) WITHOUT ROWID;
CREATE TABLE processes (
    id TEXT PRIMARY KEY, seen_at REAL NOT NULL, ended INTEGER NOT NULL, payload TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE registries (process TEXT PRIMARY KEY, taken_at REAL NOT NULL, payload BLOB NOT NULL);
"""
TABLE_NAMES = ("state", "calls", "payloads", "dispatches", "requests", "totals", "facts", "processes", "registries")
TOTALS_FIELDS = [item.name for item in fields(Totals)]


def _fingerprint() -> int:
    """Version and hash in one number; it includes the fields of the records, as payloads are read by position."""
    records = [(record_type.__name__, field_names(record_type)) for record_type in RECORD_TYPES]
    # SQLite keeps a signed number of 32 bits.
    return zlib.crc32(repr((VERSION, TABLES, records, TOTALS_FIELDS)).encode()) >> 1 or 1


FINGERPRINT = _fingerprint()


def is_current(connection: sqlite3.Connection) -> bool:
    """Whether the file has the tables of this version."""
    return pragma(connection, "user_version") == FINGERPRINT


def has_tables(connection: sqlite3.Connection) -> bool:
    """Whether the file has tables at all, of whatever version."""
    return connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is not None


def make_tables(connection: sqlite3.Connection) -> None:
    """Give the file the tables of this version, in place of those of another."""
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        if is_current(connection):
            return
        refuse_foreign(connection)
        # The latest first: they refer to the earlier ones.
        found = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY rowid DESC").fetchall()
        for (name,) in found:
            connection.execute(f'DROP TABLE IF EXISTS "{name}"')
        for statement in filter(str.strip, TABLES.split(";")):
            connection.execute(statement)
        connection.execute("INSERT INTO state (epoch, changes) VALUES (?, 0)", (uuid.uuid4().hex,))
        connection.execute(f"PRAGMA user_version = {FINGERPRINT}")


def mark(connection: sqlite3.Connection) -> None:
    """Mark an empty file as one of the monitor, in the file itself: only then may it have a write-ahead log."""
    # At once, as each of them writes to the file: another process must not see it unmarked.
    with connection:
        connection.execute("BEGIN")
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # has no effect later
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")


def is_empty(connection: sqlite3.Connection) -> bool:
    """Whether nothing was ever written to the file."""
    return pragma(connection, "page_count") == 0


def refuse_foreign(connection: sqlite3.Connection) -> None:
    """Raise StoreError for a database that is not one of the monitor, but named in STORE by mistake."""
    if not is_empty(connection) and pragma(connection, "application_id") != APPLICATION_ID:
        raise StoreError('SIGNAL_MONITOR["STORE"] names a database of another program; choose another file.')


def pragma(connection: sqlite3.Connection, name: str) -> int:
    """A number that the database keeps about itself."""
    (value,) = connection.execute(f"PRAGMA {name}").fetchone()
    return int(value)
