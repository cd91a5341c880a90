"""A span that is made after the fact beside one that the SDK has started."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.dispatch import Signal
from opentelemetry import baggage, context, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult

from tests.telemetry.providing import Eager, Spans, function_of

sold = Signal()
LATER = {"start_time", "end_time", "context", "parent_id", "events"}


class Counting(IdGenerator):
    """Ids in sequence."""

    def __init__(self) -> None:
        self.last = 0

    def generate_span_id(self) -> int:
        self.last += 1
        return self.last

    def generate_trace_id(self) -> int:
        return 42


class FromBaggage(SpanProcessor):
    """Copies a baggage entry to every span, as opentelemetry-processor-baggage does."""

    def on_start(self, span: Span, parent_context: context.Context | None = None) -> None:
        span.set_attribute("who", str(baggage.get_baggage("who", parent_context)))


class Ending(SpanProcessor):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.ended: list[ReadableSpan] = []

    def on_end(self, span: ReadableSpan) -> None:
        self.ended.append(span)


class Refusing(Sampler):
    """Samples nothing that is a receiver's."""

    def should_sample(
        self,
        parent_context: Any,
        trace_id: int,
        name: str,
        kind: Any = None,
        attributes: Any = None,
        links: Any = None,
        trace_state: Any = None,
    ) -> SamplingResult:
        wanted = not name.startswith("receive ")
        return SamplingResult(Decision.RECORD_AND_SAMPLE if wanted else Decision.DROP, {"sampler": "said"})

    def get_description(self) -> str:
        return "Refusing"


def talkative(**kwargs: Any) -> None:
    span = trace.get_current_span()
    span.set_attributes({"order": "x" * 20, "count": 3})
    for number in range(3):
        span.add_event("step", {"number": number, "text": "y" * 20})
        span.add_link(trace.SpanContext(1, number + 1, is_remote=True))
    span.update_name("renamed")


def failing(**kwargs: Any) -> None:
    raise ValueError("no")


def silent(**kwargs: Any) -> None: ...


def dispatched(spans: Spans, *receivers: Callable[..., Any]) -> list[ReadableSpan]:
    """The spans of one dispatch to some receivers."""
    for receiver in receivers:
        sold.connect(receiver)
    try:
        with spans.tracer.start_as_current_span("request"):
            sold.send_robust(sender=dict)
    finally:
        for receiver in receivers:
            sold.disconnect(receiver)
    spans.finished()
    return [span for span in spans.exporter.get_finished_spans() if span.name != "request"]


def as_json(span: ReadableSpan) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(span.to_json())
    told["attributes"].pop("seen.at.start", None)
    return {key: value for key, value in told.items() if key not in LATER}


@pytest.mark.parametrize("limits", [SpanLimits(), SpanLimits(4, 2, 2, 1, 1, 10, 5)])
def test_says_the_same(provide: Any, limits: SpanLimits) -> None:
    """With the limits of attributes, events and links, and how much of each was dropped."""
    told = []
    for processor in (Ending(), Eager()):
        spans = provide(TracerProvider(span_limits=limits, resource=Resource({"a": "b"}), shutdown_on_exit=False))
        spans.provider.add_span_processor(processor)
        told.append(dispatched(spans, silent, talkative, failing))

    assert [len(spans) for spans in told] == [4, 4]
    by_name = [{span.name: span for span in spans} for spans in told]
    for name, after in by_name[0].items():
        started = by_name[1][name]
        if limits.max_span_attributes == SpanLimits().max_span_attributes:
            assert as_json(after) == as_json(started)
        else:  # which attributes are the first is not the same, and Eager has set one
            assert len(after.attributes or {}) == len(started.attributes or {}) == limits.max_span_attributes
        assert (after.dropped_events, after.dropped_links) == (started.dropped_events, started.dropped_links)
        assert [(event.name, len(event.attributes or {})) for event in after.events] == [
            (event.name, len(event.attributes or {})) for event in started.events
        ]
        assert after.instrumentation_scope == started.instrumentation_scope
        assert after.resource == started.resource


def test_limits_hold_for_our_own_attributes(provide: Any) -> None:
    limits = SpanLimits(max_span_attributes=2, max_span_attribute_length=5)
    spans = provide(TracerProvider(span_limits=limits, shutdown_on_exit=False))
    for span in dispatched(spans, silent):
        assert len(span.attributes or {}) == 2
        assert span.dropped_attributes >= 2
        assert all(len(value) <= 5 for value in (span.attributes or {}).values() if isinstance(value, str))


def test_ids_are_those_of_the_providers_generator(provide: Any) -> None:
    generator = Counting()
    spans = provide(TracerProvider(id_generator=generator, shutdown_on_exit=False))
    ids = {span.context.span_id for span in dispatched(spans, silent, talkative)}

    assert ids <= set(range(1, generator.last + 1))
    assert len(ids) == 3


def test_processor_that_reads_baggage_at_the_start(provide: Any) -> None:
    spans = provide()
    spans.provider.add_span_processor(FromBaggage())
    token = context.attach(baggage.set_baggage("who", "me"))
    written = dispatched(spans, silent)
    context.detach(token)

    assert [(span.attributes or {})["who"] for span in written] == ["me", "me"]


def test_every_processor_is_told_of_the_end_once(provide: Any) -> None:
    spans = provide()
    ending = [Ending(), Ending()]
    for processor in ending:
        spans.provider.add_span_processor(processor)
    written = dispatched(spans, silent, talkative)

    for processor in ending:
        assert [span.name for span in processor.ended if span.name != "request"] == [span.name for span in written]


def test_sampler_that_looks_at_names_is_asked(provide: Any) -> None:
    spans = provide(TracerProvider(sampler=Refusing(), shutdown_on_exit=False))
    (dispatch,) = dispatched(spans, silent)

    assert dispatch.name == "send sold"
    assert (dispatch.attributes or {})["sampler"] == "said"


def test_sdk_that_counts_its_spans_starts_them(provide: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own metrics are of spans that were started."""
    monkeypatch.setenv("OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED", "true")
    reader = InMemoryMetricReader()
    meters = MeterProvider([reader])
    spans = provide(TracerProvider(shutdown_on_exit=False, meter_provider=meters))
    dispatched(spans, silent)

    data: Any = reader.get_metrics_data()
    started = [
        point.value
        for of_resource in data.resource_metrics
        for of_scope in of_resource.scope_metrics
        for metric in of_scope.metrics
        if metric.name == "otel.sdk.span.started"
        for point in metric.data.data_points
    ]
    assert sum(started) == 3
    meters.shutdown()


def test_exception_is_told_once_on_the_innermost_receiver(spans: Spans) -> None:
    """It goes through the receivers around: these have failed too, and tell nothing more."""
    inner, outer = Signal(), Signal()
    inner.connect(failing)

    def sends(**kwargs: Any) -> None:
        inner.send(sender=None)

    def sends_and_fails_otherwise(**kwargs: Any) -> None:
        try:
            inner.send(sender=None)
        except ValueError as error:
            raise TypeError("other") from error

    outer.connect(sends)
    outer.connect(sends_and_fails_otherwise)
    with spans.tracer.start_as_current_span("request"):
        outer.send_robust(sender=None)

    spans.finished()
    every = spans.exporter.get_finished_spans()
    told = sorted(
        (function_of(span), (event.attributes or {})["exception.type"]) for span in every for event in span.events
    )
    assert told == [("failing", "ValueError"), ("failing", "ValueError"), ("sends_and_fails_otherwise", "TypeError")]
    errors = {function_of(span): (span.attributes or {}).get("error.type") for span in every}
    assert (errors["failing"], errors["sends"], errors["sends_and_fails_otherwise"]) == (
        "ValueError",
        "ValueError",
        "TypeError",
    )
