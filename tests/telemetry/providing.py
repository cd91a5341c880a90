"""Providers of a test's own, and what comes out of them."""

from __future__ import annotations

import gc
from typing import Any

from django.dispatch import Signal
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import Histogram, InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from signal_monitor import pipeline
from signal_monitor.names.patterns import variants


class Eager(SpanProcessor):
    """Wants to see spans start, as baggage processors do."""

    def on_start(self, span: Span, parent_context: Any = None) -> None:
        span.set_attribute("seen.at.start", "yes")


class Spans:
    """A provider of the test's own, and what came out of it."""

    def __init__(self, provider: TracerProvider) -> None:
        self.exporter = InMemorySpanExporter()
        self.provider = provider
        provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.tracer = provider.get_tracer("test")

    def finished(self) -> dict[str, ReadableSpan]:
        pipeline.flush()
        return {span.name: span for span in self.exporter.get_finished_spans()}

    def parents(self) -> dict[str, str]:
        """The name of each span's parent."""
        pipeline.flush()
        spans = self.exporter.get_finished_spans()
        names = {span.context.span_id: span.name for span in spans}
        return {span.name: names[span.parent.span_id] if span.parent else "" for span in spans}


class Meters:
    """A meter provider of the test's own, and what it was given.

    ``described`` has unit and instrument of each metric that was read.
    """

    def __init__(self) -> None:
        self.reader = InMemoryMetricReader()
        self.provider = MeterProvider([self.reader])
        self.cached_infos: dict[str, tuple[str, str]] = {}

    def read(self) -> dict[str, list[Any]]:
        """The data points of the tests' own signals, by the metric's name."""
        pipeline.flush()
        data: Any = self.reader.get_metrics_data()
        found = [
            metric
            for of_resource in (data.resource_metrics if data else ())
            for of_scope in of_resource.scope_metrics
            if of_scope.scope.name == "signal_monitor"
            for metric in of_scope.metrics
        ]
        self.cached_infos = {metric.name: (metric.unit, _instrument(metric.data)) for metric in found}
        return {metric.name: [point for point in metric.data.data_points if _is_own(point)] for metric in found}


def _instrument(data: Any) -> str:
    if isinstance(data, Histogram):
        return "histogram"
    return "counter" if data.is_monotonic else "up-down counter"


def _is_own(point: Any) -> bool:
    """Whether a point is of a signal of these tests, or of none; settings that change send signals too."""
    return str(point.attributes.get("django.signal.name", "tests.telemetry")).startswith("tests.telemetry")


def work(tracer: trace.Tracer, name: str) -> Any:
    def receiver(**kwargs: Any) -> None:
        with tracer.start_as_current_span(name):
            pass

    receiver.__qualname__ = f"work_{name}"
    gc.collect()  # those of earlier tests are gone, so that this one needs no number
    return receiver


def connected(*receivers: Any) -> Signal:
    signal = Signal()
    for receiver in receivers:
        signal.connect(receiver, weak=False)
    return signal


def receive_work(name: str) -> str:
    """The name of the span of a receiver that ``work`` has made."""
    return f"receive telemetry.providing.work_{name}"


def plain(span: ReadableSpan) -> str:
    """The name of a span without what tells it from others of the same function, or of the same line."""
    return variants(span.name)[-1]


def function_of(span: ReadableSpan) -> str:
    """The function that the span of a receiver names, without what tells it from others of this function."""
    return plain(span).rpartition(".")[2]
