"""Traces of the demo site, sent where the standard ``OTEL_*`` variables say, and nowhere while they name no endpoint.

OpenTelemetry's own auto-instrumentation is begun here, as ``opentelemetry-instrument`` begins it: it reads all those
variables, and loads every instrumentation that is installed: of requests, of queries, of tasks, and ours of signals.
Only some defaults are the demo's. Metrics are not sent unless ``OTEL_METRICS_EXPORTER=otlp`` asks for them: Jaeger,
which compose.yaml starts, takes traces alone.

Under ``opentelemetry-instrument`` nothing is left to begin, and the defaults are those of OpenTelemetry's distribution:
gRPC, and metrics and logs, too. It needs Django's settings before anything can name them, and it traces commands:
``DJANGO_SETTINGS_MODULE=demo.settings opentelemetry-instrument python manage.py demo``.
"""

from __future__ import annotations

import logging
import os

from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import TracerProvider

from signal_monitor import pipeline

logger = logging.getLogger(__name__)

JAEGER = "http://localhost:16686/trace/{trace_id}?uiFind={span_id}"
RESOURCE = "service.name=django-signal-monitor-demo"
DEFAULTS = {
    # OpenTelemetry's distribution for Python would take gRPC, where the specification recommends this.
    "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
    # Seconds to try for, also while a process ends: an endpoint that is down shall not keep the demo from stopping.
    "OTEL_EXPORTER_OTLP_TIMEOUT": "2",
    "OTEL_METRICS_EXPORTER": "none",
    "OTEL_LOGS_EXPORTER": "none",
}


def endpoint() -> str:
    """Where the environment wants traces sent; empty when nowhere."""
    return os.environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") or os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT", "")


def trace_url() -> str:
    """Where to look a trace up: compose.yaml's Jaeger unless told otherwise; empty while no trace is sent."""
    return os.environ.get("DEMO_TRACE_URL", JAEGER) if endpoint() else ""


def configure() -> None:
    """Send traces if an endpoint is named, unless someone (``opentelemetry-instrument``) has seen to it before.

    For the servers, before they load their middleware, and for the worker. Commands have no requests to trace, and
    their queries alone would be a trace each.
    """
    if not endpoint():
        return
    try:
        _configure()
    except ImportError as error:
        logger.warning("No traces go to %s (%s): pip install --group demo", endpoint(), error)


def finish() -> None:
    """Send what waits to be sent, for a process that ends without its exit handlers."""
    pipeline.flush()  # its dispatches are spans by then
    for provider in (trace.get_tracer_provider(), metrics.get_meter_provider()):
        # The API's own providers have nothing to send, and no method for it.
        if isinstance(provider, TracerProvider | MeterProvider):
            provider.shutdown()


def _configure() -> None:
    import opentelemetry.distro  # noqa: F401 - what reads the variables; the next would do without, and send nothing
    from opentelemetry.instrumentation.auto_instrumentation import initialize

    if isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        _set_defaults()
        initialize()


def _set_defaults() -> None:
    for name, value in DEFAULTS.items():
        os.environ.setdefault(name, value)
    # Of two values of one attribute the last one holds, and OTEL_SERVICE_NAME before both.
    attributes = filter(None, [RESOURCE, os.environ.get("OTEL_RESOURCE_ATTRIBUTES")])
    os.environ["OTEL_RESOURCE_ATTRIBUTES"] = ",".join(attributes)
