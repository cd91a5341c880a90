"""OpenTelemetry spans: one per dispatch, one per receiver call.

The hot path gives out span ids and makes a light span current while a receiver runs; the worker turns it into a span
of the SDK, with the times that were measured, and hands it to the provider's span processors. The observers' ``span``
modules are the only ones that touch the SDK.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode

from signal_monitor.instrumentation.dispatch import DispatchTrace
from signal_monitor.instrumentation.probes import probes
from signal_monitor.records import Amendment, Dispatch, ReceiverCall

from .base import BaseObserver
from .span_content import dispatch_attributes, dispatch_name, exception_attributes, receiver_attributes, receiver_name
from .span_light import LightSpan
from .span_tracing import SCHEMA_URL, SCOPE, Trace, Tracing

if TYPE_CHECKING:
    from opentelemetry.trace import Span

MAX_PENDING = 1_000


class Spans(BaseObserver):
    """Writes the spans of dispatches that have ended."""

    def __init__(self, *, need_parent: bool = True) -> None:
        self._pending: OrderedDict[str, Trace] = OrderedDict()
        probes.open_trace = Tracing(need_parent=need_parent).open

    def observe(self, dispatch: Dispatch, trace: DispatchTrace | None) -> None:
        """Write the dispatch's span and those of its receiver calls that have ended."""
        if not isinstance(trace, Trace):
            return
        for call in dispatch.calls:
            if call.outcome == "late":
                self._wait_for(dispatch.id, trace)
            else:
                _write_receiver(trace, call, dispatch.signal)
        status = Status(StatusCode.ERROR) if dispatch.failure is not None else Status()
        _write(
            trace,
            trace.span,
            trace.parent,
            dispatch_name(dispatch.signal),
            dispatch_attributes(dispatch),
            status,
            (trace.started_ns, trace.ended_ns),
        )

    def amend(self, amendment: Amendment, call: ReceiverCall) -> None:
        """Write the span of a receiver call that ended after its dispatch."""
        trace = self._pending.get(amendment.dispatch_id)
        if trace is not None:
            _write_receiver(trace, call, None)

    def _wait_for(self, dispatch_id: str, trace: Trace) -> None:
        self._pending[dispatch_id] = trace
        if len(self._pending) > MAX_PENDING:
            self._pending.popitem(last=False)

    def forget(self) -> None:
        """Begin anew, in a forked child."""
        self._pending.clear()


def _write_receiver(trace: Trace, call: ReceiverCall, signal: str | None) -> None:
    span = trace.receivers.get(call.index)
    if span is None:  # not run
        return
    started_ns = trace.started_ns + call.offset_ns
    ended_ns = started_ns + call.duration_ns
    if call.failure is not None:
        span.add_event("exception", exception_attributes(call.failure), ended_ns)
    status = Status(StatusCode.ERROR, call.failure.summary) if call.failure is not None else Status()
    _write(
        trace,
        span,
        trace.span.get_span_context(),
        receiver_name(call.receiver),
        receiver_attributes(call, signal),
        status,
        (started_ns, ended_ns),
    )


def _write(
    trace: Trace,
    span: Span,
    parent: SpanContext | None,
    name: str,
    attributes: dict[str, str | int],
    status: Status,
    times_ns: tuple[int, int],
) -> None:
    """End a real span, or make one of a light one and hand it to the processors."""
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
        parent=parent,
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
