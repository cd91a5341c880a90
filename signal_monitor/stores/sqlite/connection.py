"""A connection to the file for all threads of a process; it survives forks and the loss of the file."""

from __future__ import annotations

import logging
import os
import re
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar
from weakref import WeakSet

from signal_monitor.stores.base import StoreError
from signal_monitor.stores.filters import matches
from signal_monitor.stores.sqlite.encoding import DamagedError
from signal_monitor.stores.sqlite.location import make_safe
from signal_monitor.stores.sqlite.ownership import refuse_other_files, refuse_to_move
from signal_monitor.stores.sqlite.pruning import WAL_SHARE
from signal_monitor.stores.sqlite.schema import has_tables, is_current, is_empty, mark, refuse_foreign
from signal_monitor.stores.sqlite.versions import begin_anew

T = TypeVar("T")

BUSY_SECONDS = 0.5
"""Time that a statement, or the start of a write, waits for the lock of another process."""
TURN_SECONDS = 2.0
"""Time that a thread waits for the other threads of its process."""
FORK_SECONDS = 0.05
"""Time that a fork waits for the threads that use a connection; what they do is interrupted, and done again later."""
OPEN_SECONDS = 2.0
"""Time that opening is retried: many processes may create the tables at once."""
BUSY_CODES = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
KEPT_COPIES = 3
CORRUPT_CODES = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)

# No sync: the data survives the end of any process, and a file that a power cut has damaged is moved aside, as the
# store is a cache. Otherwise, a checkpoint would wait for the disk at every thousand pages.
PRAGMAS = """
PRAGMA synchronous = OFF;
PRAGMA foreign_keys = ON;
PRAGMA wal_autocheckpoint = {pages};
PRAGMA journal_size_limit = {log_bytes};
"""
PAGE_BYTES = 4096
MAX_LOG_BYTES = 1000 * PAGE_BYTES

logger = logging.getLogger("signal_monitor")


class ForkError(sqlite3.OperationalError):
    """A fork has interrupted work, which is to be done again."""

    sqlite_errorcode = sqlite3.SQLITE_INTERRUPT


class _Fork:
    """``over`` is set while no thread of this process is about to fork."""

    over = threading.Event()


_Fork.over.set()
_connectors: WeakSet[Connector] = WeakSet()
# Connections that a forked child found open. SQLite must not even close them there, so they are kept.
_inherited: list[sqlite3.Connection] = []


class Connector:
    """Opens the file when it is needed; one thread at a time uses the connection."""

    def __init__(self, path: Path, max_bytes: int, wait: float = BUSY_SECONDS) -> None:
        self.path = path
        self._log_bytes = min(max_bytes // WAL_SHARE, MAX_LOG_BYTES)
        self._wait = wait
        self._lock = threading.Lock()
        self._pid = os.getpid()
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        self._opened_before = False
        self._held_for_fork = False
        _connectors.add(self)

    def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """The result of the work; it is tried again on a new connection if the connection or the file is damaged.

        It is also tried again when a fork has interrupted it.
        """
        while True:
            try:
                return self._run(work)
            except ForkError:
                continue

    def _run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        with self._turn():
            try:
                try:
                    return work(self._open())
                except (sqlite3.Error, DamagedError) as error:
                    if _code(error) == sqlite3.SQLITE_INTERRUPT:
                        self._discard()
                        raise ForkError from error
                    if _code(error) in BUSY_CODES:
                        raise
                    self._recover(error)
                    return work(self._open())
            except ForkError:
                raise
            except (sqlite3.Error, DamagedError, OSError) as error:
                raise StoreError(f"The signal monitor's file {self.path} cannot be used: {error}.") from error

    def close(self) -> None:
        """Close the connection; the next work opens it again."""
        with self._turn():
            self._discard()

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if self._pid != os.getpid():
            self._forget_inherited()
        _Fork.over.wait(TURN_SECONDS)
        if not self._lock.acquire(timeout=TURN_SECONDS):
            raise StoreError(f"The signal monitor's file {self.path} is in use by another thread.")
        try:
            yield
        finally:
            self._lock.release()

    def _open(self) -> sqlite3.Connection:
        if self._connection is None or self._file != _identity(self.path):
            self._discard()
            self._connection = self._opened()
        return self._connection

    def _opened(self) -> sqlite3.Connection:
        self._make_safe()
        deadline = time.monotonic() + OPEN_SECONDS
        while True:
            try:
                return self._try_to_open()
            except sqlite3.DatabaseError as error:
                if time.monotonic() > deadline or _code(error) not in BUSY_CODES + CORRUPT_CODES:
                    raise
                if _code(error) in CORRUPT_CODES:
                    self._move_aside(error)
                    self._make_safe()
            let_fork_pass()
            # Unlike other statements, the change to WAL does not wait for locks.
            time.sleep(0.01)

    def _make_safe(self) -> None:
        make_safe(self.path)
        refuse_other_files(self.path)

    def _try_to_open(self) -> sqlite3.Connection:
        self._file = _identity(self.path)
        # Any thread may use and close it; the lock admits one at a time. Tools that trace queries replace the function
        # sqlite3.connect(): the class itself keeps the store out of their traces.
        connection = sqlite3.Connection(self.path, timeout=self._wait, isolation_level=None, check_same_thread=False)
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        self._opened_before = True
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        connection.text_factory = _text
        connection.create_function("matches", 2, _matches, deterministic=True)
        refuse_foreign(connection)
        if is_empty(connection):
            mark(connection)
        connection.execute("PRAGMA journal_mode = WAL").fetchone()
        connection.executescript(PRAGMAS.format(pages=self._log_bytes // PAGE_BYTES, log_bytes=self._log_bytes))
        if not is_current(connection):
            # Two versions would replace each other's tables again and again: the one started last wins.
            if self._opened_before and has_tables(connection):
                raise StoreError(f"Another version of the signal monitor now uses {self.path}: restart this process.")
            begin_anew(connection, self.path)

    def _recover(self, error: sqlite3.Error | DamagedError) -> None:
        self._discard()
        if _code(error) in CORRUPT_CODES:
            self._move_aside(error)

    def _move_aside(self, error: Exception) -> None:
        if self._file != _identity(self.path):
            return  # Another process has done so.
        refuse_to_move(self.path, error)
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
        aside = f"{self.path}.corrupt-{stamp}"
        self.path.replace(aside)
        for suffix in ("-wal", "-shm"):
            Path(f"{self.path}{suffix}").unlink(missing_ok=True)
        _delete_old_copies(self.path)
        logger.warning(
            "The signal monitor's file was damaged (%s). It was moved to %s, and the store begins empty.", error, aside
        )

    def _discard(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    # A connection that was opened before a fork must not be used in the child: SQLite takes the parent's locks for the
    # child's own, and the parent deletes the log that the child writes to. So no connection is open during a fork.

    def before_fork(self, deadline: float) -> None:
        """Close the connection; the thread that uses it is interrupted."""
        self._held_for_fork = self._lock.acquire(blocking=False)
        while not self._held_for_fork and time.monotonic() < deadline:
            self._interrupt()
            self._held_for_fork = self._lock.acquire(timeout=FORK_SECONDS / 10)
        if self._held_for_fork:
            self._discard()

    def _interrupt(self) -> None:
        connection = self._connection
        if connection is not None:
            with suppress(sqlite3.Error):  # it was closed meanwhile
                connection.interrupt()

    def after_fork_in_parent(self) -> None:
        """Let other threads use the connection again."""
        if self._held_for_fork:
            self._held_for_fork = False
            self._lock.release()

    def _forget_inherited(self) -> None:
        # The lock may be held by a thread that does not exist in this process.
        self._lock = threading.Lock()
        self._held_for_fork = False
        self._pid = os.getpid()
        if self._connection is not None:
            _inherited.append(self._connection)
            self._connection = None


def begin(connection: sqlite3.Connection) -> None:
    """Begin a write on a connection that does not wait by itself.

    SQLite's own waits grow to a tenth of a second each: on a busy file, some writers would never get the lock.
    """
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if _code(error) not in BUSY_CODES or time.monotonic() > deadline:
                raise
        else:
            return
        let_fork_pass()
        time.sleep(0.002)


def _text(value: bytes) -> str:
    """A text of the file; one that is no UTF-8 must not keep others from being read."""
    return value.decode("utf-8", "backslashreplace")


def _matches(pattern: str, value: bytes | None) -> bool:
    return matches(pattern, _text(value or b""))


def _code(error: Exception) -> int:
    """SQLite's primary error code, or 0."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _delete_old_copies(path: Path) -> None:
    """Keep the newest KEPT_COPIES of the damaged files that were moved aside."""
    name = re.compile(rf"{re.escape(path.name)}\.corrupt-\d{{8}}T\d{{12}}")
    copies = sorted(found for found in path.parent.iterdir() if name.fullmatch(found.name))
    for copy in copies[:-KEPT_COPIES]:
        copy.unlink(missing_ok=True)


def _identity(path: Path) -> tuple[int, int] | None:
    """Device and inode of the file at the path, if there is one."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def let_fork_pass() -> None:
    """Raise ForkError if a thread of this process waits to fork."""
    if not _Fork.over.is_set():
        raise ForkError


def _before_fork() -> None:
    _Fork.over.clear()
    deadline = time.monotonic() + FORK_SECONDS
    for connector in list(_connectors):
        connector.before_fork(deadline)


def _after_fork_in_parent() -> None:
    for connector in list(_connectors):
        connector.after_fork_in_parent()
    _Fork.over.set()


def _after_fork_in_child() -> None:
    _Fork.over = threading.Event()  # a thread that is not in this process may hold the lock of the other
    _Fork.over.set()


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)
