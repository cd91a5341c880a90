"""The methods of the SQLite store."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, TypeVar

from signal_monitor.database_records import BulkOperation, RowSignals, TransactionEnd
from signal_monitor.errors import done_for_each
from signal_monitor.records import Amendment, Dispatch, OrphanSends, Process, Request, SubjectKind
from signal_monitor.registry.records import Registry
from signal_monitor.stores.base import Batch, Fact, Store, Totals, added_facts
from signal_monitor.stores.filters import DispatchFilter
from signal_monitor.stores.retention import DEFAULT_BYTES, amended, settled
from signal_monitor.stores.sqlite import statements
from signal_monitor.stores.sqlite.connection import Connector, begin
from signal_monitor.stores.sqlite.encoding import (
    DamagedError,
    column,
    decode,
    decode_registry,
    encode,
    encode_registry,
)
from signal_monitor.stores.sqlite.ended import add_up_ended
from signal_monitor.stores.sqlite.location import find_path
from signal_monitor.stores.sqlite.pruning import prune
from signal_monitor.stores.sqlite.schema import TABLE_NAMES, is_current
from signal_monitor.stores.sqlite.sums import FinalSums, note_late, note_rewritten, read_totals
from signal_monitor.stores.sqlite.windows import merge_windows, unmerged
from signal_monitor.stores.unreadable import note_unreadable

R = TypeVar("R")
Row = statements.Row
T = TypeVar("T")


class SqliteStore(Store):
    """Stores the records of all processes of the project on this host in one file.

    The file and its write-ahead log together stay near ``max_bytes``.
    """

    def __init__(self, url: str, max_bytes: int = DEFAULT_BYTES) -> None:
        path = find_path(url)
        self._location = str(path)
        self._max_bytes = max_bytes
        # Two, so that no page waits for a write that waits for another process's lock.
        self._reader = Connector(path, max_bytes)
        self._sums = FinalSums()
        self._writer = Connector(path, max_bytes, wait=0.0)

    @property
    def location(self) -> str:
        """The file's path."""
        return self._location

    def write(self, batch: Batch) -> None:
        """Store a batch and its process in one transaction."""
        self._change(lambda connection: _write(connection, batch, self._max_bytes))

    def _change(self, work: Callable[[sqlite3.Connection], None]) -> None:
        def transaction(connection: sqlite3.Connection) -> None:
            with connection:
                begin(connection)
                if not is_current(connection):
                    raise DamagedError("another version has created its tables in it")
                work(connection)
                connection.execute("UPDATE state SET changes = changes + 1")

        self._writer.run(transaction)

    def _read(self, make: Callable[[Any], T], text: str, values: Sequence[object] = ()) -> list[T]:
        return self._reader.run(lambda connection: [make(row) for row in connection.execute(text, values)])

    def _records(self, record_type: type[R], text: str, values: Sequence[object] = ()) -> list[R]:
        """The records of a query; those that cannot be read are left out and noted."""
        rows = self._read(lambda row: row[0], text, values)
        return [record for row in rows if (record := _decoded(record_type, row)) is not None]

    def cursor(self) -> str:
        """The id of the file, and the number of writes to it."""
        (token,) = self._read(lambda row: f"{row[0]}-{row[1]}", "SELECT epoch, changes FROM state")
        return token

    def dispatches(self, where: DispatchFilter, limit: int = 50) -> list[Dispatch]:
        """Stored dispatches that match, newest first."""
        return self._records(Dispatch, *statements.select_dispatches(where, limit))

    def arrivals(self, where: DispatchFilter, after: int, limit: int) -> list[tuple[int, Dispatch]]:
        """Those with a number above ``after`` that match, newest first."""
        rows = self._read(tuple, *statements.select_arrivals(where, after, limit))
        return [(number, found) for number, row in rows if (found := _decoded(Dispatch, row)) is not None]

    def last_arrival(self) -> int:
        """The number of the dispatch that was stored last."""
        (number,) = self._read(lambda row: int(row[0]), statements.LAST_ARRIVAL)
        return number

    def count(self, where: DispatchFilter) -> int:
        """How many stored dispatches match."""
        (number,) = self._read(lambda row: int(row[0]), *statements.count_dispatches(where))
        return number

    def tree(self, root_id: str, limit: int = 500) -> list[Dispatch]:
        """The stored dispatches under one outermost dispatch, in order of their start."""
        return self._records(Dispatch, statements.TREE, (column(root_id), limit))

    def dispatch(self, dispatch_id: str) -> Dispatch | None:
        """One dispatch, or None if it is not stored."""
        return _only(self._records(Dispatch, statements.ONE_DISPATCH, (column(dispatch_id),)))

    def requests(
        self,
        limit: int = 50,
        *,
        path: str = "",
        view: str = "",
        slow_ms: float = 0.0,
        before: float = 0.0,
        processes: Sequence[str] | None = None,
    ) -> list[Request]:
        """Stored requests, newest first."""
        return self._records(Request, *statements.select_requests(path, view, slow_ms, before, limit, processes))

    def request(self, request_id: str) -> Request | None:
        """One request, or None if it is not stored."""
        return _only(self._records(Request, statements.ONE_REQUEST, (column(request_id),)))

    def totals(
        self,
        kind: SubjectKind,
        since: float | None = None,
        key: str | None = None,
        processes: Sequence[str] | None = None,
    ) -> list[Totals]:
        """Totals per subject, since the start of the processes, or over the windows since a time."""
        if key is not None:
            return self._reader.run(partial(read_totals, kind=kind, since=since, key=key, processes=processes))
        return self._reader.run(lambda connection: self._sums.read(connection, kind, since, processes))

    def history(
        self, kind: SubjectKind, key: str, since: float, processes: Sequence[str] | None = None
    ) -> list[Totals]:
        """One subject's totals window by window, oldest first."""
        by = statements.BY_WINDOW
        return self._reader.run(partial(read_totals, kind=kind, since=since, key=key, by=by, processes=processes))

    def complete_since(self) -> float:
        """The time since which no window was deleted to make space."""
        (since,) = self._read(lambda row: float(row[0]), "SELECT complete_since FROM state")
        return since

    def processes(self) -> list[Process]:
        """The processes that have reported, newest report first."""
        return self._records(Process, statements.PROCESSES)

    def registries(self) -> list[Registry]:
        """The newest registry of each process, newest first."""
        rows = self._read(lambda row: row[0], statements.REGISTRIES)
        return [registry for row in rows if (registry := _registry(row)) is not None]

    def bulk_operations(self) -> list[BulkOperation]:
        """Bulk operations of all processes, added up."""
        return added_facts(self._records(BulkOperation, statements.FACTS, (BulkOperation.__name__,)))

    def row_signals(self) -> list[RowSignals]:
        """What the signals of models said, of all processes, added up."""
        return added_facts(self._records(RowSignals, statements.FACTS, (RowSignals.__name__,)))

    def orphan_sends(self) -> list[OrphanSends]:
        """Who sent signals that found no receiver, in all processes, added up."""
        return added_facts(self._records(OrphanSends, statements.FACTS, (OrphanSends.__name__,)))

    def clear(self) -> None:
        """Delete everything, for all processes that use the file."""
        self._change(_clear)

    def close(self) -> None:
        """Close this process's connections; a later call opens them again."""
        self._reader.close()
        self._writer.close()


def _decoded(record_type: type[R], payload: str) -> R | None:
    try:
        return decode(record_type, payload)
    except DamagedError:
        note_unreadable(record_type.__name__, payload)
        return None


def _registry(payload: bytes) -> Registry | None:
    try:
        return decode_registry(payload)
    except DamagedError:
        note_unreadable("Registry", payload)
        return None


def _only(found: list[R]) -> R | None:
    return found[0] if found else None


def _write(connection: sqlite3.Connection, batch: Batch, max_bytes: int) -> None:
    process = batch.process
    connection.execute(
        statements.PUT_PROCESS, (column(process.id), process.seen_at, process.ended_at is not None, encode(process))
    )
    _put_dispatches(connection, batch.dispatches)
    for amendment in batch.amendments:
        _amend(connection, amendment.dispatch_id, partial(_amended, amendment))
    for end in batch.transaction_ends:
        _amend(connection, end.dispatch_id, partial(_settled, end))
    connection.executemany(statements.PUT_REQUEST, _rows(statements.request_row, batch.requests))
    process_id = column(process.id)
    totals = unmerged(connection, process_id, batch.totals)
    connection.executemany(statements.PUT_TOTALS, _rows(partial(statements.totals_row, process_id), totals))
    note_late(connection, totals)
    registries = [batch.registry] if batch.registry is not None else []
    connection.executemany(statements.PUT_REGISTRY, _rows(partial(_registry_row, process_id), registries))
    connection.executemany(statements.PUT_FACT, _rows(partial(_fact_row, process_id), batch.facts))
    add_up_ended(connection, process.seen_at)
    merge_windows(connection, process.seen_at)
    prune(connection, max_bytes, process.seen_at)


def _registry_row(process_id: str, registry: Registry) -> Row:
    return process_id, registry.taken_at, encode_registry(registry)


def _fact_row(process_id: str, fact: Fact) -> tuple[object, ...]:
    return process_id, type(fact).__name__, column(fact.key), fact.last_at, encode(fact)


def _put_dispatches(connection: sqlite3.Connection, dispatches: Sequence[Dispatch]) -> None:
    # No other process can use these numbers: the transaction is an immediate one.
    (last,) = connection.execute(statements.LAST_ARRIVAL).fetchone()
    by_id = {dispatch.id: dispatch for dispatch in dispatches}
    found = _rows(_dispatch_rows, enumerate(by_id.values(), start=last + 1))
    connection.executemany(statements.PUT_DISPATCH, (row for row, _payload, _calls in found))
    connection.executemany(statements.PUT_PAYLOAD, (payload for _row, payload, _calls in found))
    connection.executemany(statements.PUT_CALL, (row for _row, _payload, calls in found for row in calls))


def _dispatch_rows(item: tuple[int, Dispatch]) -> tuple[Row, Row, list[Row]]:
    """The rows of a dispatch: its own, its payload, and those of its calls."""
    seq, dispatch = item
    return statements.dispatch_row(*item), (seq, encode(dispatch)), list(statements.call_rows(*item))


def _rows(make: Callable[[T], R], records: Iterable[T]) -> list[R]:
    """A row for each record, without those that cannot be stored: the others of the batch are not lost for them."""
    return done_for_each("the storing of a record", make, records)


def _amended(amendment: Amendment, dispatch: Dispatch) -> Dispatch:
    return amended(dispatch, amendment)


def _settled(end: TransactionEnd, dispatch: Dispatch) -> Dispatch:
    return settled(dispatch, end)


def _amend(connection: sqlite3.Connection, dispatch_id: str, change: Callable[[Dispatch], Dispatch]) -> None:
    found = connection.execute(statements.TO_AMEND, (column(dispatch_id),)).fetchone()
    if found is None:
        return
    seq, payload = found
    stored = _decoded(Dispatch, payload)
    if stored is None:
        return  # the other records of the batch are not lost for it
    dispatch = change(stored)
    connection.execute(statements.PUT_DISPATCH, statements.dispatch_row(seq, dispatch))
    connection.execute(statements.PUT_PAYLOAD, (seq, encode(dispatch)))
    connection.executemany(statements.PUT_CALL, statements.call_rows(seq, dispatch))


def _clear(connection: sqlite3.Connection) -> None:
    for name in TABLE_NAMES:
        if name != "state":
            connection.execute(f"DELETE FROM {name}")  # noqa: S608 - our own text
    note_rewritten(connection)
