"""OTLP collectors that misbehave, over HTTP and gRPC, each in a way of its own."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,
)

SLOW_SECONDS = 5.0
REJECTED = ExportTraceServiceResponse(
    partial_success=ExportTracePartialSuccess(rejected_spans=3, error_message="three are too many")
)


@dataclass
class FaultyCollector:
    """Where the exporter is to send, and how many spans each request had that came through."""

    endpoint: str
    arrivals: list[int] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)

    def take(self, export: ExportTraceServiceRequest) -> None:
        """Note a request."""
        self.arrivals.append(sum(len(scope.spans) for item in export.resource_spans for scope in item.scope_spans))


@dataclass(frozen=True)
class Answer:
    """What a collector answers over HTTP: after so many seconds, and with so many bytes less than it announces."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    after: float = 0
    missing: int = 0


@dataclass(frozen=True)
class Reply:
    """What a collector answers over gRPC: after so many seconds."""

    code: grpc.StatusCode = grpc.StatusCode.OK
    response: ExportTraceServiceResponse = field(default_factory=ExportTraceServiceResponse)
    after: float = 0


class _Handler(BaseHTTPRequestHandler):
    def __init__(self, collector: FaultyCollector, answer: Answer, *args: object) -> None:
        self.collector = collector
        self.answer = answer
        super().__init__(*args)  # type: ignore[arg-type]

    def do_POST(self) -> None:
        self.collector.take(ExportTraceServiceRequest.FromString(self.rfile.read(int(self.headers["Content-Length"]))))
        self.collector.released.wait(self.answer.after)
        with contextlib.suppress(ConnectionError):  # it was too slow for the exporter
            self._answer(self.answer)

    def _answer(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", str(len(answer.body) + answer.missing))
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, *args: object) -> None:
        """Keep the tests' output clean."""


class _Service(TraceServiceServicer):
    def __init__(self, collector: FaultyCollector, reply: Reply) -> None:
        self.collector = collector
        self.reply = reply

    def Export(self, request: ExportTraceServiceRequest, context: grpc.ServicerContext) -> ExportTraceServiceResponse:  # noqa: N802 - the service's own name for it
        self.collector.take(request)
        self.collector.released.wait(self.reply.after)
        context.set_code(self.reply.code)
        return self.reply.response


@contextmanager
def _over_http(answer: Answer) -> Iterator[FaultyCollector]:
    collector = FaultyCollector("")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, collector, answer)) as server:
        collector.endpoint = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield collector
        collector.released.set()
        server.shutdown()
        thread.join()


@contextmanager
def _over_grpc(reply: Reply | None) -> Iterator[FaultyCollector]:
    """A gRPC server; without the trace service where there is no reply."""
    with ThreadPoolExecutor(max_workers=4) as pool:
        server = grpc.server(pool)
        collector = FaultyCollector(f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}")
        if reply is not None:
            add_TraceServiceServicer_to_server(_Service(collector, reply), server)  # type: ignore[no-untyped-call]
        server.start()
        yield collector
        collector.released.set()
        server.stop(grace=None).wait()


@contextmanager
def _down() -> Iterator[FaultyCollector]:
    """A port that is taken, and at which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield FaultyCollector(f"http://127.0.0.1:{taken.getsockname()[1]}")


@contextmanager
def _hanging_up() -> Iterator[FaultyCollector]:
    """A server that closes each connection at the first bytes it gets."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_hang_up, args=(listener,))
        thread.start()
        yield FaultyCollector(f"http://127.0.0.1:{listener.getsockname()[1]}")
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def _hang_up(listener: socket.socket) -> None:
    with contextlib.suppress(OSError):  # the listener has been shut down
        while True:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1)


Faults = Mapping[str, Callable[[], AbstractContextManager[FaultyCollector]]]

HTTP_FAULTS: Faults = {
    "none": partial(_over_http, Answer()),
    "down": _down,
    "slow": partial(_over_http, Answer(after=SLOW_SECONDS)),
    "400": partial(_over_http, Answer(400)),
    "429": partial(_over_http, Answer(429, headers={"Retry-After": "1"})),
    "503": partial(_over_http, Answer(503)),
    "partial success": partial(_over_http, Answer(body=REJECTED.SerializeToString())),
    "closing mid-body": partial(_over_http, Answer(body=b"only so", missing=100)),
    "hanging up": _hanging_up,
}
GRPC_FAULTS: Faults = {
    "none": partial(_over_grpc, Reply()),
    "down": _down,
    "slow": partial(_over_grpc, Reply(after=SLOW_SECONDS)),
    "unavailable": partial(_over_grpc, Reply(grpc.StatusCode.UNAVAILABLE)),
    "exhausted": partial(_over_grpc, Reply(grpc.StatusCode.RESOURCE_EXHAUSTED)),
    "unimplemented": partial(_over_grpc, None),
    "partial success": partial(_over_grpc, Reply(response=REJECTED)),
    "no gRPC": partial(_over_http, Answer()),
    "hanging up": _hanging_up,
}
SILENT: Faults = {
    "http": partial(_over_http, Answer(after=threading.TIMEOUT_MAX)),
    "grpc": partial(_over_grpc, Reply(after=threading.TIMEOUT_MAX)),
}
"""Collectors that answer when they are released, not before."""
FAULTS = {"http": HTTP_FAULTS, "grpc": GRPC_FAULTS}
