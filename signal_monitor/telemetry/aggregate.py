"""The spans that the worker writes: those that nobody has asked for, and one for the dispatches beyond the budget."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode

from signal_monitor.errors import errors
from signal_monitor.instrumentation.current import Record
from signal_monitor.instrumentation.hooks import DispatchSpans
from signal_monitor.instrumentation.info import DispatchInfo
from signal_monitor.instrumentation.record import columns_of, info_of, spans_of
from signal_monitor.pipeline import Observer
from signal_monitor.pipeline.intervals import nanoseconds
from signal_monitor.pipeline.suppression import unsuppressed
from signal_monitor.records import Aggregate, Dispatch, ReceiverCall
from signal_monitor.scrubbing import scrub

from . import attributes as attrs
from .policy import Parent
from .providers import SCHEMA_URL, SCOPE, VERSION
from .spans import LazySpans

INSTRUMENTATION_SCOPE = InstrumentationScope(SCOPE, VERSION, SCHEMA_URL)
MAX_TEMPLATES = 1_000
MAX_AGGREGATES = 1_000
MAX_EVENTS = 5
WAIT_SECONDS = 1.0
_UNSET = Status()


def limited(attributes: attrs.Attributes, tracer: Any) -> Mapping[str, Any]:  # noqa: ANN401 - the SDK's
    """The attributes within the limits that the tracer sets."""
    limits = getattr(tracer, "_span_limits", None)
    if limits is None:
        return attributes
    bounded = BoundedAttributes(
        limits.max_span_attributes, attributes, immutable=True, max_value_len=limits.max_span_attribute_length
    )
    # Every exporter reads a dict in half the time.
    return attributes if dict(bounded) == attributes else bounded


class SpanTemplate:
    """What the spans of all routine dispatches of one DispatchInfo have in common.

    ``receivers`` has the name and the attributes of each receiver's span, or None where it has none.
    """

    def __init__(self, info: DispatchInfo, parent: Parent) -> None:
        self.parent = parent
        self.name = attrs.dispatch_name(info.signal.name)
        attributes = attrs.dispatch_attributes(info) | attrs.ended_dispatch_attributes(0, None)
        self.attributes = attributes
        self.limited = limited(attributes, parent.tracer)
        self.receivers: list[tuple[str, Mapping[str, Any]] | None] = []
        for receiver in info.receivers:
            own = attrs.receiver_attributes(receiver, info.signal.name) | attrs.ended_receiver_attributes("ok", None)
            wanted = parent.policy.selection.takes_receiver(receiver)
            name = parent.policy.names.of(receiver)
            self.receivers.append((name, limited(own, parent.tracer)) if wanted else None)
        self.count = 1 + sum(1 for item in self.receivers if item is not None)

    def export(self, parent: Parent, times_ns: Sequence[int]) -> None:
        """Export the spans of one dispatch, which began and whose calls ended at these times."""
        ids, without, started_ns = _new_ids(parent), [], times_ns[0]
        for item, ended_ns in zip(self.receivers, times_ns[1:], strict=True):
            if item is None:
                without.append(ended_ns - started_ns)
            else:
                _export(parent, item[0], (_new_ids(parent), ids), item[1], (started_ns, ended_ns))
            started_ns = ended_ns
        attributes = self.limited
        if without:
            attributes = limited({**self.attributes, **attrs.aggregated_attributes(without)}, parent.tracer)
        _export(parent, self.name, (ids, parent.ids), attributes, (times_ns[0], started_ns))


def _new_ids(parent: Parent) -> SpanContext:
    ids, span_id = parent.ids, parent.tracer.id_generator.generate_span_id()
    return SpanContext(ids.trace_id, span_id, False, ids.trace_flags, ids.trace_state)  # noqa: FBT003


def _export(
    parent: Parent,
    name: str,
    ids: tuple[SpanContext, SpanContext],
    attributes: Mapping[str, Any],
    times_ns: tuple[int, int],
) -> None:
    """Hand a finished span to the processors; ``ids`` are its own and its parent's, ``times_ns`` its start and end.

    Where a processor raises, the next spans are handed over all the same. The arguments go by position, which saves a
    third of the time.
    """
    tracer = parent.tracer
    span = ReadableSpan(
        name, ids[0], ids[1], tracer.resource, attributes, (), (), SpanKind.INTERNAL, None, _UNSET, *times_ns,
        INSTRUMENTATION_SCOPE,
    )  # fmt: skip
    try:
        tracer.span_processor.on_end(span)
    except Exception as error:  # noqa: BLE001 - as attempt does, which would take twice the time
        errors.note("a span processor", error)


class SpanWriter(Observer):
    """Exports the spans of routine dispatches, straight from their times; ``LazySpans.finalize`` writes all others."""

    def __init__(self) -> None:
        self._templates: dict[tuple[object, ...], SpanTemplate] = {}

    def aggregate(self, aggregate: Aggregate, records: Sequence[Record]) -> None:
        """Export the spans of routine dispatches."""
        clock, columns = attrs.Clock.read(), columns_of(records)
        if not any(columns.spans):
            return
        with unsuppressed():
            for record, *readings in zip(records, columns.started, *columns.ended, strict=True):
                spans = spans_of(record)
                if not isinstance(spans, LazySpans):
                    continue
                if not spans.parent.exports:
                    spans.finalize(record)
                    continue
                template = self._template_of(info_of(record), spans.parent)
                if spans.take_export(template.count):
                    template.export(spans.parent, [clock.start(reading) for reading in readings])

    def _template_of(self, info: DispatchInfo, parent: Parent) -> SpanTemplate:
        key = (info, parent.tracer, parent.policy)
        template = self._templates.get(key)
        if template is None:
            if len(self._templates) >= MAX_TEMPLATES:
                self._templates.clear()
            template = self._templates[key] = SpanTemplate(info, parent)
        return template


class Names(NamedTuple):
    """What the dispatches that are aggregated in one span have in common."""

    signal: str
    sender: str
    method: str


Event = tuple[str, attrs.Attributes, int]
"""Name, attributes and time of an event."""


@dataclass(slots=True)
class AggregatedSpan:
    """Dispatches of one signal, sender and method under one parent that have no spans of their own.

    Times are in nanoseconds, ``started_ns`` since the epoch. ``failed_calls`` counts receiver calls, ``failed`` and
    ``slow`` count dispatches. ``events`` are the first failed and slow calls, ``raised`` is the last exception that
    reached a caller.
    """

    parent: Parent
    names: Names
    began: float
    started_ns: int
    dispatches: int = 0
    total_ns: int = 0
    calls: int = 0
    calls_ns: int = 0
    failed_calls: int = 0
    failed: int = 0
    slow: int = 0
    raised: str = ""
    events: list[Event] = field(default_factory=list)

    def add(self, started_ns: int, dispatches: int, total_ns: int, calls: int, calls_ns: int) -> None:
        """Add dispatches."""
        self.started_ns = min(self.started_ns, started_ns)
        self.dispatches += dispatches
        self.total_ns += total_ns
        self.calls += calls
        self.calls_ns += calls_ns

    def add_notable(self, dispatch: Dispatch, spans: LazySpans, started_ns: int) -> None:
        """Add what is out of the ordinary in one dispatch."""
        self.failed += dispatch.failed
        self.slow += dispatch.severity != "normal" or any(call.severity != "normal" for call in dispatch.calls)
        self.failed_calls += sum(call.failed for call in dispatch.calls)
        if dispatch.failure is not None:
            self.raised = dispatch.failure.type
        for call in dispatch.calls:
            if len(self.events) < MAX_EVENTS:
                self.events += _events_of(call, spans, started_ns + call.offset_ns + call.duration_ns)

    def attributes(self) -> attrs.Attributes:
        """The attributes of the span."""
        attributes: attrs.Attributes = {
            attrs.SIGNAL: self.names.signal,
            attrs.METHOD: self.names.method,
            attrs.SENDER: self.names.sender,
            attrs.RECEIVERS: self.calls,
            attrs.FAILED: self.failed_calls,
            attrs.AGGREGATED_RECEIVERS: self.calls,
            attrs.AGGREGATED_RECEIVERS_TIME: self.calls_ns / 1e9,
            attrs.AGGREGATED_DISPATCHES: self.dispatches,
            attrs.AGGREGATED_DISPATCHES_TIME: self.total_ns / 1e9,
            attrs.AGGREGATED_SLOW: self.slow,
            attrs.AGGREGATED_FAILED: self.failed,
        }
        return {**attributes, attrs.ERROR: self.raised} if self.raised else attributes

    def ended_ns(self) -> int:
        """When the span ends: after the total of its durations, but not after its parent, as far as that is known."""
        parent_ended_ns: int | None = getattr(self.parent.span, "end_time", None)
        return max(self.started_ns, min(self.started_ns + self.total_ns, parent_ended_ns or time.time_ns()))

    def write(self) -> None:
        """Start the span and end it, with its times."""
        span = self.parent.start_span(attrs.aggregated_name(self.names.signal), self.attributes(), self.started_ns)
        for name, attributes, at_ns in self.events:
            span.add_event(name, attributes, at_ns)
        if self.raised:
            span.set_status(StatusCode.ERROR)
        span.end(self.ended_ns())


def _events_of(call: ReceiverCall, spans: LazySpans, at_ns: int) -> Iterator[Event]:
    """The event of a failed or slow receiver call."""
    if call.failure is not None and call.failed:
        if spans.has_own(call.index) and not spans.is_recorded_inside(call.index, call.failure):
            yield attrs.EXCEPTION_EVENT, {**attrs.exception_attributes(call.failure, call.receiver)}, at_ns
    elif call.severity != "normal":
        yield attrs.SLOW_EVENT, {attrs.FUNCTION: call.receiver, attrs.DURATION: call.duration_ns / 1e9}, at_ns


class SpanAggregator(Observer):
    """Adds up the dispatches that the budget left without spans, and writes a span for them after WAIT_SECONDS."""

    def __init__(self) -> None:
        self._aggregated: dict[tuple[object, ...], AggregatedSpan] = {}

    def observe(self, dispatch: Dispatch, spans: DispatchSpans | None) -> None:
        """Add a dispatch."""
        if not isinstance(spans, LazySpans) or not spans.dropped:
            return
        called = [call for call in dispatch.calls if call.outcome != "not_run"]
        started_ns = round(dispatch.started_at * 1e9)
        span = self._span_of(spans.parent, Names(dispatch.signal, dispatch.sender, dispatch.method), started_ns)
        calls_ns = sum(call.duration_ns for call in called)
        span.add(started_ns, 1, dispatch.duration_ns, len(called), calls_ns)
        span.add_notable(dispatch, spans, started_ns)

    def aggregate(self, aggregate: Aggregate, records: Sequence[Record]) -> None:
        """Add routine dispatches, straight from their times."""
        if not any(columns_of(records).spans):
            return
        dropped: defaultdict[Parent, list[Record]] = defaultdict(list)
        for record in records:
            spans = spans_of(record)
            if isinstance(spans, LazySpans) and spans.dropped:
                dropped[spans.parent].append(record)
        clock, info = attrs.Clock.read(), info_of(records[0])
        for parent, several in dropped.items():
            columns = columns_of(several)
            started_ns = clock.start(min(columns.started))
            total_ns = nanoseconds(sum(columns.finished) - sum(columns.started))
            span = self._span_of(parent, Names(info.signal.name, scrub(info.sender), info.method), started_ns)
            span.add(started_ns, len(several), total_ns, len(several) * len(info.receivers), total_ns)

    def _span_of(self, parent: Parent, names: Names, started_ns: int) -> AggregatedSpan:
        key = (parent.ids.trace_id, parent.ids.span_id, names)
        span = self._aggregated.get(key)
        if span is None:
            if len(self._aggregated) >= MAX_AGGREGATES:
                self._write(lambda _: True)
            span = self._aggregated[key] = AggregatedSpan(parent, names, time.monotonic(), started_ns)
        return span

    def tick(self) -> None:
        """Write the spans that have waited for WAIT_SECONDS."""
        before = time.monotonic() - WAIT_SECONDS
        self._write(lambda span: span.began <= before)

    def flush(self) -> None:
        """Write all spans."""
        self._write(lambda _: True)

    def _write(self, is_due: Callable[[AggregatedSpan], bool]) -> None:
        due = [key for key, span in self._aggregated.items() if is_due(span)]
        with unsuppressed():
            for key in due:
                self._aggregated.pop(key).write()

    def forget(self) -> None:
        """Write nothing in a forked child: the parent process does."""
        self._aggregated.clear()
