"""A Django program with traces: ``python -m tests.telemetry.exporting_program http signal_monitor``.

After the protocol come the apps, none for a project without the monitor.

It sends where ``OTEL_EXPORTER_OTLP_ENDPOINT`` says. It prints a line when its dispatches are done, and a report in
JSON as the very last of its work. Its log records go to stderr as they were worded, before their values are put in.
"""

from __future__ import annotations

import atexit
import importlib
import json
import sys
import threading
import time
from typing import Any

import django
from django.conf import settings
from django.dispatch import Signal
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import HistogramDataPoint, InMemoryMetricReader, NumberDataPoint
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

REQUESTS = 200
DISPATCHES_PER_REQUEST = 10
RECEIVERS = 2
PAUSE_SECONDS = 0.01
SPANS = REQUESTS * (1 + DISPATCHES_PER_REQUEST * (1 + 1 + RECEIVERS))
"""With the application's own, which are those of requests and queries."""

ordered = Signal()


class Onlooker(SpanProcessor):
    """Counts the spans that end, notes which threads handed ours over, and when the provider is shut down."""

    def __init__(self) -> None:
        self.ended = 0
        self.threads: set[str] = set()
        self.shutdown_at = 0.0

    def on_end(self, span: ReadableSpan) -> None:
        self.ended += 1
        if span.instrumentation_scope is not None and span.instrumentation_scope.name == "signal_monitor":
            self.threads.add(threading.current_thread().name)

    def shutdown(self) -> None:
        self.shutdown_at = time.time()


onlooker = Onlooker()
reader = InMemoryMetricReader()
dispatches = [0]
done_at: list[float] = []


def configure(apps: list[str]) -> None:
    """The settings of a project that logs to stderr."""
    settings.configure(
        INSTALLED_APPS=apps,
        SIGNAL_MONITOR={"STORE": "memory"},
        LOGGING={
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"worded": {"format": "%(name)s: %(msg)s"}},
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "worded"}},
            "root": {"handlers": ["stderr"], "level": "WARNING"},
        },
    )
    django.setup()


def provide(protocol: str) -> trace.Tracer:
    """Configure OpenTelemetry; answers the project's own tracer."""
    metrics.set_meter_provider(MeterProvider([reader], shutdown_on_exit=False))
    exporter = importlib.import_module(f"opentelemetry.exporter.otlp.proto.{protocol}.trace_exporter")
    provider = TracerProvider()
    provider.add_span_processor(onlooker)
    provider.add_span_processor(BatchSpanProcessor(exporter.OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    return trace.get_tracer(__name__)


def mail(**kwargs: Any) -> None:
    """A receiver."""


def work(tracer: trace.Tracer) -> None:
    """Handle requests, each with queries that have spans of their own, and with signals that are sent."""
    for _ in range(REQUESTS):
        with tracer.start_as_current_span("request"):
            for _ in range(DISPATCHES_PER_REQUEST):
                tracer.start_span("query").end()
                ordered.send(sender="shop")
                dispatches[0] += 1
        time.sleep(PAUSE_SECONDS)


def wait_for_worker() -> None:
    """Wait until the monitor's worker has made its spans: the end of a busy machine's process may not wait as long."""
    deadline = time.monotonic() + 60
    while onlooker.ended < SPANS and time.monotonic() < deadline:
        time.sleep(0.05)


def counts() -> list[tuple[str, dict[str, Any], float]]:
    """What the SDK has counted: name, attributes, and the sum, for a histogram the number of its values."""
    data = reader.get_metrics_data()
    if data is None:
        return []
    return [
        (
            metric.name,
            dict(point.attributes or {}),
            point.count if isinstance(point, HistogramDataPoint) else point.value,
        )
        for of_resource in data.resource_metrics
        for scope in of_resource.scope_metrics
        for metric in scope.metrics
        for point in metric.data.data_points
        if isinstance(point, (HistogramDataPoint, NumberDataPoint))
    ]


def report() -> None:
    """Print what happened, after all others have run at exit."""
    print(  # noqa: T201 - it is the answer
        json.dumps(
            {
                "dispatches": dispatches[0],
                "spans": onlooker.ended,
                "threads": sorted(onlooker.threads),
                "done_at": done_at[0],
                "shutdown_at": onlooker.shutdown_at,
                "counts": counts(),
            }
        )
    )


def main(protocol: str, apps: list[str]) -> None:
    """Configure, work, and leave the rest to the end of the process."""
    atexit.register(report)
    configure(apps)
    for number in range(RECEIVERS):
        ordered.connect(mail, dispatch_uid=number)
    work(provide(protocol))
    if apps:
        wait_for_worker()
    done_at.append(time.time())
    print("done", flush=True)  # noqa: T201 - the test waits for it


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
