"""The transactions of this process, as far as their statements and their ends are seen."""

from __future__ import annotations

import itertools
import sys
from time import perf_counter
from typing import Any, TypeVar
from weakref import ref

from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils.connection import ConnectionProxy

from signal_monitor.database_records import TransactionOutcome
from signal_monitor.instrumentation.current import Record, get_state
from signal_monitor.instrumentation.record import ancestors
from signal_monitor.interruptions import is_from_outside

MAX_SAVEPOINTS = 200
MAX_TABLES = 20
_numbers = itertools.count(1)


class Transaction:
    """A transaction of one connection, from the first time that it was seen. Times are of ``time.perf_counter``.

    ``undone`` are the moments, from savepoint to rollback, whose work was rolled back while the transaction went on.
    Work until ``uncertain`` may have been rolled back too, with a savepoint that was not kept. ``suspect`` is the last
    receiver call in which a statement has failed.
    """

    __slots__ = (
        *("alias", "began", "connection", "ended", "number", "outcome", "savepoints", "suspect", "undone"),
        *("uncertain", "vendor", "wrote", "written"),
    )

    def __init__(self, connection: BaseDatabaseWrapper, began: float) -> None:
        self.number = next(_numbers)
        self.alias = attribute_of(connection, "alias", "")
        self.vendor = attribute_of(connection, "vendor", "")
        key = id(connection)
        self.connection = ref(connection, lambda _: _open.pop(key, None))
        self.began = began
        self.wrote = 0.0
        self.written: dict[str, None] = {}
        self.ended = 0.0
        self.outcome: TransactionOutcome | None = None
        self.savepoints: dict[str, float] = {}
        self.undone: list[tuple[float, float]] = []
        self.uncertain = 0.0
        self.suspect: Suspect | None = None

    def note_write(self, at: float, sql: str) -> None:
        """A statement that writes has begun; the beginnings of the texts are kept, for the names of the tables."""
        self.wrote = self.wrote or at
        if len(self.written) < MAX_TABLES:
            self.written[sql[:200]] = None

    def end(self, outcome: TransactionOutcome | None) -> None:
        """It was committed or rolled back."""
        self.ended, self.outcome = perf_counter(), outcome

    def outcome_at(self, at: float) -> tuple[TransactionOutcome | None, float]:
        """What became of work that began at a time, and when."""
        for began, ended in self.undone:
            if began <= at <= ended:
                return "rolled back", ended
        if at <= self.uncertain and self.outcome == "committed":
            return None, self.ended
        return self.outcome, self.ended

    def undo(self, savepoint: str) -> None:
        """It was rolled back to a savepoint, which may happen again. Later savepoints are gone."""
        began, ended = self.savepoints.get(savepoint), perf_counter()
        if began is not None:
            self.undone = [part for part in self.undone if part[0] < began]
        if began is None or len(self.undone) >= MAX_SAVEPOINTS:
            self.uncertain = ended
        else:
            self.undone.append((began, ended))


class Suspect:
    """A receiver call in which a statement has failed, and that may have left the transaction broken.

    It has if ``needs_rollback`` is set when the call is over. ``broken`` then gets its position and the number of the
    transaction.
    """

    __slots__ = ("broken", "index", "record", "settled", "transaction")

    def __init__(self, record: Record, index: int, broken: set[tuple[int, int]], transaction: Transaction) -> None:
        self.record = record
        self.index = index
        self.broken = broken
        self.transaction = transaction
        self.settled = False

    def look(self, *, needs_rollback: bool) -> None:
        """See whether the transaction is broken, if the call is over."""
        if not self.settled and not self.is_running():
            self.settled = True
            if needs_rollback:
                self.broken.add((self.index, self.transaction.number))

    def is_running(self) -> bool:
        """Whether this thread or task is inside the call."""
        around = ancestors(get_state().top, perf_counter())
        return any(one.record is self.record and one.position == self.index for one in around)

    def look_at_connection(self) -> None:
        """See whether the transaction is broken now."""
        connection = self.transaction.connection()
        if connection is not None and not self.transaction.ended:
            self.look(needs_rollback=attribute_of(connection, "needs_rollback", fallback=False))


_open: dict[int, Transaction] = {}
"""By the ``id`` of the connection, which may have no hash; its transaction refers to it weakly."""
T = TypeVar("T", str, int, bool)


def attribute_of(target: object, name: str, fallback: T) -> T:
    """An attribute of a driver's or a backend's object; the fallback where it raises or has another type."""
    try:
        value = getattr(target, name)
    except Exception as error:  # whatever the code of a driver raises
        if is_from_outside(error):
            raise
        return fallback
    return value if type(value) is type(fallback) else fallback


def unproxied(connection: BaseDatabaseWrapper) -> BaseDatabaseWrapper:
    """The connection itself, where something was given ``django.db.connection``."""
    given: Any = connection
    if type(given) is ConnectionProxy:
        connection = given._connections[given._alias]  # noqa: SLF001 - Django does not tell
    return connection


def is_open(connection: BaseDatabaseWrapper) -> bool:
    """Whether a transaction is open on a connection: a block, or autocommit that was turned off."""
    if attribute_of(connection, "in_atomic_block", fallback=False):
        return True
    return not attribute_of(connection, "autocommit", fallback=True) and connection.connection is not None


def transaction_of(connection: BaseDatabaseWrapper, began: float) -> Transaction | None:
    """The transaction that is open on a connection, or None."""
    if not is_open(connection):
        if known_transaction(connection) is not None:  # its end was not seen
            end_transaction(connection, None)
        return None
    transaction = known_transaction(connection)
    if transaction is None:
        transaction = _open[id(connection)] = Transaction(connection, began)
    return transaction


def known_transaction(connection: BaseDatabaseWrapper) -> Transaction | None:
    """The transaction of a connection, if it was seen."""
    transaction = _open.get(id(connection))
    return transaction if transaction is not None and transaction.connection() is connection else None


def end_transaction(connection: BaseDatabaseWrapper, outcome: TransactionOutcome | None) -> None:
    """The transaction of a connection has ended."""
    transaction = known_transaction(connection)
    if transaction is not None:
        _open.pop(id(connection), None)
        if transaction.suspect is not None:
            # Where a block ends without an exception and is rolled back even so, needs_rollback was set.
            transaction.suspect.look(needs_rollback=outcome == "rolled back" and sys.exception() is None)
        transaction.end(outcome)


def note_savepoint(connection: BaseDatabaseWrapper, name: Any) -> None:  # noqa: ANN401 - None without savepoints
    """A savepoint was made."""
    transaction = known_transaction(connection)
    if transaction is not None and type(name) is str:
        while len(transaction.savepoints) >= MAX_SAVEPOINTS:
            transaction.savepoints.pop(next(iter(transaction.savepoints)))
        transaction.savepoints[name] = perf_counter()


def note_savepoint_rollback(connection: BaseDatabaseWrapper, name: Any) -> None:  # noqa: ANN401
    """A savepoint was rolled back: the work since it is undone, and a broken transaction is whole again."""
    transaction = known_transaction(connection)
    if transaction is None:
        return
    if transaction.suspect is not None and transaction.suspect.is_running():
        transaction.suspect.settled = True
    if type(name) is str:
        transaction.undo(name)


def forget_transactions() -> None:
    """Begin anew, in a forked child or with another setting."""
    _open.clear()
