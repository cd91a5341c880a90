"""Batches for the store, and so for the dashboards of other processes."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

from signal_monitor.instrumentation.plans import Record
from signal_monitor.instrumentation.traces import DispatchTrace
from signal_monitor.process import Presence, ThisProcess
from signal_monitor.records import Dispatch, Fold, RunningCall
from signal_monitor.stores.base import Batch, Store, StoreError

from .base import BaseObserver

FLUSH_SECONDS = 0.25
HEARTBEAT_SECONDS = 2.0
COMPLAIN_SECONDS = 60.0

logger = logging.getLogger("signal_monitor")


class Spool(BaseObserver):
    """Collects what the other observers want stored, and writes it at most once every FLUSH_SECONDS.

    A batch that the store refuses is lost: its records are counted as dropped, its totals come again with the next one.
    """

    def __init__(
        self,
        process: ThisProcess,
        store: Store,
        sources: Sequence[BaseObserver],
        running: Callable[[], tuple[RunningCall, ...]],
    ) -> None:
        self._process = process
        self._store = store
        self._sources = sources
        self._running = running
        self._were_running = False
        self._written_at = 0.0
        self._complained_at = float("-inf")

    def observe(self, dispatch: Dispatch, trace: DispatchTrace | None) -> None:
        """Count the dispatch; the other observers keep it."""
        self._process.dispatches += 1

    def fold(self, fold: Fold, records: Sequence[Record]) -> None:
        """Count the dispatches."""
        self._process.dispatches += len(records)

    def tick(self) -> None:
        """Write when it is time and there is something to say."""
        if time.monotonic() - self._written_at >= FLUSH_SECONDS:
            self._write(only_news=True)

    def flush(self) -> None:
        """Write now."""
        self._write(only_news=False)

    def end(self) -> None:
        """Write for the last time, and say that the process has ended."""
        self._write(only_news=False, ended=True)

    def forget(self) -> None:
        """Be another process's spool."""
        self._process.renew()
        self._written_at = 0.0

    def _write(self, *, only_news: bool, ended: bool = False) -> None:
        running = self._running()
        batch = Batch(process=self._process.describe(running, ended=ended))
        for source in self._sources:
            source.fill(batch)
        now = time.monotonic()
        news = bool(batch.dispatches or batch.amendments or batch.requests or batch.totals or running)
        due = news or self._were_running or now - self._written_at >= HEARTBEAT_SECONDS
        absent = not self._process.dispatches and not running and not Presence.serves_pages
        if absent or (only_news and not due):
            return
        self._written_at, self._were_running = now, bool(running)
        try:
            self._store.write(batch)
        except StoreError as error:
            self._process.drop("store", len(batch.dispatches) + len(batch.amendments) + len(batch.requests))
            for source in self._sources:
                source.refused(batch)
            self._complain(error)

    def _complain(self, error: StoreError) -> None:
        if time.monotonic() - self._complained_at >= COMPLAIN_SECONDS:
            self._complained_at = time.monotonic()
            logger.warning("Signal records are not stored: %s", error)
