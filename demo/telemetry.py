"""Traces of the demo site, sent where the standard ``OTEL_*`` variables say, and nowhere otherwise."""

from __future__ import annotations

import logging
import os
import sqlite3
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter

logger = logging.getLogger(__name__)

SERVICE = "django-signal-monitor-demo"
JAEGER = "http://localhost:16686/trace/{trace_id}?uiFind={span_id}"
PROTOCOLS = {"http/protobuf": "http", "grpc": "grpc"}


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
        logger.warning("No traces go to %s (%s): pip install 'django-signal-monitor[demo]'", endpoint(), error)


def _configure() -> None:
    from opentelemetry import trace

    if isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        trace.set_tracer_provider(_make_provider())
        _trace_requests()
        _trace_queries()
        _trace_tasks()


def _make_provider() -> TracerProvider:
    from opentelemetry.sdk.resources import SERVICE_NAME, OTELResourceDetector, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    resource = Resource.create({SERVICE_NAME: SERVICE, **OTELResourceDetector().detect().attributes})
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(_make_exporter()))
    return provider


def _make_exporter() -> SpanExporter:
    protocol = os.environ.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL")
    transport = PROTOCOLS.get(protocol or "http/protobuf", "http")
    module = import_module(f"opentelemetry.exporter.otlp.proto.{transport}.trace_exporter")
    exporter: SpanExporter = module.OTLPSpanExporter()
    return exporter


def _trace_requests() -> None:
    from opentelemetry.instrumentation.django import DjangoInstrumentor

    DjangoInstrumentor().instrument()


def _trace_queries() -> None:
    from opentelemetry.instrumentation.dbapi import trace_integration

    # Django connects through sqlite3.dbapi2; whoever connects through sqlite3 itself, as the monitor, stays untraced.
    trace_integration(cast("Any", sqlite3.dbapi2), "connect", "sqlite", capture_parameters=False)


def _trace_tasks() -> None:
    from opentelemetry.instrumentation.celery import CeleryInstrumentor

    CeleryInstrumentor().instrument()
