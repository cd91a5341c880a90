"""An OTLP collector of our own: a real receiver over HTTP and gRPC that decodes what exporters send."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import grpc
import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2_grpc import (
    MetricsServiceServicer,
    add_MetricsServiceServicer_to_server,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,
)

from .decoding import Point, Span, decode_points, decode_spans

__all__ = ["OTLPCollector", "Point", "Span", "otlp_collector", "running_collector"]

PATIENCE_SECONDS = 60.0
"""How long a test waits for what a busy machine sends late."""
MEDIA_TYPE = "application/x-protobuf"
ANSWERS: dict[str, bytes] = {
    "/v1/traces": ExportTraceServiceResponse().SerializeToString(),
    "/v1/metrics": ExportMetricsServiceResponse().SerializeToString(),
}
"""What is answered over HTTP, by path."""


@dataclass
class OTLPCollector:
    """What has arrived, and where to send more.

    ``base_endpoint`` is for OTEL_EXPORTER_OTLP_ENDPOINT, over HTTP; ``http_endpoint`` takes traces and
    ``http_metrics_endpoint`` metrics, ``grpc_endpoint`` both.
    """

    base_endpoint: str = ""
    grpc_endpoint: str = ""
    requests: list[dict[str, str]] = field(default_factory=list)
    _spans: list[Span] = field(default_factory=list)
    _points: list[Point] = field(default_factory=list)
    _arrival: threading.Condition = field(default_factory=threading.Condition)

    @property
    def http_endpoint(self) -> str:
        """Where an HTTP exporter sends spans."""
        return f"{self.base_endpoint}/v1/traces"

    @property
    def http_metrics_endpoint(self) -> str:
        """Where an HTTP exporter sends metrics."""
        return f"{self.base_endpoint}/v1/metrics"

    def take(self, export: ExportTraceServiceRequest, protocol: str) -> None:
        """Keep the spans of one export request."""
        spans = list(decode_spans(export, protocol))
        with self._arrival:
            self._spans.extend(spans)
            self._arrival.notify_all()

    def take_metrics(self, export: ExportMetricsServiceRequest, protocol: str) -> None:
        """Keep the data points of one export request."""
        points = list(decode_points(export, protocol))
        with self._arrival:
            self._points.extend(points)
            self._arrival.notify_all()

    @property
    def spans(self) -> list[Span]:
        """All spans that have arrived, in order of arrival."""
        with self._arrival:
            return list(self._spans)

    @property
    def points(self) -> list[Point]:
        """All data points that have arrived, in order of arrival; a metric is exported again and again."""
        with self._arrival:
            return list(self._points)

    def latest(self, metric: str = "") -> list[Point]:
        """The last data point of each series of the metrics whose name starts with ``metric``."""
        return list({point.series: point for point in self.points if point.metric.startswith(metric)}.values())

    def wait_for(self, count: int, timeout: float = PATIENCE_SECONDS, name: str = "") -> list[Span]:
        """The spans whose name starts with ``name``, once there are ``count``; AssertionError when time is up."""
        self._wait(lambda: [span.name for span in self._spans], name, count, timeout)
        return [span for span in self.spans if span.name.startswith(name)]

    def wait_for_points(self, count: int, timeout: float = PATIENCE_SECONDS, metric: str = "") -> list[Point]:
        """The data points of metrics whose name starts with ``metric``, once there are ``count``, as ``wait_for``."""
        self._wait(lambda: [point.metric for point in self._points], metric, count, timeout)
        return [point for point in self.points if point.metric.startswith(metric)]

    def clear(self) -> None:
        """Forget what has arrived."""
        with self._arrival:
            self._spans.clear()
            self._points.clear()

    def _wait(self, names: Callable[[], Sequence[str]], prefix: str, count: int, timeout: float) -> None:
        def found() -> int:
            return sum(name.startswith(prefix) for name in names())

        with self._arrival:
            arrived = self._arrival.wait_for(lambda: found() >= count, timeout)
            assert arrived, f"{found()} of {count} named {prefix!r} in {timeout} s: {names()}"


class _Handler(BaseHTTPRequestHandler):
    """Takes POST /v1/traces and /v1/metrics, plain or gzipped."""

    collector: OTLPCollector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path not in ANSWERS or self.headers["Content-Type"] != MEDIA_TYPE:
            self.send_error(404)
            return
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        self.collector.requests.append(dict(self.headers))
        self._take(body)
        self._answer(ANSWERS[self.path])

    def _take(self, body: bytes) -> None:
        if self.path == "/v1/metrics":
            self.collector.take_metrics(ExportMetricsServiceRequest.FromString(body), "http")
        else:
            self.collector.take(ExportTraceServiceRequest.FromString(body), "http")

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


class _MetricsService(MetricsServiceServicer):
    def __init__(self, collector: OTLPCollector) -> None:
        self.collector = collector

    def Export(self, request: ExportMetricsServiceRequest, context: object) -> ExportMetricsServiceResponse:  # noqa: N802 - the service's own name for it
        self.collector.take_metrics(request, "grpc")
        return ExportMetricsServiceResponse()


@contextmanager
def _http_endpoint(collector: OTLPCollector) -> Iterator[str]:
    handler = type("Handler", (_Handler,), {"collector": collector})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@contextmanager
def _grpc_endpoint(collector: OTLPCollector) -> Iterator[str]:
    with ThreadPoolExecutor(max_workers=2) as pool:
        server = grpc.server(pool)
        add_TraceServiceServicer_to_server(_TraceService(collector), server)  # type: ignore[no-untyped-call]
        add_MetricsServiceServicer_to_server(_MetricsService(collector), server)  # type: ignore[no-untyped-call]
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        yield f"http://127.0.0.1:{port}"
        server.stop(grace=None).wait()


@contextmanager
def running_collector() -> Iterator[OTLPCollector]:
    """A collector that listens over HTTP and gRPC while the block runs."""
    collector = OTLPCollector()
    with _http_endpoint(collector) as collector.base_endpoint, _grpc_endpoint(collector) as collector.grpc_endpoint:
        yield collector


@pytest.fixture
def otlp_collector() -> Iterator[OTLPCollector]:
    """A collector of the test's own."""
    with running_collector() as collector:
        yield collector
