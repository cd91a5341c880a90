"""The shop as a program that answers one request and ends: ``python -m tests.peers.program http`` or ``grpc``.

Where its spans go, and which resource they are of, is the SDK's to read from the standard ``OTEL_*`` variables. It
flushes nothing itself: what is under way when a program ends has to arrive too.
"""

from __future__ import annotations

import io
import sys
from wsgiref.handlers import BaseCGIHandler
from wsgiref.util import setup_testing_defaults

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GRPCExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HTTPExporter
from opentelemetry.instrumentation.django import DjangoInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor


def configure() -> None:
    """The settings of the shop."""
    settings.configure(
        INSTALLED_APPS=["signal_monitor"],
        MIDDLEWARE=["signal_monitor.middleware.SignalMonitorMiddleware"],
        ROOT_URLCONF="tests.peers.shop",
        SECRET_KEY="for tests only",
        ALLOWED_HOSTS=["127.0.0.1"],
        SIGNAL_MONITOR={"STORE": "memory"},
    )


def trace_requests(protocol: str) -> None:
    """Export spans by this protocol, and make one of each request."""
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(HTTPExporter() if protocol == "http" else GRPCExporter()))
    trace.set_tracer_provider(provider)
    DjangoInstrumentor().instrument()


def answer(path: str) -> None:
    """Answer a request for the path on the standard output."""
    environ = {"PATH_INFO": path}
    setup_testing_defaults(environ)
    BaseCGIHandler(io.BytesIO(), sys.stdout.buffer, sys.stderr, environ).run(get_wsgi_application())


if __name__ == "__main__":
    configure()
    django.setup()
    # As an AppConfig.ready() would, after the monitor's: the SDK's exit handler is then called before the monitor's.
    trace_requests(sys.argv[1])
    answer("/orders/")
