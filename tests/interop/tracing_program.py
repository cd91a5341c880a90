"""A program that a tool of OpenTelemetry's world traces: ``python -m tests.interop.tracing_program logfire monitor``.

Without ``monitor``, the tool is alone. What it sees of two requests and of a second of rest is printed as JSON.
"""

from __future__ import annotations

import json
import logging
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, NamedTuple

import django
from django.conf import settings
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from . import work
from .tools import Ddtrace

REST_SECONDS = 3.0


class Seen(NamedTuple):
    """A span as a tool sees it; ``parent`` is empty for a root, and None where the parent is missing."""

    name: str
    parent: str | None


class Tracer(ABC):
    """A tool that traces requests and queries."""

    @abstractmethod
    def put_on(self) -> None:
        """Trace from now on."""

    @abstractmethod
    def seen(self) -> list[Seen]:
        """The spans since the last time."""


def instrument() -> None:
    """Trace requests and queries with OpenTelemetry."""
    from opentelemetry.instrumentation.django import DjangoInstrumentor
    from opentelemetry.instrumentation.sqlite3 import SQLite3Instrumentor

    DjangoInstrumentor().instrument()
    SQLite3Instrumentor().instrument()


def with_parents(spans: list[tuple[str, str, str | None]]) -> list[Seen]:
    """Spans by name, id and id of the parent, with the names of the parents."""
    names = {span_id: name for name, span_id, _ in spans}
    return [Seen(name, names.get(parent) if parent else "") for name, _, parent in spans]


class Sentry(Tracer):
    """Sentry, which takes its spans from OpenTelemetry: a transaction is made when its root has ended."""

    def __init__(self) -> None:
        self._events: list[Any] = []

    def put_on(self) -> None:
        import sentry_sdk
        from sentry_sdk.integrations.opentelemetry import SentrySpanProcessor

        sentry_sdk.init(
            dsn="http://key@127.0.0.1:9/1",  # nothing leaves: what is to be sent is taken, and dropped
            instrumenter="otel",
            auto_enabling_integrations=False,
            auto_session_tracking=False,
            send_client_reports=False,
            traces_sample_rate=1.0,
            before_send_transaction=lambda event, hint: self._events.append(event),
        )
        provider = TracerProvider()
        provider.add_span_processor(SentrySpanProcessor())
        trace.set_tracer_provider(provider)
        instrument()

    def seen(self) -> list[Seen]:
        events, self._events[:] = list(self._events), []
        spans: list[tuple[str, str, str | None]] = []
        for event in events:
            root = event["contexts"]["trace"]
            spans.append((event["transaction"], root["span_id"], None))
            spans += [(span["description"], span["span_id"], span["parent_span_id"]) for span in event["spans"]]
        return with_parents(spans)


class Logfire(Tracer):
    """Pydantic Logfire, whose processors ask whether instrumentation is suppressed."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()

    def put_on(self) -> None:
        import logfire

        logfire.configure(
            send_to_logfire=False,
            console=False,
            inspect_arguments=False,
            additional_span_processors=[SimpleSpanProcessor(self._exporter)],
        )
        instrument()

    def seen(self) -> list[Seen]:
        spans = self._exporter.get_finished_spans()
        self._exporter.clear()
        pending = [span for span in spans if (span.attributes or {}).get("logfire.span_type") != "pending_span"]
        return with_parents(
            [
                (span.name, f"{span.context.span_id:x}", f"{span.parent.span_id:x}" if span.parent else None)
                for span in pending
            ]
        )


class Datadog(Tracer):
    """ddtrace, which patches sqlite3."""

    def __init__(self) -> None:
        self._tool = Ddtrace()

    def put_on(self) -> None:
        self._tool.put_on()

    def seen(self) -> list[Seen]:
        return [
            Seen(f"{name} {resource}", "" if place == 0 else "a trace")
            for spans in self._tool.product()
            for place, (name, resource, _) in enumerate(spans)
        ]


TRACERS: dict[str, type[Tracer]] = {"sentry": Sentry, "logfire": Logfire, "ddtrace": Datadog}


def configure(directory: str, *, monitor: bool) -> None:
    """The settings of a project."""
    settings.configure(
        INSTALLED_APPS=["django.contrib.contenttypes", *(["signal_monitor"] if monitor else [])],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": str(Path(directory) / "db.sqlite3")}},
        ROOT_URLCONF="tests.interop.urls",
        SECRET_KEY="for tests only",
        ALLOWED_HOSTS=["*"],
        LOGGING_CONFIG=None,
        SIGNAL_MONITOR={"STORE": f"sqlite:///{Path(directory) / 'store.sqlite3'}"},
    )


def flush(*, monitor: bool) -> None:
    """Have the monitor hand over its spans."""
    if monitor:
        from signal_monitor import pipeline

        pipeline.flush()


def main(tool: str, *monitor: str) -> None:
    """Handle requests, rest, and print what the tool has seen."""
    logging.disable(logging.CRITICAL)
    tracer = TRACERS[tool]()
    with tempfile.TemporaryDirectory() as directory:
        configure(directory, monitor=bool(monitor))
        tracer.put_on()
        django.setup()
        work.connect()
        tracer.seen()
        work.answers.clear()
        for _ in range(2):
            work._request_under_wsgi()
        flush(monitor=bool(monitor))
        requests = tracer.seen()
        time.sleep(REST_SECONDS)
        flush(monitor=bool(monitor))
        print(json.dumps({"answers": work.answers, "requests": requests, "rest": tracer.seen()}))  # noqa: T201 - it is the answer


if __name__ == "__main__":
    main(*sys.argv[1:])
