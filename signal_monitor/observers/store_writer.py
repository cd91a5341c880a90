"""Writes batches of records to the store, where the dashboards of all processes read them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from signal_monitor.errors import attempt, done_for_each
from signal_monitor.instrumentation.current import Record
from signal_monitor.instrumentation.hooks import DispatchSpans
from signal_monitor.pipeline.process import Presence, ThisProcess
from signal_monitor.records import Aggregate, Dispatch, OriginKind, Process, Request, RunningCall
from signal_monitor.stores import store_now
from signal_monitor.stores.base import Batch, Store, StoreError

from .base import BaseObserver

WRITE_SECONDS = 0.25
HEARTBEAT_SECONDS = 2.0
WARNING_SECONDS = 60.0
TRIES_AT_END = 3

T = TypeVar("T")
logger = logging.getLogger("signal_monitor")


class StoreWriter(BaseObserver):
    """Collects what the other observers store, and writes it at most once every WRITE_SECONDS.

    The records of a batch that the store refuses are lost and counted as dropped; its totals are in the next one.
    """

    ends_alone = True

    def __init__(
        self,
        process: ThisProcess,
        store: Store,
        sources: Sequence[BaseObserver],
        running: Callable[[], tuple[RunningCall, ...]],
        running_requests: Callable[[], tuple[Request, ...]] = tuple,
    ) -> None:
        self._process = process
        self._store = store
        self._sources = [source for source in sources if not source.fills_last]
        self._last_sources = [source for source in sources if source.fills_last]
        self._running = running
        self._running_requests = running_requests
        self._were_running = False
        self._written_at = 0.0
        self._warned_at = float("-inf")

    def observe(self, dispatch: Dispatch, spans: DispatchSpans | None) -> None:
        """Count the dispatch."""
        self._process.dispatches += 1
        self.in_hand += 1
        self._process.serves = self._process.serves or _is_served(dispatch.origin_kind)

    def aggregate(self, aggregate: Aggregate, records: Sequence[Record]) -> None:
        """Count the dispatches."""
        self._process.dispatches += len(records)
        self.in_hand += len(records)

    def tick(self) -> None:
        """Write if it is time and there is anything to write."""
        if time.monotonic() - self._written_at >= WRITE_SECONDS:
            self._write(only_new=True)

    def flush(self) -> None:
        """Write now."""
        self._write(only_new=False)

    def end(self) -> None:
        """Write for the last time, and mark the process as ended; again if the file is busy, as others end too."""
        for _ in range(TRIES_AT_END):
            self._write(only_new=False, ended=True)
            if not self.in_hand:
                return

    def forget(self) -> None:
        """Start again in a forked child, as another process."""
        self._process.renew()
        self._written_at, self.in_hand = 0.0, 0

    def _write(self, *, only_new: bool, ended: bool = False) -> None:
        running, requests = (
            _or_none("running calls", self._running),
            _or_none("running requests", self._running_requests),
        )
        # Before its first dispatch has ended, which may hang.
        self._process.serves = self._process.serves or any(_is_served(call.origin_kind) for call in running)
        batch = self._filled(self._sources, self._process.describe(running, requests, ended=ended))
        now = time.monotonic()
        is_new = _has_records(batch) or bool(running or requests)
        is_due = is_new or self._were_running or now - self._written_at >= HEARTBEAT_SECONDS
        is_used = self._process.dispatches or self._process.dropped or running or requests
        if not is_used and not Presence.serves_pages:
            return
        if is_due or not only_new:
            self._were_running = bool(running or requests)
            self._store_batch(batch)
        if self._last_sources:
            last = self._filled(self._last_sources, batch.process)
            if _has_records(last):
                self._store_batch(last)

    def _filled(self, sources: Sequence[BaseObserver], process: Process) -> Batch:
        batch = Batch(process=process)
        try:
            for source in sources:
                attempt(type(source).__name__, "fill", source.fill, batch)
        except BaseException:  # an interruption of the application's
            self._refused(batch)
            raise
        return batch

    def _store_batch(self, batch: Batch) -> None:
        self._written_at = time.monotonic()
        try:
            store_now(self._store).write(batch)
        except StoreError as error:
            self._refused(batch)
            self._warn(error)
        except Exception:
            self._refused(batch)
            raise
        else:
            self.in_hand = 0

    def _refused(self, batch: Batch) -> None:
        self._process.drop("store", len(batch.dispatches) + len(batch.amendments) + len(batch.requests))
        for source in (*self._sources, *self._last_sources):
            attempt(type(source).__name__, "refused", source.refused, batch)

    def _warn(self, error: StoreError) -> None:
        if time.monotonic() - self._warned_at >= WARNING_SECONDS:
            self._warned_at = time.monotonic()
            logger.warning("Signal records are not stored: %s", error)


def _or_none(what: str, ask: Callable[[], tuple[T, ...]]) -> tuple[T, ...]:
    """What a function returns; nothing if it raises, so that the rest is stored."""
    return next(iter(done_for_each(what, lambda function: function(), [ask])), ())


def _is_served(origin: OriginKind | None) -> bool:
    return origin in {"request", "task"}


def _has_records(batch: Batch) -> bool:
    found = [batch.dispatches, batch.amendments, batch.requests, batch.totals, batch.transaction_ends, batch.facts]
    return batch.registry is not None or any(map(bool, found))
