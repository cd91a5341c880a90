"""OpenTelemetry spans: one per dispatch, one per receiver call.

The hot path gives out span ids and makes a light span current while a receiver runs; the worker turns it into a span
of the SDK, with the times that were measured, and hands it to the provider's span processors. This room alone touches
the SDK.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode

from signal_monitor.instrumentation.dispatch import DispatchTrace
from signal_monitor.instrumentation.places import SHAPE, STARTED
from signal_monitor.instrumentation.plans import Record, Shape
from signal_monitor.instrumentation.probes import probes
from signal_monitor.pipeline import Observer
from signal_monitor.records import Amendment, Dispatch, Fold, ReceiverCall

from .content import dispatch_attributes, dispatch_name, exception_attributes, receiver_attributes, receiver_name
from .context import get_context
from .decision import Tracing
from .light import LightSpan
from .tracing import DISPATCH, SCHEMA_URL, SCOPE, Trace

MAX_PENDING = 1_000
MAX_CONTENTS = 1_000
_SCOPE = InstrumentationScope(SCOPE, "", SCHEMA_URL)
_UNSET = Status()


class Spans(Observer):
    """Writes the spans of dispatches that have ended."""

    def __init__(self, *, need_parent: bool = True, min_ms: float = 0) -> None:
        self._pending: OrderedDict[str, Pending] = OrderedDict()
        self._floor_ns = round(min_ms * 1e6)
        self._contents: dict[Shape, Content] = {}
        probes.open_trace = Tracing(need_parent=need_parent, floor_ns=self._floor_ns).open
        probes.trace_context = get_context

    def observe(self, dispatch: Dispatch, trace: DispatchTrace | None) -> None:
        """Write the dispatch's span and those of its receiver calls that have ended."""
        if not isinstance(trace, Trace) or trace.withheld:
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

    def fold(self, fold: Fold, records: Sequence[Record]) -> None:
        """Write the spans of ordinary dispatches, straight from their records."""
        epoch_ns = time.time_ns() - time.perf_counter_ns()
        for record in records:
            trace = record[-1]
            if type(trace) is not Trace:
                continue
            if (record[-2] - record[STARTED]) * 1e9 < self._floor_ns:
                trace.withheld = trace.written = True  # who asks for a span from now on gets one that has ended
            else:
                _write_ordinary(record, trace, self._content_of(record[SHAPE]), epoch_ns)

    def _content_of(self, shape: Shape) -> Content:
        content = self._contents.get(shape)
        if content is None:
            if len(self._contents) >= MAX_CONTENTS:
                self._contents.clear()
            content = self._contents[shape] = Content.of(shape)
        return content

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


class Content(NamedTuple):
    """Names and attributes that all ordinary dispatches of a shape have in common: its own, and its receivers'."""

    name: str
    attributes: dict[str, str | int]
    receivers: tuple[tuple[str, dict[str, str | int]], ...]

    @classmethod
    def of(cls, shape: Shape) -> Content:
        """The content for a shape."""
        signal = shape.signal.name
        calls = [
            ReceiverCall(info.name, index, path=info.path, line=info.line) for index, info in enumerate(shape.receivers)
        ]
        dispatch = Dispatch("", "", signal, shape.sender, shape.method, 0.0, 0, calls=tuple(calls))
        receivers = ((receiver_name(call.receiver), receiver_attributes(call, signal)) for call in calls)
        return cls(dispatch_name(signal), dispatch_attributes(dispatch), tuple(receivers))


def _write_ordinary(record: Record, trace: Trace, content: Content, epoch_ns: int) -> None:
    """Make the spans of a dispatch of which nobody has asked for any."""
    tracer, resource = trace.tracer, trace.tracer.resource
    on_end = tracer.span_processor.on_end
    trace.written = True
    own, *others = trace.all_ids(len(content.receivers))
    begun, *times = [epoch_ns + round(reading * 1e9) for reading in record[STARTED:-1]]
    started = begun
    for (name, attributes), ids, ended in zip(content.receivers, others, times, strict=True):
        on_end(_span(name, ids, own, resource, attributes, started, ended))
        started = ended
    on_end(_span(content.name, own, trace.parent.ids, resource, content.attributes, begun, ended))


def _span(
    name: str,
    ids: SpanContext,
    parent: SpanContext,
    resource: Resource,
    attributes: Mapping[str, str | int],
    started_ns: int,
    ended_ns: int,
) -> ReadableSpan:
    """An ordinary span; its arguments go by position, which saves a third of the time."""
    return ReadableSpan(
        name, ids, parent, resource, attributes, (), (), SpanKind.INTERNAL, None, _UNSET, started_ns, ended_ns, _SCOPE
    )


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
        instrumentation_scope=_SCOPE,
    )
    span.ended = True
    trace.tracer.span_processor.on_end(finished)
