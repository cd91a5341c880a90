"""Traces of the demo site, exported if the standard ``OTEL_*`` variables name an endpoint.

OpenTelemetry's auto-instrumentation is started here, as ``opentelemetry-instrument`` does: it reads these variables and
loads all installed instrumentations: of requests, queries and tasks, and the monitor's own of signals. Only some
defaults are the demo's. Metrics are exported with ``OTEL_METRICS_EXPORTER=otlp`` only, because Jaeger, which
compose.yaml starts, accepts only traces.

Under ``opentelemetry-instrument``, nothing is started here, and the defaults are those of OpenTelemetry's distribution:
gRPC, and metrics and logs, too. It needs the name of the settings in the environment, and it also traces commands:
``DJANGO_SETTINGS_MODULE=demo.settings opentelemetry-instrument python manage.py demo``.
"""

from __future__ import annotations

import logging
import os
import socket
from urllib.parse import quote

from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import TracerProvider

from signal_monitor import pipeline

logger = logging.getLogger(__name__)

JAEGER = "http://localhost:16686/trace/{trace_id}?uiFind={span_id}"
SITE, WORKER = "academy", "academy-worker"
DEFAULTS = {
    # The specification recommends this; the default of OpenTelemetry's distribution for Python is gRPC.
    "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
    # Seconds, also while a process ends, so that the demo stops even if the endpoint is down.
    "OTEL_EXPORTER_OTLP_TIMEOUT": "2",
    "OTEL_METRICS_EXPORTER": "none",
    "OTEL_LOGS_EXPORTER": "none",
}


def endpoint() -> str:
    """The endpoint that the environment names for traces; empty if there is none."""
    return os.environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") or os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT", "")


def trace_url() -> str:
    """The address of a trace, by default in compose.yaml's Jaeger; empty if no traces are exported."""
    return os.environ.get("DEMO_TRACE_URL", JAEGER) if endpoint() else ""


def configure(service: str = SITE) -> None:
    """Export traces if an endpoint is named, unless ``opentelemetry-instrument`` has started this already.

    The servers call this before they load their middleware, and so does the worker. Commands do not: they have no
    requests, and each of their queries would be a trace.
    """
    if not endpoint():
        return
    try:
        _configure(service)
    except ImportError as error:
        logger.warning("No traces go to %s (%s): pip install --group demo", endpoint(), error)


def finish() -> None:
    """Export what is queued, for a process that ends without its exit handlers."""
    pipeline.flush()  # makes the spans of its dispatches
    for provider in (trace.get_tracer_provider(), metrics.get_meter_provider()):
        # The API's own providers have no such method.
        if isinstance(provider, TracerProvider | MeterProvider):
            provider.shutdown()


def _configure(service: str) -> None:
    import opentelemetry.distro  # noqa: F401 - what reads the variables; the next would do without, and send nothing
    from opentelemetry.instrumentation.auto_instrumentation import initialize

    if isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        _set_defaults(service)
        initialize()


def _set_defaults(service: str) -> None:
    for name, value in DEFAULTS.items():
        os.environ.setdefault(name, value)
    # Of two values of an attribute, the last one is used; OTEL_SERVICE_NAME has precedence.
    attributes = [f"service.name={service}", f"host.name={quote(socket.gethostname())}", f"process.pid={os.getpid()}"]
    named = os.environ.get("OTEL_RESOURCE_ATTRIBUTES")
    os.environ["OTEL_RESOURCE_ATTRIBUTES"] = ",".join([*attributes, *filter(None, [named])])
