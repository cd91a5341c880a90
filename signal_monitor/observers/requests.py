"""Records of requests: what each one spent in signals, computed when it has ended."""

from __future__ import annotations

from signal_monitor.instrumentation.current import Origin
from signal_monitor.pipeline.process import ThisProcess
from signal_monitor.pipeline.request_origin import RequestOrigin, add_up
from signal_monitor.records import Request
from signal_monitor.scrubbing import scrub
from signal_monitor.stores.base import Batch

from .base import BaseObserver
from .sampling import Sampler


class Requests(BaseObserver):
    """Makes a record of every request that ended; stores the slow and failing ones and a sample of the rest.

    ``slow_ns`` is the duration from which a request is slow; with None, none is.
    """

    def __init__(self, process: ThisProcess, slow_ns: int | None, sample_per_second: int) -> None:
        self._process = process
        self._slow_ns = slow_ns
        self._sampler = Sampler(sample_per_second)
        self._ended: list[Request] = []

    def close(self, origin: Origin) -> None:
        """Make the record of a request that has ended."""
        if not isinstance(origin, RequestOrigin):
            return
        request = self._record(origin)
        origin.records.clear()  # code that still refers to the request keeps nothing else alive
        slow = self._slow_ns is not None and request.duration_ns >= self._slow_ns
        if slow or request.failed_count or request.slow_count or self._sampler.take():
            self._ended.append(request)

    def _record(self, origin: RequestOrigin) -> Request:
        totals = add_up(origin)
        return Request(
            id=origin.id,
            method=origin.method,
            path=scrub(origin.path),
            started_at=origin.started_at,
            duration_ns=origin.duration_ns,
            status=origin.status,
            view=origin.view,
            signal_ns=totals.signal_ns,
            dispatch_count=origin.dispatch_count,
            receiver_count=totals.receiver_count,
            failed_count=totals.failed_count,
            slow_count=totals.slow_count,
            process=self._process.id,
            trace_id=origin.trace_id,
            span_id=origin.span_id,
        )

    def fill(self, batch: Batch) -> None:
        """Store the requests that ended since the last batch."""
        batch.requests, self._ended = self._ended, []

    def forget(self) -> None:
        """Start again in a forked child."""
        self._ended = []
