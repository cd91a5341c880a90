"""A store in this process's memory: for tests and for sites of one process."""

from __future__ import annotations

import threading
from itertools import islice
from typing import TypeVar

from signal_monitor.conf import get_config
from signal_monitor.records import Amendment, Dispatch, Process, Request, SubjectKind
from signal_monitor.stores.base import LIFE, WINDOW_SECONDS, Batch, Store, Totals, merged
from signal_monitor.stores.filters import DispatchFilter, is_before, is_match, matches, min_ns
from signal_monitor.stores.retention import (
    PROCESSES_KEPT_SECONDS,
    RINGS,
    WINDOWS_KEPT_SECONDS,
    Ring,
    amended,
    ring_of,
)

T = TypeVar("T")

TotalsKey = tuple[str, SubjectKind, str, int]
"""Process, kind, key and window."""


class MemoryStore(Store):
    """Keeps what this process wrote until it ends."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._changes = 0
        self._forget()

    def _forget(self) -> None:
        self._rings: dict[Ring, dict[str, Dispatch]] = {ring: {} for ring in RINGS}
        self._requests: dict[str, Request] = {}
        self._totals: dict[TotalsKey, Totals] = {}
        self._processes: dict[str, Process] = {}

    @property
    def location(self) -> str:
        """This process: there is no file."""
        return "this process"

    def write(self, batch: Batch) -> None:
        """Store a batch, and announce its process."""
        with self._lock:
            self._changes += 1
            self._processes[batch.process.id] = batch.process
            for dispatch in batch.dispatches:
                self._put(dispatch)
            for amendment in batch.amendments:
                self._amend(amendment)
            self._requests.update((request.id, request) for request in batch.requests)
            for totals in batch.totals:
                self._totals[batch.process.id, totals.kind, totals.key, totals.window] = _copy(totals)
            self._prune(batch.process.seen_at)

    def _put(self, dispatch: Dispatch) -> None:
        for ring in self._rings.values():
            ring.pop(dispatch.id, None)
        self._rings[ring_of(dispatch)][dispatch.id] = dispatch

    def _amend(self, amendment: Amendment) -> None:
        dispatch = self._find(amendment.dispatch_id)
        if dispatch is not None:
            self._put(amended(dispatch, amendment))

    def _find(self, dispatch_id: str) -> Dispatch | None:
        return next((ring[dispatch_id] for ring in self._rings.values() if dispatch_id in ring), None)

    def _prune(self, now: float) -> None:
        size = get_config().HISTORY_SIZE
        for ring in self._rings.values():
            _trim(ring, size)
        _trim(self._requests, size)
        for process in list(self._processes.values()):
            if process.seen_at < now - PROCESSES_KEPT_SECONDS:
                del self._processes[process.id]
        self._totals = {
            key: totals for key, totals in self._totals.items() if self._is_kept(key, now - WINDOWS_KEPT_SECONDS)
        }

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

    def _all(self) -> list[Dispatch]:
        with self._lock:
            return [dispatch for ring in self._rings.values() for dispatch in ring.values()]

    def tree(self, root_id: str, limit: int = 500) -> list[Dispatch]:
        """The stored dispatches under one outermost dispatch, in order of their start."""
        found = (dispatch for dispatch in self._all() if dispatch.root_id == root_id)
        return sorted(found, key=lambda dispatch: (dispatch.started_at, dispatch.depth))[:limit]

    def dispatch(self, dispatch_id: str) -> Dispatch | None:
        """One dispatch, or None if it is not there."""
        with self._lock:
            return self._find(dispatch_id)

    def requests(self, limit: int = 50, *, path: str = "", slow_ms: float = 0.0, before: float = 0.0) -> list[Request]:
        """Stored requests, newest first."""
        with self._lock:
            everything = list(self._requests.values())
        least_ns = min_ns(slow_ms)
        found = (
            item
            for item in everything
            if item.duration_ns >= least_ns and matches(path, item.path) and is_before(item.started_at, before)
        )
        return sorted(found, key=lambda request: request.started_at, reverse=True)[:limit]

    def request(self, request_id: str) -> Request | None:
        """One request, or None if it is not there."""
        return self._requests.get(request_id)

    def totals(self, kind: SubjectKind, since: float | None = None, key: str | None = None) -> list[Totals]:
        """Totals per subject, over the processes' lives or over the windows since a time."""
        return merged(self._rows(kind, since, key))

    def history(self, kind: SubjectKind, key: str, since: float) -> list[Totals]:
        """One subject's totals window by window, oldest first."""
        rows = self._rows(kind, since, key)
        windows = sorted({row.window for row in rows})
        return [merged(row for row in rows if row.window == window)[0] for window in windows]

    def _rows(self, kind: SubjectKind, since: float | None, key: str | None) -> list[Totals]:
        with self._lock:
            everything = list(self._totals.values())
        return [
            row
            for row in everything
            if row.kind == kind and (key is None or row.key == key) and _is_in(row.window, since)
        ]

    def processes(self) -> list[Process]:
        """The processes that have reported, newest report first."""
        with self._lock:
            return sorted(self._processes.values(), key=lambda process: process.seen_at, reverse=True)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._changes += 1
            self._forget()

    def close(self) -> None:
        """Nothing to let go of."""


def _is_in(window: int, since: float | None) -> bool:
    if since is None:
        return window == LIFE
    return window != LIFE and window + WINDOW_SECONDS > since


def _trim(ring: dict[str, T], size: int) -> None:
    for key in list(islice(ring, max(0, len(ring) - size))):
        del ring[key]


def _copy(totals: Totals) -> Totals:
    """A copy of our own: the writer goes on counting in its."""
    (copied,) = merged([totals])
    return copied
