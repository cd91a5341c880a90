"""Takes the registry of the process for the store: once, and again when connections have changed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

from django.apps import apps

from signal_monitor.instrumentation.connect_notes import connecting
from signal_monitor.instrumentation.current import Record
from signal_monitor.instrumentation.hooks import DispatchSpans
from signal_monitor.pipeline.process import Presence, ThisProcess
from signal_monitor.records import Aggregate, Dispatch
from signal_monitor.registry.records import Registry
from signal_monitor.registry.snapshot import fingerprint, take_registry
from signal_monitor.stores.base import Batch

from .base import BaseObserver

AT_MOST_EVERY_SECONDS = 2.0
LOOK_SECONDS = 10.0
"""After this time, it is taken again if receivers were added or removed without ``connect`` and ``disconnect``."""
SENDERS_SECONDS = 60.0
"""After this time, it is taken again if there are new senders."""
COST_RATIO = 100
"""It is not taken again for so many times the processor time that it took: a hundredth of a processor at most."""
MAX_SIGNALS = 500
MAX_SENDERS = 50
OTHER = "(other)"


class RegistryObserver(BaseObserver):
    """Sees who sends each signal, and stores what is connected when that has changed."""

    fills_last = True

    def __init__(self, process: ThisProcess) -> None:
        self._process = process
        self._begin(not_before=0.0)

    def forget(self) -> None:
        """Start again in a forked child, as another process: one that ends soon has what its parent has."""
        self._begin(not_before=time.monotonic() + AT_MOST_EVERY_SECONDS)

    def _begin(self, *, not_before: float) -> None:
        self._senders: dict[str, dict[str, int]] = {}
        self._stored: Registry | None = None
        self._changes = self._fingerprint = -1
        self._new_senders = self._is_flushing = False
        self._taken_at = self._looked_at = 0.0
        self._not_before = not_before

    def observe(self, dispatch: Dispatch, spans: DispatchSpans | None) -> None:
        """Count the sender."""
        self._count(dispatch.signal, dispatch.sender, 1)

    def aggregate(self, aggregate: Aggregate, records: Sequence[Record]) -> None:
        """Count the sender."""
        self._count(aggregate.signal, aggregate.sender, aggregate.durations.count)

    def _count(self, signal: str, sender: str, number: int) -> None:
        senders = self._senders.get(signal)
        if senders is None:
            if len(self._senders) >= MAX_SIGNALS:
                return
            senders = self._senders[signal] = {}
        if sender not in senders:
            self._new_senders = True
            if len(senders) >= MAX_SENDERS:
                sender = OTHER
        senders[sender] = senders.get(sender, 0) + number

    def flush(self) -> None:
        """Take it with the next batch if anything has changed."""
        self._is_flushing = True

    def end(self) -> None:
        """Take it for the last time if anything has changed, whatever it costs: short processes are taken once only."""
        self._is_flushing, self._not_before = True, 0.0
        self._taken_at -= SENDERS_SECONDS

    def fill(self, batch: Batch) -> None:
        """Store the registry if it is another one than before."""
        if not apps.ready or not (self._process.dispatches or Presence.serves_pages):
            return
        now = time.monotonic()
        changes = connecting.changes
        if now < self._not_before or not self._is_due(now, changes):
            return
        self._is_flushing, began = False, time.thread_time()
        registry = take_registry(self._process.id, self._senders)
        self._changes, self._taken_at, self._new_senders = changes, now, False
        self._fingerprint, self._looked_at = fingerprint(), now
        self._not_before = time.monotonic() + COST_RATIO * (time.thread_time() - began)
        if self._stored is None or replace(registry, taken_at=self._stored.taken_at) != self._stored:
            batch.registry = self._stored = registry

    def _is_due(self, now: float, changes: int) -> bool:
        if self._stored is None:
            return True
        since = now - self._taken_at
        if not self._is_flushing and since < AT_MOST_EVERY_SECONDS:
            return False
        if changes != self._changes or (self._new_senders and since >= SENDERS_SECONDS):
            return True
        return self._has_been_edited(now)

    def _has_been_edited(self, now: float) -> bool:
        """Whether somebody has edited ``Signal.receivers``; looked at seldom."""
        if now - self._looked_at < LOOK_SECONDS and not self._is_flushing:
            return False
        self._is_flushing = False
        self._looked_at, before = now, self._fingerprint
        self._fingerprint = fingerprint()
        return self._fingerprint != before

    def refused(self, batch: Batch) -> None:
        """Store it with the next batch."""
        if batch.registry is not None:
            self._stored = None
