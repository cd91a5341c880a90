"""Totals and histograms per subject, such as a receiver: since the start of the process, and by minute."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import get_args

from signal_monitor.histograms import bucket_of, merge
from signal_monitor.instrumentation.current import Origin, Record
from signal_monitor.instrumentation.hooks import DispatchSpans
from signal_monitor.pipeline.request_origin import RequestOrigin, TimedOrigin, Waited
from signal_monitor.pipeline.stacks import failure
from signal_monitor.records import (
    Aggregate,
    Amendment,
    Dispatch,
    Durations,
    Failure,
    ReceiverCall,
    Severity,
    SubjectKind,
)
from signal_monitor.scrubbing import scrub
from signal_monitor.stores.base import LIFE, WINDOW_SECONDS, Batch, Totals
from signal_monitor.stores.filters import REQUEST_SIGNALS

from .base import BaseObserver
from .parts import Parts, Spent, spent_by
from .plain_requests import HeldRequests

MAX_SUBJECTS = 2_000
OTHER = "(other)"
"""The subject that counts all those beyond MAX_SUBJECTS of a kind."""

Key = tuple[SubjectKind, str, int]


class TotalsObserver(BaseObserver):
    """Counts every dispatch; totals are cumulative, so the next batch replaces one that was lost."""

    def __init__(self, request_slow_ns: int | None = None) -> None:
        self._request_slow_ns = request_slow_ns
        self.forget()

    def forget(self) -> None:
        """Start again in a forked child; these totals belong to the parent process."""
        self._totals: dict[Key, Totals] = {}
        self._changed: set[Key] = set()
        self._oldest = 0
        self._held = HeldRequests()
        self._subjects: dict[SubjectKind, set[str]] = {kind: set() for kind in get_args(SubjectKind)}

    def observe(self, dispatch: Dispatch, spans: DispatchSpans | None) -> None:
        """Count a dispatch for its signal and sender, and its calls for their receivers."""
        # Counted when it ends: the window in which it began may be over, and deleted.
        ended_at = dispatch.started_at + dispatch.duration_ns / 1e9
        failing = dispatch.failure or next((call.failure for call in dispatch.calls if call.failure), None)
        subjects: tuple[tuple[SubjectKind, str], ...] = (("signal", dispatch.signal), ("sender", dispatch.sender))
        receivers_ns, parts = dispatch.receivers_ns, Parts.of(dispatch)
        for kind, key in subjects:
            for totals in self._both(kind, key, ended_at):
                self._add(totals, receivers_ns, dispatch.severity, ended_at)
                parts.add_to(totals)
                if failing is not None:
                    _note_failure(totals, failing, ended_at, dispatch.id)
        for call in dispatch.calls:
            if call.outcome != "late":  # it still runs, and is counted when it ends
                self._add_call(call, dispatch.id, ended_at, dispatch.signal)

    def aggregate(self, aggregate: Aggregate, records: Sequence[Record]) -> None:
        """Count routine dispatches that were added up."""
        subjects: tuple[tuple[SubjectKind, str], ...] = (("signal", aggregate.signal), ("sender", aggregate.sender))
        for kind, key in subjects:
            for totals in self._both(kind, key, aggregate.ended_at):
                _add_all(totals, aggregate.durations, aggregate.ended_at)
                totals.self_ns -= aggregate.nested_ns  # it is counted for the dispatches inside this one
                totals.other_ns += aggregate.logging_ns
                totals.total_ns += aggregate.logging_ns - aggregate.nested_ns
                _note_failures(totals, aggregate.failing, aggregate)
        for calls in aggregate.calls:
            for totals in self._both("receiver", calls.receiver, aggregate.ended_at):
                totals.app, totals.path, totals.line = calls.app, calls.path, calls.line
                totals.not_run += calls.not_run
                if not calls.durations.count:
                    continue
                _add_all(totals, calls.durations, aggregate.ended_at)
                totals.total_ns += calls.nested_ns
                _note_failures(totals, calls.failure, aggregate)
                totals.request_calls += calls.durations.count * (aggregate.signal in REQUEST_SIGNALS)
                totals.blocking += calls.durations.count

    def amend(self, amendment: Amendment, call: ReceiverCall) -> None:
        """Count a late call, whose duration is known now."""
        now = time.time()
        if amendment.makes_slow or amendment.makes_failed:
            self._amend_dispatch(amendment, now)
        self._add_call(call, amendment.dispatch_id, now, amendment.signal)
        if amendment.replaces == "not_run":
            for totals in self._both("receiver", call.receiver, now):
                totals.not_run = max(0, totals.not_run - 1)

    def _amend_dispatch(self, amendment: Amendment, now: float) -> None:
        """Count a dispatch as slow or failed since its late call has ended."""
        for totals in (*self._both("signal", amendment.signal, now), *self._both("sender", amendment.sender, now)):
            totals.slow += amendment.makes_slow
            if amendment.makes_failed and amendment.failure is not None:
                _note_failure(totals, amendment.failure, now, amendment.dispatch_id)

    def close(self, origin: Origin) -> None:
        """Count a request for its view, or a run of a task or command, whether or not it sent anything."""
        if not isinstance(origin, TimedOrigin) or (origin.kind == "command" and self._serves):
            return
        duration_ns, ended_at = origin.duration_ns, origin.started_at + origin.duration_ns / 1e9
        slow = origin.kind == "request" and self._request_slow_ns is not None and duration_ns >= self._request_slow_ns
        failed, summary = origin.failed, _summary(origin)
        if isinstance(origin, RequestOrigin) and not slow and not failed and self._hold(origin, ended_at):
            return
        spent = self._spent() if origin.kind == "command" else spent_by(origin.add_up())
        if origin.kind == "request":
            self._add_waited(origin.add_up().waited, ended_at)
        durations = Durations(1, duration_ns, duration_ns, {bucket_of(duration_ns): 1})
        for totals in self._both(origin.subject, scrub(origin.key), ended_at):
            _add_origins(totals, durations, spent)
            totals.slow += slow
            totals.last_at = max(ended_at, totals.last_at or 0)
            if failed:
                totals.failures += 1
                totals.last_failure, totals.last_failure_at = summary, ended_at
                totals.last_failure_dispatch = origin.id

    def _hold(self, origin: RequestOrigin, ended_at: float) -> bool:
        """Count a request later, with others of its view; False where it has more than plain dispatches."""
        records = origin.plain_dispatches()
        if records is None:
            return False
        self._held.add(origin.key, origin.duration_ns, ended_at, records)
        if self._held.are_many:
            self._count_held()
        return True

    def _count_held(self) -> None:
        for view, requests in self._held.take():
            durations, waited = requests.durations, requests.waited()
            spent = Spent(sum(one.own_ns for one in waited.values()), 0, 0)
            self._add_waited(waited, requests.last_at)
            for totals in self._both("view", scrub(view), requests.last_at):
                _add_origins(totals, durations, spent)
                totals.last_at = max(requests.last_at, totals.last_at or 0)

    @property
    def _serves(self) -> bool:
        """Whether this process has worked for requests or tasks: the command that runs it is a server or worker."""
        return bool(self._held or self._subjects["view"] or self._subjects["task"])

    def _spent(self) -> Spent:
        """What all dispatches of this process have taken."""
        of_all = [row for (_kind, _key, window), row in self._totals.items() if window == LIFE]
        signals = [row for row in of_all if row.kind == "signal"]
        return Spent(
            receivers_ns=sum(row.self_ns for row in of_all if row.kind == "receiver"),
            waiting_ns=sum(row.waiting_ns for row in signals),
            other_ns=sum(row.other_ns for row in signals),
        )

    def _add_waited(self, waited: Mapping[str, Waited], at: float) -> None:
        """Count the time that a request waited for receivers."""
        for receiver, (calls, own_ns) in waited.items():
            for totals in self._both("receiver", receiver, at):
                totals.waited_count += calls
                totals.waited_ns += own_ns

    def _add_call(self, call: ReceiverCall, dispatch_id: str, at: float, signal: str) -> None:
        self_ns = call.self_ns
        for totals in self._both("receiver", call.receiver, at):
            totals.app, totals.path, totals.line = call.app, call.path, call.line
            if call.outcome == "not_run":
                totals.not_run += 1
                continue
            self._add(totals, self_ns, call.severity, at)
            totals.self_ns += self_ns
            totals.request_calls += signal in REQUEST_SIGNALS
            totals.total_ns += max(0, call.duration_ns - call.repeated_ns)
            totals.blocking += not call.is_async
            if call.failure is not None and call.failed:
                _note_failure(totals, call.failure, at, dispatch_id)

    def _add(self, totals: Totals, duration_ns: int, severity: Severity, at: float) -> None:
        totals.count += 1
        totals.receivers_ns += duration_ns
        totals.max_ns = max(totals.max_ns, duration_ns)
        totals.slow += severity != "normal"
        totals.last_at = max(at, totals.last_at or 0)
        bucket = bucket_of(duration_ns)
        totals.buckets[bucket] = totals.buckets.get(bucket, 0) + 1

    def _both(self, kind: SubjectKind, key: str, at: float) -> tuple[Totals, Totals]:
        """The totals of a subject since the start of the process, and those of the window of a time."""
        known = self._subjects[kind]
        if key not in known:
            if len(known) >= MAX_SUBJECTS:
                key = OTHER
            known.add(key)
        # A window that was deleted here would begin anew, and replace the one in the store.
        window = max(int(at) // WINDOW_SECONDS * WINDOW_SECONDS, self._oldest)
        return self._get(kind, key, LIFE), self._get(kind, key, window)

    def _get(self, kind: SubjectKind, key: str, window: int) -> Totals:
        place = (kind, key, window)
        totals = self._totals.get(place)
        if totals is None:
            totals = self._totals[place] = Totals(kind=kind, key=key, window=window)
        self._changed.add(place)
        return totals

    def refused(self, batch: Batch) -> None:
        """Store the totals of a refused batch with the next one."""
        self._changed.update((row.kind, row.key, row.window) for row in batch.totals if self._is_kept(row))

    def _is_kept(self, row: Totals) -> bool:
        return (row.kind, row.key, row.window) in self._totals

    def fill(self, batch: Batch) -> None:
        """Store the totals that have changed since the last batch, and delete those of past windows."""
        self._count_held()
        batch.totals = [self._totals[place] for place in self._changed]
        self._changed.clear()
        self._oldest = (int(time.time()) // WINDOW_SECONDS - 2) * WINDOW_SECONDS
        for place in [place for place in self._totals if LIFE != place[2] < self._oldest]:
            del self._totals[place]


def _add_all(totals: Totals, durations: Durations, at: float) -> None:
    totals.count += durations.count
    totals.total_ns += durations.total_ns
    totals.self_ns += durations.total_ns
    totals.receivers_ns += durations.total_ns
    totals.max_ns = max(totals.max_ns, durations.max_ns)
    totals.last_at = max(at, totals.last_at or 0)
    merge(totals.buckets, durations.buckets)


def _add_origins(totals: Totals, durations: Durations, spent: Spent) -> None:
    """Count the time of requests, tasks or commands, in signals and outside them."""
    totals.count += durations.count
    totals.total_ns += durations.total_ns
    totals.receivers_ns += spent.receivers_ns
    totals.waiting_ns += spent.waiting_ns
    totals.other_ns += spent.other_ns
    totals.self_ns += max(0, durations.total_ns - sum(spent))
    totals.max_ns = max(totals.max_ns, durations.max_ns)
    merge(totals.buckets, durations.buckets)


def _summary(origin: TimedOrigin) -> str | None:
    """What a request failed with: the exception or, where the view has answered itself, the status."""
    if not origin.failed:
        return None
    raised = failure(origin.failure)
    if raised is not None:
        return raised.summary
    return f"answered with {origin.status}" if isinstance(origin, RequestOrigin) else None


def _note_failures(totals: Totals, failure: Failure | None, aggregate: Aggregate) -> None:
    """Count failures of which others are recorded: the last one of these is the dispatch to look at."""
    if failure is not None:
        totals.failures += aggregate.durations.count
        totals.last_failure, totals.last_failure_at = failure.summary, aggregate.ended_at


def _note_failure(totals: Totals, failure: Failure, at: float, dispatch_id: str) -> None:
    totals.failures += 1
    totals.last_failure, totals.last_failure_at, totals.last_failure_dispatch = failure.summary, at, dispatch_id
