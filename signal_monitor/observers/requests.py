"""Records of requests: what each one spent in signals, computed when it has ended."""

from __future__ import annotations

import time
from dataclasses import replace
from time import perf_counter

from signal_monitor.database.notes import DatabaseNotes
from signal_monitor.database.summary import NO_WORK, Clock, long_statements, long_transactions, request_work
from signal_monitor.errors import done_for_each
from signal_monitor.instrumentation.current import Origin
from signal_monitor.instrumentation.hooks import hooks
from signal_monitor.pipeline.process import ThisProcess
from signal_monitor.pipeline.request_origin import RequestOrigin, RequestTotals, add_up, running_requests
from signal_monitor.pipeline.running_calls import NOTABLE_NS
from signal_monitor.pipeline.stacks import failure
from signal_monitor.records import Request
from signal_monitor.scrubbing import scrub
from signal_monitor.stores.base import Batch

from .base import BaseObserver
from .sampling import Sampler

RUNNING_RATIO = 50
"""A running request is added up again after so many times the time that it took."""
MAX_RUNNING = 20
"""Running requests that a process reports."""
MAX_RECEIVERS_RUNNING = 10
MAX_RECEIVERS = 50
"""Receivers whose sums are stored with a request: those with the most own time."""


class Requests(BaseObserver):
    """Makes records of the slow and failing requests and of a sample of the rest; the totals count all of them.

    ``slow_ns`` is the duration from which a request is slow; with None, none is.
    """

    def __init__(self, process: ThisProcess, slow_ns: int | None, sample_per_second: int) -> None:
        self._process = process
        self._slow_ns = slow_ns
        self._sampler = Sampler(sample_per_second)
        self._ended: list[Request] = []
        self._so_far: dict[str, tuple[Request, float]] = {}

    def close(self, origin: Origin) -> None:
        """Make the record of a request that has ended, if it is one of those that are stored."""
        if not isinstance(origin, RequestOrigin):
            return
        self._process.serves = True
        slow = self._slow_ns is not None and origin.duration_ns >= self._slow_ns
        if slow or origin.failed or _is_notable(origin) or self._sampler.take():
            self._ended.append(self._record(origin, origin.add_up()))
        origin.database_notes = None

    @property
    def _clock(self) -> Clock:
        epoch = time.time() - perf_counter()
        return Clock(self._process.id, lambda reading: epoch + reading)

    def _record(self, origin: RequestOrigin, totals: RequestTotals, *, running: bool = False) -> Request:
        most = MAX_RECEIVERS_RUNNING if running else MAX_RECEIVERS
        notes: DatabaseNotes | None = origin.database_notes
        counted, clock = hooks.counts_queries, self._clock
        work = request_work(notes, origin.ended or perf_counter(), clock) if notes is not None else NO_WORK
        return Request(
            id=origin.id,
            method=origin.method,
            path=scrub(origin.path),
            started_at=origin.started_at,
            duration_ns=origin.duration_ns,
            status=origin.status,
            view=origin.view,
            signal_ns=totals.signal_ns,
            dispatch_count=totals.dispatch_count,
            receiver_count=totals.receiver_count,
            failed_count=totals.failed_count,
            slow_count=totals.slow_count,
            process=self._process.id,
            trace_id=origin.trace_id,
            span_id=origin.span_id,
            outside=dict(totals.outside),
            after_count=totals.after_count,
            after_receivers=totals.after_receivers,
            after_ns=totals.after_ns,
            summed_count=totals.summed_count,
            receivers=tuple(totals.receivers[:most]),
            receivers_left_out=max(0, len(totals.receivers) - most),
            running=running,
            failure=failure(origin.failure),
            databases=work.databases,
            mails=work.mails if counted else None,
            tasks=work.tasks if counted else None,
            transactions=long_transactions(notes, clock) if notes is not None else (),
            statements=long_statements(notes, clock) if notes is not None else (),
            worst_span_id=totals.worst_span_id,
        )

    def running(self) -> tuple[Request, ...]:
        """The requests that have been running for a while, the longest first, with their numbers so far."""
        origins = [origin for origin in running_requests() if origin.duration_ns >= NOTABLE_NS][:MAX_RUNNING]
        known = {origin.id for origin in origins}
        self._so_far = {key: value for key, value in self._so_far.items() if key in known}
        return tuple(done_for_each("a running request", self._record_so_far, origins))

    def _record_so_far(self, origin: RequestOrigin) -> Request:
        """The record of a running request; adding it up again and again takes a bounded share of the worker's time."""
        began = time.monotonic()
        request, again_at = self._so_far.get(origin.id, (None, 0.0))
        if request is not None and began < again_at:
            return replace(request, duration_ns=origin.duration_ns, status=origin.status)
        request = self._record(origin, add_up(origin), running=True)
        self._so_far[origin.id] = request, began + (time.monotonic() - began) * RUNNING_RATIO
        return request

    def fill(self, batch: Batch) -> None:
        """Store the requests that ended since the last batch."""
        batch.requests, self._ended = self._ended, []

    def forget(self) -> None:
        """Start again in a forked child."""
        self._ended = []


def _is_notable(origin: RequestOrigin) -> bool:
    """Whether one of its receiver calls was slow or has failed: plain dispatches were not, and have not."""
    if origin.plain_dispatches() is not None:
        return False
    totals = origin.add_up()
    return bool(totals.failed_count or totals.slow_count)
