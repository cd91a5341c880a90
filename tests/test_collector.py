from __future__ import annotations

from collections.abc import Iterator

import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter
from opentelemetry.trace import SpanKind, Status, StatusCode

from tests.collector import OTLPCollector, Span


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
        child = tracer.start_span("child", kind=SpanKind.CLIENT, start_time=2_000)
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
    with pytest.raises(AssertionError, match=r"0 of 1 spans 'send ' in 0\.01 s"):
        otlp_collector.wait_for(1, timeout=0.01, name="send ")
