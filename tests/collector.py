"""An OTLP collector of our own: a real receiver over HTTP and gRPC that decodes what exporters send."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1 import trace_pb2

MEDIA_TYPE = "application/x-protobuf"


@dataclass(frozen=True, slots=True)
class SpanEvent:
    """An event of a span, such as a recorded exception."""

    name: str
    at_ns: int
    attributes: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Span:
    """A span as it arrived: ids in hexadecimal, times in nanoseconds since the epoch, names of enumerated values."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str
    kind: str
    status: str
    status_message: str
    start_ns: int
    end_ns: int
    attributes: dict[str, Any]
    events: tuple[SpanEvent, ...]
    scope: str
    scope_version: str
    schema_url: str
    resource: dict[str, Any]
    protocol: str

    @property
    def duration_ns(self) -> int:
        """How long the span took."""
        return self.end_ns - self.start_ns


@dataclass
class OTLPCollector:
    """What has arrived, and where to send more."""

    http_endpoint: str = ""
    grpc_endpoint: str = ""
    requests: list[dict[str, str]] = field(default_factory=list)
    _spans: list[Span] = field(default_factory=list)
    _arrival: threading.Condition = field(default_factory=threading.Condition)

    def take(self, export: ExportTraceServiceRequest, protocol: str) -> None:
        """Keep the spans of one export request."""
        spans = list(_decoded(export, protocol))
        with self._arrival:
            self._spans.extend(spans)
            self._arrival.notify_all()

    @property
    def spans(self) -> list[Span]:
        """All spans that have arrived, in order of arrival."""
        with self._arrival:
            return list(self._spans)

    def wait_for(self, count: int, timeout: float = 10.0, name: str = "") -> list[Span]:
        """The spans whose name starts with ``name``, once there are ``count``; AssertionError when time is up."""
        with self._arrival:
            arrived = self._arrival.wait_for(lambda: len(self._named(name)) >= count, timeout)
            spans = self._named(name)
        assert arrived, f"{len(spans)} of {count} spans {name!r} in {timeout} s: {[span.name for span in self.spans]}"
        return spans

    def clear(self) -> None:
        """Forget what has arrived."""
        with self._arrival:
            self._spans.clear()

    def _named(self, name: str) -> list[Span]:
        return [span for span in self._spans if span.name.startswith(name)]


def _decoded(export: ExportTraceServiceRequest, protocol: str) -> Iterator[Span]:
    for of_resource in export.resource_spans:
        resource = _attributes(of_resource.resource.attributes)
        for of_scope in of_resource.scope_spans:
            for span in of_scope.spans:
                yield Span(
                    name=span.name,
                    trace_id=span.trace_id.hex(),
                    span_id=span.span_id.hex(),
                    parent_id=span.parent_span_id.hex(),
                    kind=trace_pb2.Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
                    status=trace_pb2.Status.StatusCode.Name(span.status.code).removeprefix("STATUS_CODE_"),
                    status_message=span.status.message,
                    start_ns=span.start_time_unix_nano,
                    end_ns=span.end_time_unix_nano,
                    attributes=_attributes(span.attributes),
                    events=tuple(
                        SpanEvent(event.name, event.time_unix_nano, _attributes(event.attributes))
                        for event in span.events
                    ),
                    scope=of_scope.scope.name,
                    scope_version=of_scope.scope.version,
                    schema_url=of_scope.schema_url,
                    resource=resource,
                    protocol=protocol,
                )


def _attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> Any:
    match value.WhichOneof("value"):
        case None:
            return None
        case "array_value":
            return [_value(item) for item in value.array_value.values]
        case "kvlist_value":
            return _attributes(value.kvlist_value.values)
        case kind:
            return getattr(value, kind)


class _TraceHandler(BaseHTTPRequestHandler):
    """Takes POST /v1/traces, plain or gzipped."""

    collector: OTLPCollector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path != "/v1/traces" or self.headers["Content-Type"] != MEDIA_TYPE:
            self.send_error(404)
            return
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        self.collector.requests.append(dict(self.headers))
        self.collector.take(ExportTraceServiceRequest.FromString(body), "http")
        self._answer(ExportTraceServiceResponse().SerializeToString())

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", MEDIA_TYPE)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Keep the tests' output clean."""


class _TraceService(TraceServiceServicer):
    def __init__(self, collector: OTLPCollector) -> None:
        self.collector = collector

    def Export(self, request: ExportTraceServiceRequest, context: object) -> ExportTraceServiceResponse:  # noqa: N802 - the service's own name for it
        self.collector.take(request, "grpc")
        return ExportTraceServiceResponse()


@contextmanager
def _http_endpoint(collector: OTLPCollector) -> Iterator[str]:
    handler = type("Handler", (_TraceHandler,), {"collector": collector})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/v1/traces"
        server.shutdown()
        thread.join()


@contextmanager
def _grpc_endpoint(collector: OTLPCollector) -> Iterator[str]:
    with ThreadPoolExecutor(max_workers=2) as pool:
        server = grpc.server(pool)
        add_TraceServiceServicer_to_server(_TraceService(collector), server)  # type: ignore[no-untyped-call]
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        yield f"http://127.0.0.1:{port}"
        server.stop(grace=None).wait()


@pytest.fixture
def otlp_collector() -> Iterator[OTLPCollector]:
    """A collector that listens over HTTP and gRPC while the test runs."""
    collector = OTLPCollector()
    with _http_endpoint(collector) as collector.http_endpoint, _grpc_endpoint(collector) as collector.grpc_endpoint:
        yield collector
