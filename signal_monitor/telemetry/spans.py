"""OpenTelemetry spans: one per dispatch, one per receiver call.

The hot path gives out span ids and makes a light span current while a receiver runs; the worker turns it into a span
of the SDK, with the times that were measured, and hands it to the provider's span processors. This room alone touches
the SDK.
"""

from __future__ import annotations

import time
from collections import OrderedDict, defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind, Status, StatusCode

from signal_monitor.instrumentation.places import SHAPE
from signal_monitor.instrumentation.plans import Record, Shape
from signal_monitor.instrumentation.traces import DispatchTrace
from signal_monitor.pipeline import Observer
from signal_monitor.process import ThisProcess
from signal_monitor.records import Aggregate, Amendment, Dispatch, Failure, ReceiverCall

from .content import Attributes, aggregated_attributes, dispatch_attributes, exception_attributes, receiver_attributes
from .dispatch_spans import DISPATCH
from .folding import Folding, folded_dispatch, folded_records
from .light import LightSpan
from .ordinary import INSTRUMENTATION_SCOPE, Content, hand_over, write_ordinary
from .parents import Parent
from .tracing import Trace

MAX_PENDING = 1_000
MAX_CONTENTS = 1_000
MAX_RAISED = 1_000


class Spans(Observer):
    """Writes the spans of dispatches that have ended."""

    def __init__(self, process: ThisProcess) -> None:
        self._process = process
        self._pending: OrderedDict[str, Pending] = OrderedDict()
        self._raised: OrderedDict[tuple[str, int], Failure] = OrderedDict()
        self._contents: dict[tuple[Shape, object], Content] = {}
        self._folding = Folding()

    def observe(self, dispatch: Dispatch, trace: DispatchTrace | None) -> None:
        """Write the dispatch's span and those of its receiver calls that have ended."""
        if not isinstance(trace, Trace):
            return
        started_ns = trace.started_ns + time.time_ns() - time.perf_counter_ns()
        if trace.withheld:
            self._folding.add(trace.parent, folded_dispatch(dispatch, started_ns))
            return
        for call in dispatch.calls:
            if call.outcome not in {"late", "not_run"} and trace.writes(call.index):
                _write_receiver(trace, call, dispatch.signal, started_ns, known=self._is_known(dispatch, call))
        if trace.late:
            late = {call.index for call in dispatch.calls if call.outcome == "late"}
            self._wait_for(dispatch.id, Pending(trace, started_ns, set(trace.late), late))
        self._remember(dispatch, trace)
        own = dispatch_attributes(dispatch) | _folded_calls(dispatch, trace)
        status = Status(StatusCode.ERROR) if dispatch.failure is not None else Status()
        _write(trace, DISPATCH, own, status, (started_ns, started_ns + dispatch.duration_ns))
        trace.written = True

    def aggregate(self, aggregate: Aggregate, records: Sequence[Record]) -> None:
        """Write the spans of ordinary dispatches, straight from their records."""
        epoch_ns = time.time_ns() - time.perf_counter_ns()
        withheld: defaultdict[Parent, list[Record]] = defaultdict(list)
        for record in records:
            trace = record[-1]
            if not isinstance(trace, Trace):
                continue
            parent, shape = trace.parent, record[SHAPE]
            if not trace.affords(1 + len(shape.receivers)) and trace.withhold():
                withheld[parent].append(record)
            else:
                write_ordinary(record, trace, self._content_of(shape, trace.tracer), epoch_ns)
        for parent, several in withheld.items():
            self._folding.add(parent, folded_records(several, epoch_ns))

    def _content_of(self, shape: Shape, tracer: object) -> Content:
        content = self._contents.get((shape, tracer))
        if content is None:
            if len(self._contents) >= MAX_CONTENTS:
                self._contents.clear()
            content = self._contents[shape, tracer] = Content.of(shape, tracer)
        return content

    def amend(self, amendment: Amendment, call: ReceiverCall) -> None:
        """Write the span of a receiver call that ended after its dispatch."""
        pending = self._pending.get(amendment.dispatch_id)
        if pending is None:
            return
        pending.waiting.discard(call.index)
        if not pending.waiting:
            del self._pending[amendment.dispatch_id]
        if pending.trace.writes(call.index):
            _write_receiver(pending.trace, call, amendment.signal, pending.started_ns)

    def _wait_for(self, dispatch_id: str, pending: Pending) -> None:
        self._pending[dispatch_id] = pending
        if len(self._pending) > MAX_PENDING:
            _, lost = self._pending.popitem(last=False)
            self._process.drop("late spans", len(lost.waiting & lost.late))

    def _is_known(self, dispatch: Dispatch, call: ReceiverCall) -> bool:
        """Whether a call has failed with what a dispatch inside it has raised, which that one's receiver has told."""
        inner = self._raised.pop((dispatch.id, call.index), None)
        return inner is not None and call.failure is not None and _is_same(inner, call.failure)

    def _remember(self, dispatch: Dispatch, trace: Trace) -> None:
        """Note which call a dispatch has raised into: the failure is told once, on the innermost receiver's span."""
        if dispatch.failure is None or dispatch.parent_id is None or dispatch.parent_index is None:
            return
        if not any(call.outcome == "raised" and trace.writes(call.index) for call in dispatch.calls):
            return  # no receiver's span has told it
        self._raised[dispatch.parent_id, dispatch.parent_index] = dispatch.failure
        if len(self._raised) > MAX_RAISED:
            self._raised.popitem(last=False)

    def tick(self) -> None:
        """Write what was folded for a while."""
        self._folding.write()

    def flush(self) -> None:
        """Write all that was folded."""
        self._folding.write(0)

    def forget(self) -> None:
        """Begin anew, in a forked child."""
        self._pending.clear()
        self._raised.clear()
        self._folding.forget()


class Pending(NamedTuple):
    """A trace, when its dispatch began (nanoseconds since the epoch), and the receiver calls that it waits for.

    Of these, the ``late`` ones had begun; the others may never do.
    """

    trace: Trace
    started_ns: int
    waiting: set[int]
    late: set[int]


def _is_same(inner: Failure, outer: Failure) -> bool:
    """Whether two failures are of one exception, as far as text can tell."""
    inside = outer.traceback[-len(inner.traceback) :]
    return (inner.type, inner.message, inner.traceback) == (outer.type, outer.message, inside)


def _folded_calls(dispatch: Dispatch, trace: Trace) -> Attributes:
    """What a dispatch's span says of the receiver calls that have none of their own."""
    folded = [call for call in dispatch.calls if call.outcome != "not_run" and not trace.writes(call.index)]
    return aggregated_attributes(len(folded), sum(call.duration_ns for call in folded))


def _write_receiver(
    trace: Trace, call: ReceiverCall, signal: str, dispatch_started_ns: int, *, known: bool = False
) -> None:
    """Write a receiver call's span; a failure that is ``known`` is not told again."""
    started_ns = dispatch_started_ns + call.offset_ns
    times_ns = (started_ns, started_ns + call.duration_ns)
    status = Status(StatusCode.ERROR, call.failure.summary) if call.failure is not None else Status()
    told = call.failure if not known else None
    _write(trace, call.index, receiver_attributes(call, signal), status, times_ns, told)


def _write(
    trace: Trace,
    index: int,
    attributes: Attributes,
    status: Status,
    times_ns: tuple[int, int],
    failure: Failure | None = None,
) -> None:
    """End a real span, or make one of a light one and hand it to the processors."""
    span = trace.span_of(index)
    if failure is not None:
        span.add_event("exception", exception_attributes(failure), times_ns[1])
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
        instrumentation_scope=INSTRUMENTATION_SCOPE,
    )
    span.ended = True
    hand_over(trace.tracer.span_processor.on_end, finished)
