from __future__ import annotations

from collections.abc import Iterator

import pytest
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as GrpcMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter as HttpMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricExporter, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode

from tests.support.collector import OTLPCollector, Point, Span


@pytest.fixture(params=["http", "http-gzip", "grpc"])
def exporter(request: pytest.FixtureRequest, otlp_collector: OTLPCollector) -> Iterator[SpanExporter]:
    match request.param:
        case "http":
            made: SpanExporter = HttpExporter(otlp_collector.http_endpoint)
        case "http-gzip":
            made = HttpExporter(otlp_collector.http_endpoint, compression=Compression.Gzip)
        case _:
            made = GrpcExporter(otlp_collector.grpc_endpoint, insecure=True)
    yield made
    made.shutdown()


def export_parent_and_child(exporter: SpanExporter) -> None:
    provider = TracerProvider(resource=Resource({"service.name": "shop"}), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("a scope", "1.2", schema_url="https://opentelemetry.io/schemas/1.44.0")
    with tracer.start_as_current_span("parent", start_time=1_000, end_on_exit=False) as parent:
        link = Link(SpanContext(1, 2, is_remote=True), {"a": "b"})
        child = tracer.start_span("child", kind=SpanKind.CLIENT, links=[link], start_time=2_000)
        child.set_attributes({"text": "é", "whole": 3, "part": 0.5, "yes": True, "many": ["a", "b"]})
        child.add_event("exception", {"exception.type": "ValueError"}, timestamp=2_500)
        child.set_status(Status(StatusCode.ERROR, "broke"))
        child.end(end_time=3_000)
        parent.end(end_time=4_000)


@pytest.fixture
def arrived(exporter: SpanExporter, otlp_collector: OTLPCollector) -> dict[str, Span]:
    export_parent_and_child(exporter)
    return {span.name: span for span in otlp_collector.wait_for(2)}


def test_collector_decodes_ids_and_times(arrived: dict[str, Span]) -> None:
    child, parent = arrived["child"], arrived["parent"]
    assert (child.parent_id, child.trace_id) == (parent.span_id, parent.trace_id)
    assert (len(parent.trace_id), len(parent.span_id), parent.parent_id) == (32, 16, "")
    assert (child.start_ns, child.end_ns, parent.duration_ns) == (2_000, 3_000, 3_000)


def test_collector_decodes_what_a_span_says(arrived: dict[str, Span]) -> None:
    child = arrived["child"]
    assert child.attributes == {"text": "é", "whole": 3, "part": 0.5, "yes": True, "many": ["a", "b"]}
    assert [(event.name, event.at_ns, event.attributes) for event in child.events] == [
        ("exception", 2_500, {"exception.type": "ValueError"})
    ]
    assert [(link.trace_id, link.span_id, link.attributes) for link in child.links] == [
        (f"{1:032x}", f"{2:016x}", {"a": "b"})
    ]
    assert (child.kind, child.status, child.status_message) == ("CLIENT", "ERROR", "broke")
    assert (arrived["parent"].kind, arrived["parent"].status) == ("INTERNAL", "UNSET")


def test_collector_decodes_scope_and_resource(arrived: dict[str, Span]) -> None:
    child = arrived["child"]
    assert (child.scope, child.scope_version) == ("a scope", "1.2")
    assert child.schema_url == "https://opentelemetry.io/schemas/1.44.0"
    assert child.resource["service.name"] == "shop"


def test_collector_sees_compression(otlp_collector: OTLPCollector) -> None:
    exporter = HttpExporter(otlp_collector.http_endpoint, compression=Compression.Gzip)
    export_parent_and_child(exporter)
    assert {request["Content-Encoding"] for request in otlp_collector.requests} == {"gzip"}
    exporter.shutdown()  # type: ignore[no-untyped-call]


def test_wait_for_says_what_is_missing(otlp_collector: OTLPCollector) -> None:
    with pytest.raises(AssertionError, match=r"0 of 1 named 'send ' in 0\.01 s"):
        otlp_collector.wait_for(1, timeout=0.01, name="send ")
    with pytest.raises(AssertionError, match=r"0 of 2 named 'django' in 0\.01 s"):
        otlp_collector.wait_for_points(2, timeout=0.01, metric="django")


@pytest.fixture(params=["http", "http-gzip", "grpc"])
def metric_exporter(request: pytest.FixtureRequest, otlp_collector: OTLPCollector) -> MetricExporter:
    endpoint = otlp_collector.http_metrics_endpoint
    match request.param:
        case "http":
            return HttpMetricExporter(endpoint)
        case "http-gzip":
            return HttpMetricExporter(endpoint, compression=Compression.Gzip)
        case _:
            return GrpcMetricExporter(otlp_collector.grpc_endpoint, insecure=True)


@pytest.fixture
def measured(metric_exporter: MetricExporter, otlp_collector: OTLPCollector) -> Iterator[dict[str, Point]]:
    """What arrives of a histogram, a counter and a gauge, exported twice."""
    reader = PeriodicExportingMetricReader(metric_exporter, export_interval_millis=3_600_000)
    provider = MeterProvider([reader], resource=Resource({"service.name": "shop"}), shutdown_on_exit=False)
    meter = provider.get_meter("a scope", "1.2", schema_url="https://opentelemetry.io/schemas/1.44.0")
    histogram = meter.create_histogram("waited", "s", "How long.", explicit_bucket_boundaries_advisory=(1.0, 2.0))
    histogram.record(0.5, {"who": "a"})
    with TracerProvider(shutdown_on_exit=False).get_tracer("test").start_as_current_span("waiting"):
        histogram.record(1.5, {"who": "a"})
    meter.create_counter("dropped", "{record}").add(3)
    meter.create_gauge("warmth").set(36.6)
    provider.force_flush()
    histogram.record(4, {"who": "a"})
    provider.force_flush()
    yield {point.metric: point for point in otlp_collector.latest()}
    provider.shutdown()


def test_collector_decodes_a_histogram(measured: dict[str, Point]) -> None:
    point = measured["waited"]
    assert (point.kind, point.unit, point.description, point.temporality) == (
        "histogram",
        "s",
        "How long.",
        "CUMULATIVE",
    )
    assert (point.count, point.value, point.attributes) == (3, 6.0, {"who": "a"})
    assert (point.bounds, point.buckets) == ((1.0, 2.0), (1, 1, 1))
    assert 0 < point.start_ns < point.at_ns


def test_collector_decodes_exemplars(measured: dict[str, Point], otlp_collector: OTLPCollector) -> None:
    first = otlp_collector.wait_for_points(2, metric="waited")[0]
    [exemplar] = first.exemplars
    assert (exemplar.value, len(exemplar.trace_id), len(exemplar.span_id)) == (1.5, 32, 16)
    assert first.start_ns < exemplar.at_ns < first.at_ns


def test_collector_decodes_sums_and_gauges(measured: dict[str, Point]) -> None:
    dropped, warmth = measured["dropped"], measured["warmth"]
    assert (dropped.kind, dropped.value, dropped.monotonic, dropped.temporality) == ("sum", 3, True, "CUMULATIVE")
    assert (warmth.kind, warmth.value, warmth.temporality) == ("gauge", 36.6, "")


def test_collector_decodes_scope_and_resource_of_metrics(measured: dict[str, Point]) -> None:
    point = measured["dropped"]
    assert (point.scope, point.scope_version) == ("a scope", "1.2")
    assert point.schema_url == "https://opentelemetry.io/schemas/1.44.0"
    assert point.resource["service.name"] == "shop"


def test_latest_is_the_last_of_each_series(measured: dict[str, Point], otlp_collector: OTLPCollector) -> None:
    first, last = otlp_collector.wait_for_points(2, metric="waited")
    assert first.series == last.series
    assert otlp_collector.latest("waited") == [last]


def test_collector_forgets(measured: dict[str, Point], otlp_collector: OTLPCollector) -> None:
    otlp_collector.clear()
    assert otlp_collector.points == []
