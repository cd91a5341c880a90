"""OpenTelemetry spans: one per dispatch, one per receiver call.

The hot path gives out span ids and makes a light span current while a receiver runs; the worker turns it into a span
of the SDK, with the times that were measured, and hands it to the provider's span processors. The observers' ``span``
modules are the only ones that touch the SDK.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanKind, Status, StatusCode

from signal_monitor.instrumentation.dispatch import DispatchTrace
from signal_monitor.instrumentation.probes import probes
from signal_monitor.records import Amendment, Dispatch, ReceiverCall

from .base import BaseObserver
from .span_content import dispatch_attributes, exception_attributes, receiver_attributes
from .span_context import get_context
from .span_light import LightSpan
from .span_tracing import DISPATCH, SCHEMA_URL, SCOPE, Trace, Tracing

MAX_PENDING = 1_000


class Spans(BaseObserver):
    """Writes the spans of dispatches that have ended."""

    def __init__(self, *, need_parent: bool = True) -> None:
        self._pending: OrderedDict[str, Pending] = OrderedDict()
        probes.open_trace = Tracing(need_parent=need_parent).open
        probes.trace_context = get_context

    def observe(self, dispatch: Dispatch, trace: DispatchTrace | None) -> None:
        """Write the dispatch's span and those of its receiver calls that have ended."""
        if not isinstance(trace, Trace):
            return
        started_ns = trace.started_ns + time.time_ns() - time.perf_counter_ns()
        for call in dispatch.calls:
            if call.outcome == "late":
                self._wait_for(dispatch.id, Pending(trace, started_ns))
            else:
                _write_receiver(trace, call, dispatch.signal, started_ns)
        status = Status(StatusCode.ERROR) if dispatch.failure is not None else Status()
        times = (started_ns, started_ns + dispatch.duration_ns)
        _write(trace, DISPATCH, dispatch_attributes(dispatch), status, times)
        trace.written = True

    def amend(self, amendment: Amendment, call: ReceiverCall) -> None:
        """Write the span of a receiver call that ended after its dispatch."""
        pending = self._pending.get(amendment.dispatch_id)
        if pending is not None:
            _write_receiver(pending.trace, call, None, pending.started_ns)

    def _wait_for(self, dispatch_id: str, pending: Pending) -> None:
        self._pending[dispatch_id] = pending
        if len(self._pending) > MAX_PENDING:
            self._pending.popitem(last=False)

    def forget(self) -> None:
        """Begin anew, in a forked child."""
        self._pending.clear()


class Pending(NamedTuple):
    """A trace that waits for late receiver calls, and when its dispatch began (nanoseconds since the epoch)."""

    trace: Trace
    started_ns: int


def _write_receiver(trace: Trace, call: ReceiverCall, signal: str | None, dispatch_started_ns: int) -> None:
    if call.outcome == "not_run" or not (trace.light or call.index in trace.asked):
        return
    started_ns = dispatch_started_ns + call.offset_ns
    ended_ns = started_ns + call.duration_ns
    events = [(exception_attributes(call.failure), ended_ns)] if call.failure is not None else []
    status = Status(StatusCode.ERROR, call.failure.summary) if call.failure is not None else Status()
    _write(trace, call.index, receiver_attributes(call, signal), status, (started_ns, ended_ns), events)


def _write(
    trace: Trace,
    index: int,
    attributes: dict[str, str | int],
    status: Status,
    times_ns: tuple[int, int],
    exceptions: Sequence[tuple[dict[str, str], int]] = (),
) -> None:
    """End a real span, or make one of a light one and hand it to the processors."""
    span = trace.asked.get(index) or trace.span_of(index)
    for event, at_ns in exceptions:
        span.add_event("exception", event, at_ns)
    if not isinstance(span, LightSpan):
        span.set_attributes(attributes)
        if status.status_code is not StatusCode.UNSET:
            span.set_status(status)
        span.end(times_ns[1])
        return
    for key, value in attributes.items():
        if key not in span.attributes:  # the receiver's own word stands
            span.attributes[key] = value
    finished = ReadableSpan(
        name=span.name,
        context=span.get_span_context(),
        parent=span.parent,
        resource=trace.tracer.resource,
        attributes=span.attributes,
        events=span.events,
        links=span.links,
        kind=SpanKind.INTERNAL,
        status=status if span.status.status_code is StatusCode.UNSET else span.status,
        start_time=times_ns[0],
        end_time=times_ns[1],
        instrumentation_scope=InstrumentationScope(SCOPE, "", SCHEMA_URL),
    )
    span.ended = True
    trace.tracer.span_processor.on_end(finished)
