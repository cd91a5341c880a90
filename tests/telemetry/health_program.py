"""A program that exports, and looks at its own health page.

``python -m tests.telemetry.health_program http batch failure`` runs it.

After the protocol and the kind of span processor comes what it waits for. It works until the page's JSON says so, and
prints that JSON. It sends where ``OTEL_EXPORTER_OTLP_ENDPOINT`` says.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import django
from django.conf import settings
from django.dispatch import Signal
from django.test import Client
from django.urls import include, path
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor

PATIENCE_SECONDS = 60
BURST = 50
PROCESSORS: dict[str, Any] = {"batch": BatchSpanProcessor, "simple": SimpleSpanProcessor}
CONDITIONS: dict[str, Callable[[dict[str, Any]], bool]] = {
    "success": lambda exporter: exporter["last_success_at"] is not None,
    "failure": lambda exporter: exporter["failures"] > 0,
    "dropped": lambda exporter: bool(exporter["dropped"]),
    "running": lambda exporter: exporter["running_since"] is not None,
}

placed = Signal()
urlpatterns = [path("signals/", include("signal_monitor.urls"))]


def configure() -> None:
    """A project with the pages, which anyone may see."""
    settings.configure(
        DEBUG=True,
        ALLOWED_HOSTS=["*"],
        INSTALLED_APPS=["signal_monitor"],
        ROOT_URLCONF=__name__,
        SIGNAL_MONITOR={"STORE": "memory", "ACCESS": "tests.dashboard.examples.everybody"},
        LOGGING_CONFIG=None,
    )
    django.setup()


def exporter_of(protocol: str) -> Any:
    """An exporter that sends over a protocol."""
    return importlib.import_module(f"opentelemetry.exporter.otlp.proto.{protocol}.trace_exporter").OTLPSpanExporter()


def reserve(**kwargs: Any) -> None:
    """A receiver."""


def health() -> dict[str, Any]:
    """This process on the health page, once it has reported."""
    found: list[dict[str, Any]] = Client().get("/signals/api/health/").json()["processes"]
    return found[0] if found else {"exporters": []}


def main(protocol: str, processor: str, awaited: str) -> None:
    """Work until the health page says what is awaited, and print what it says; at exit, the SDK would wait."""
    configure()
    placed.connect(reserve)
    provider = TracerProvider()
    provider.add_span_processor(PROCESSORS[processor](exporter_of(protocol)))
    trace.set_tracer_provider(provider)
    tracer = trace.get_tracer(__name__)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        for _ in range(BURST):
            with tracer.start_as_current_span("request"):
                placed.send(sender="shop")
        time.sleep(0.05)
        process = health()
        if time.monotonic() > deadline or any(map(CONDITIONS[awaited], process["exporters"])):
            break
    print(json.dumps(process), flush=True)  # noqa: T201 - it is the answer
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
