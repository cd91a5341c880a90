"""Spans of ordinary dispatches, made straight from what the send methods noted.

Of these there are many: nothing of them was slow or failed, and nobody has asked for a span of theirs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status

from signal_monitor.faults import faults
from signal_monitor.instrumentation.places import STARTED
from signal_monitor.records import Dispatch, ReceiverCall

from .content import (
    Attributes,
    aggregated_attributes,
    dispatch_attributes,
    dispatch_name,
    receiver_attributes,
    receiver_name,
)
from .providers import SCHEMA_URL, SCOPE, VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from opentelemetry.sdk.resources import Resource

    from signal_monitor.instrumentation.plans import Record, Shape

    from .tracing import Trace

INSTRUMENTATION_SCOPE = InstrumentationScope(SCOPE, VERSION, SCHEMA_URL)
_UNSET = Status()


class Content(NamedTuple):
    """Names and attributes that all ordinary dispatches of a shape have in common: its own, and its receivers'."""

    name: str
    attributes: Mapping[str, Any]
    receivers: tuple[tuple[str, Mapping[str, Any]], ...]

    @classmethod
    def of(cls, shape: Shape, tracer: Any) -> Content:  # noqa: ANN401 - the SDK's
        """The content for a shape, within a tracer's limits."""
        signal = shape.signal.name
        calls = [
            ReceiverCall(info.name, index, path=info.path, line=info.line) for index, info in enumerate(shape.receivers)
        ]
        dispatch = Dispatch("", "", signal, shape.sender, shape.method, 0.0, 0, calls=tuple(calls))
        receivers = [
            (receiver_name(call.receiver), limited(receiver_attributes(call, signal), tracer)) for call in calls
        ]
        return cls(dispatch_name(signal), limited(dispatch_attributes(dispatch), tracer), tuple(receivers))


def limited(attributes: Attributes, tracer: Any) -> Mapping[str, Any]:  # noqa: ANN401 - the SDK's
    """The attributes, within the limits that the tracer sets to a span's."""
    limits = getattr(tracer, "_span_limits", None)
    if limits is None:
        return attributes
    bounded = BoundedAttributes(
        limits.max_span_attributes, attributes, immutable=True, max_value_len=limits.max_span_attribute_length
    )
    # A dict is read in half the time, by every exporter and for every span.
    return attributes if dict(bounded) == attributes else bounded


def write_ordinary(record: Record, trace: Trace, content: Content, epoch_ns: int) -> None:
    """Make the spans of a dispatch of which nobody has asked for any."""
    tracer, resource = trace.tracer, trace.tracer.resource
    on_end = tracer.span_processor.on_end
    trace.written = True
    own, *others = trace.all_ids(len(content.receivers))
    begun, *times = [epoch_ns + round(reading * 1e9) for reading in record[STARTED:-1]]
    started, folded = begun, []
    parted = trace.parent.policy.selection.parts_receivers
    for index, ((name, attributes), ids, ended) in enumerate(zip(content.receivers, others, times, strict=True)):
        if parted and not trace.has_own(index):
            folded.append(ended - started)
        else:
            hand_over(on_end, make_span(name, ids, own, resource, attributes, started, ended))
        started = ended
    attributes = content.attributes
    if folded:
        attributes = limited({**attributes, **aggregated_attributes(len(folded), sum(folded))}, tracer)
    hand_over(on_end, make_span(content.name, own, trace.parent.ids, resource, attributes, begun, ended))


def hand_over(on_end: Callable[[ReadableSpan], None], span: ReadableSpan) -> None:
    """Give a span to the processors; where one of them raises, the next spans are given to them all the same."""
    try:
        on_end(span)
    except Exception as error:  # noqa: BLE001 - as attempt does, which would take twice the time
        faults.note("a span processor", error)


def make_span(
    name: str,
    ids: SpanContext,
    parent: SpanContext,
    resource: Resource,
    attributes: Mapping[str, Any],
    started_ns: int,
    ended_ns: int,
) -> ReadableSpan:
    """A span without events; its arguments go by position, which saves a third of the time."""
    return ReadableSpan(
        name,
        ids,
        parent,
        resource,
        attributes,
        (),
        (),
        SpanKind.INTERNAL,
        None,
        _UNSET,
        started_ns,
        ended_ns,
        INSTRUMENTATION_SCOPE,
    )
