"""A store in the memory of this process, for tests and for sites with one process."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from itertools import islice
from operator import itemgetter
from typing import Any

from signal_monitor.database_records import BulkOperation, RowSignals, TransactionEnd
from signal_monitor.records import Amendment, Dispatch, OrphanSends, Process, Request, SubjectKind
from signal_monitor.registry.records import Registry
from signal_monitor.stores.base import (
    LIFE,
    MAX_REGISTRIES,
    Batch,
    Fact,
    Store,
    Totals,
    added_facts,
    merged,
)
from signal_monitor.stores.ended import added, sum_id, surplus
from signal_monitor.stores.filters import DispatchFilter, is_before, is_match, matches, min_ns
from signal_monitor.stores.retention import (
    CATEGORIES,
    DEFAULT_BYTES,
    FACTS_KEPT_SECONDS,
    PROCESSES_KEPT_SECONDS,
    WINDOWS_KEPT_SECONDS,
    Category,
    Rows,
    amended,
    category_of,
    deletions,
    settled,
)
from signal_monitor.stores.windows import LONG_SECONDS, block_of, next_block

# About what an object takes with what only it refers to; names and paths are shared with the code.
DISPATCH_BYTES = 800
CALL_BYTES = 350
FRAME_BYTES = 80
REQUEST_BYTES = 800
SUM_BYTES = 150
TOTALS_BYTES = 700
BUCKET_BYTES = 60

TotalsKey = tuple[str, SubjectKind, str, int]
"""Process, kind, key and window."""


class MemoryStore(Store):
    """Keeps what this process wrote until it ends, in about ``max_bytes``."""

    def __init__(self, max_bytes: int = DEFAULT_BYTES) -> None:
        self._lock = threading.Lock()
        self._max_bytes = max_bytes
        self._changes = 0
        self._forget()

    def _forget(self) -> None:
        self._dispatches: dict[Category, dict[str, Dispatch]] = {category: {} for category in CATEGORIES}
        self._requests: dict[str, Request] = {}
        self._totals: dict[TotalsKey, Totals] = {}
        self._processes: dict[str, Process] = {}
        self._registries: dict[str, Registry] = {}
        self._facts: dict[tuple[str, str, str], Fact] = {}
        self._row_bytes = 0
        self._numbers: dict[str, int] = {}
        self._last = 0
        self._merged = 0
        self._complete_since = 0.0

    @property
    def location(self) -> str:
        """This process: there is no file."""
        return "this process"

    def write(self, batch: Batch) -> None:
        """Store a batch and its process."""
        with self._lock:
            self._changes += 1
            self._processes[batch.process.id] = batch.process
            for dispatch in batch.dispatches:
                self._put(dispatch)
            for amendment in batch.amendments:
                self._amend(amendment)
            for end in batch.transaction_ends:
                self._settle(end)
            for fact in batch.facts:
                self._facts[batch.process.id, type(fact).__name__, fact.key] = fact
            for request in batch.requests:
                self._put_request(request)
            for totals in batch.totals:
                self._put_totals(batch.process.id, totals)
            if batch.registry is not None:
                self._registries[batch.process.id] = batch.registry
            self._add_up_ended(batch.process.seen_at)
            self._merge_windows(batch.process.seen_at)
            self._prune(batch.process.seen_at)

    def _put(self, dispatch: Dispatch) -> None:
        self._last += dispatch.id not in self._numbers
        self._numbers.setdefault(dispatch.id, self._last)
        for rows in self._dispatches.values():
            self._row_bytes -= _dispatch_bytes(rows.pop(dispatch.id, None))
        self._dispatches[category_of(dispatch)][dispatch.id] = dispatch
        self._row_bytes += _dispatch_bytes(dispatch)

    def _put_request(self, request: Request) -> None:
        self._row_bytes -= _request_bytes(self._requests.pop(request.id, None))
        self._requests[request.id] = request
        self._row_bytes += _request_bytes(request)

    def _put_totals(self, process: str, totals: Totals) -> None:
        if totals.window != LIFE:
            long = self._totals.get((process, totals.kind, totals.key, block_of(totals.window)))
            if long is not None and long.seconds > totals.seconds:
                return  # it is final: this window is part of it
        self._totals[process, totals.kind, totals.key, totals.window] = _copy(totals)

    def _merge_windows(self, now: float) -> None:
        """Merge the next block of old windows, if one is due; blocks without windows take no time."""
        while (block := next_block(self._merged, now)) is not None:
            self._merged = block + LONG_SECONDS
            found = [place for place in self._totals if block <= place[3] < block + LONG_SECONDS]
            long: dict[TotalsKey, Totals] = {}
            for process, kind, key, window in found:
                totals = self._totals.pop((process, kind, key, window))
                empty = Totals(kind, key, block, seconds=LONG_SECONDS)
                long.setdefault((process, kind, key, block), empty).add(totals)
            self._totals.update(long)
            if found:
                return

    def _amend(self, amendment: Amendment) -> None:
        dispatch = self._find(amendment.dispatch_id)
        if dispatch is not None:
            self._put(amended(dispatch, amendment))

    def _settle(self, end: TransactionEnd) -> None:
        dispatch = self._find(end.dispatch_id)
        if dispatch is not None:
            self._put(settled(dispatch, end))

    def _find(self, dispatch_id: str) -> Dispatch | None:
        return next((rows[dispatch_id] for rows in self._dispatches.values() if dispatch_id in rows), None)

    def _add_up_ended(self, now: float) -> None:
        """Add up the oldest processes that have ended, if there are too many."""
        for process in surplus(self._processes.values(), now):
            target = sum_id(process)
            self._processes[target] = added(self._processes.get(target), process)
            del self._processes[process.id]
            for place in [place for place in self._totals if place[0] == process.id]:
                totals = self._totals.pop(place)
                _, kind, key, window = place
                self._totals.setdefault((target, kind, key, window), Totals(kind, key, window)).add(totals)

    def _prune(self, now: float) -> None:
        for process in list(self._processes.values()):
            if process.seen_at < now - PROCESSES_KEPT_SECONDS:
                del self._processes[process.id]
        kept = sorted(
            (process for process in self._processes.values() if process.id in self._registries),
            key=lambda process: -process.seen_at,  # those that run report every few seconds
        )
        self._registries = {process.id: self._registries[process.id] for process in kept[:MAX_REGISTRIES]}
        self._totals = {
            key: totals for key, totals in self._totals.items() if self._is_kept(key, now - WINDOWS_KEPT_SECONDS)
        }
        self._facts = {key: fact for key, fact in self._facts.items() if fact.last_at >= now - FACTS_KEPT_SECONDS}
        totals_bytes = sum(map(_totals_bytes, self._totals.values()))
        for rows, protected in deletions(self._max_bytes):
            if self._row_bytes + totals_bytes <= self._max_bytes:
                return
            if rows == "windows":
                totals_bytes = self._delete_windows(protected, self._max_bytes - self._row_bytes, totals_bytes)
            else:
                self._delete_rows(rows, protected, self._max_bytes - totals_bytes)

    def _delete_rows(self, rows: Rows, protected: int, allowed: int) -> None:
        """Delete the oldest of these rows until all rows are small enough, or only the protected ones are left."""
        found: dict[str, Any] = self._requests if rows == "requests" else self._dispatches[rows]
        for key in list(islice(found, max(0, len(found) - protected))):
            if self._row_bytes <= allowed:
                return
            row = found.pop(key)
            self._numbers.pop(key, None)
            self._row_bytes -= _request_bytes(row) if rows == "requests" else _dispatch_bytes(row)

    def _delete_windows(self, protected: int, allowed: int, totals_bytes: int) -> int:
        """Delete the oldest windows until the totals are small enough; answers how large they are then."""
        windows = sorted({window for *_, window in self._totals if window != LIFE})
        for oldest in windows[: max(0, len(windows) - protected)]:
            if totals_bytes <= allowed:
                break
            self._complete_since = max(self._complete_since, oldest + LONG_SECONDS)
            for key in [key for key in self._totals if key[3] == oldest]:
                totals_bytes -= _totals_bytes(self._totals.pop(key))
        return totals_bytes

    def _is_kept(self, key: TotalsKey, oldest: float) -> bool:
        process, _kind, _subject, window = key
        return process in self._processes and (window == LIFE or window >= oldest)

    def cursor(self) -> str:
        """The number of writes so far."""
        return str(self._changes)

    def dispatches(self, where: DispatchFilter, limit: int = 50) -> list[Dispatch]:
        """Stored dispatches that match, newest first."""
        newest_first = sorted(self._all(), key=lambda dispatch: dispatch.started_at, reverse=True)
        return list(islice((dispatch for dispatch in newest_first if is_match(dispatch, where)), limit))

    def arrivals(self, where: DispatchFilter, after: int, limit: int) -> list[tuple[int, Dispatch]]:
        """Those with a number above ``after`` that match, newest first."""
        with self._lock:
            found = [(self._numbers[key], row) for rows in self._dispatches.values() for key, row in rows.items()]
        newest_first = sorted((item for item in found if item[0] > after), key=itemgetter(0), reverse=True)
        return list(islice((item for item in newest_first if is_match(item[1], where)), limit))

    def last_arrival(self) -> int:
        """The number of the dispatch that was stored last."""
        return self._last

    def count(self, where: DispatchFilter) -> int:
        """How many stored dispatches match."""
        return sum(1 for dispatch in self._all() if is_match(dispatch, where))

    def _all(self) -> list[Dispatch]:
        with self._lock:
            return [dispatch for rows in self._dispatches.values() for dispatch in rows.values()]

    def tree(self, root_id: str, limit: int = 500) -> list[Dispatch]:
        """The stored dispatches under one outermost dispatch, in order of their start."""
        found = (dispatch for dispatch in self._all() if dispatch.root_id == root_id)
        return sorted(found, key=lambda dispatch: (dispatch.started_at, dispatch.depth))[:limit]

    def dispatch(self, dispatch_id: str) -> Dispatch | None:
        """One dispatch, or None if it is not stored."""
        with self._lock:
            return self._find(dispatch_id)

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
        with self._lock:
            everything = list(self._requests.values())
        least_ns = min_ns(slow_ms)
        found = (
            item
            for item in everything
            if item.duration_ns >= least_ns
            and matches(path, item.path)
            and matches(view, item.view_key)
            and is_before(item.started_at, before)
            and (processes is None or item.process in processes)
        )
        return sorted(found, key=lambda request: request.started_at, reverse=True)[:limit]

    def request(self, request_id: str) -> Request | None:
        """One request, or None if it is not stored."""
        return self._requests.get(request_id)

    def totals(
        self,
        kind: SubjectKind,
        since: float | None = None,
        key: str | None = None,
        processes: Sequence[str] | None = None,
    ) -> list[Totals]:
        """Totals per subject, since the start of the processes, or over the windows since a time."""
        return merged(self._rows(kind, since, key, processes))

    def history(
        self, kind: SubjectKind, key: str, since: float, processes: Sequence[str] | None = None
    ) -> list[Totals]:
        """One subject's totals window by window, oldest first."""
        rows = self._rows(kind, since, key, processes)
        windows = sorted({row.window for row in rows})
        return [merged(row for row in rows if row.window == window)[0] for window in windows]

    def _rows(
        self, kind: SubjectKind, since: float | None, key: str | None, processes: Sequence[str] | None
    ) -> list[Totals]:
        with self._lock:
            everything = [row for place, row in self._totals.items() if processes is None or place[0] in processes]
        return [
            row for row in everything if row.kind == kind and (key is None or row.key == key) and _is_in(row, since)
        ]

    def complete_since(self) -> float:
        """The time since which no window was deleted to make space."""
        return self._complete_since

    def processes(self) -> list[Process]:
        """The processes that have reported, newest report first."""
        with self._lock:
            return sorted(self._processes.values(), key=lambda process: process.seen_at, reverse=True)

    def registries(self) -> list[Registry]:
        """The newest registry of each process, newest first."""
        with self._lock:
            return sorted(self._registries.values(), key=lambda registry: -registry.taken_at)

    def bulk_operations(self) -> list[BulkOperation]:
        """Bulk operations of all processes, added up."""
        with self._lock:
            return added_facts(fact for fact in self._facts.values() if isinstance(fact, BulkOperation))

    def row_signals(self) -> list[RowSignals]:
        """What the signals of models said, of all processes, added up."""
        with self._lock:
            return added_facts(fact for fact in self._facts.values() if isinstance(fact, RowSignals))

    def orphan_sends(self) -> list[OrphanSends]:
        """Who sent signals that found no receiver, in all processes, added up."""
        with self._lock:
            return added_facts(fact for fact in self._facts.values() if isinstance(fact, OrphanSends))

    def clear(self) -> None:
        """Delete everything."""
        with self._lock:
            self._changes += 1
            self._forget()

    def close(self) -> None:
        """Nothing is open."""


def _is_in(row: Totals, since: float | None) -> bool:
    if since is None:
        return row.window == LIFE
    return row.window != LIFE and row.window + row.seconds > since


def _dispatch_bytes(dispatch: Dispatch | None) -> int:
    """About how much memory a dispatch takes; none for None."""
    if dispatch is None:
        return 0
    failures = [failure for failure in (dispatch.failure, *(call.failure for call in dispatch.calls)) if failure]
    frames = len(dispatch.stack) + sum(len(failure.traceback) for failure in failures)
    frames += sum(len(call.slow_stack) for call in dispatch.calls)
    messages = sum(len(failure.message or "") for failure in failures)
    return DISPATCH_BYTES + len(dispatch.sender) + CALL_BYTES * len(dispatch.calls) + FRAME_BYTES * frames + messages


def _request_bytes(request: Request | None) -> int:
    """About how much memory a request takes; none for None."""
    if request is None:
        return 0
    frames = len(request.failure.traceback) if request.failure is not None else 0
    return REQUEST_BYTES + len(request.path) + SUM_BYTES * len(request.receivers) + FRAME_BYTES * frames


def _totals_bytes(totals: Totals) -> int:
    return TOTALS_BYTES + BUCKET_BYTES * len(totals.buckets)


def _copy(totals: Totals) -> Totals:
    """A copy, because the writer goes on counting in the original."""
    (copied,) = merged([totals])
    return copied
