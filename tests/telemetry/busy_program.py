"""Requests that do far more than a trace may have spans: ``python -m tests.telemetry.busy_program import newsletter``.

Each step is a request. ``live`` adds a span processor that sees spans start, before the steps after it. The spans go
where ``OTEL_EXPORTER_OTLP_ENDPOINT`` says. It prints the trace id of each request as JSON.
"""

from __future__ import annotations

import asyncio
import contextvars
import json
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import django
from django.conf import settings
from django.core.management import call_command
from django.db.models.signals import post_save
from django.dispatch import Signal
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.sqlite3 import SQLite3Instrumentor
from opentelemetry.sdk.trace import Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

BUDGET = 100
SLOW_MS = 20
SAVES, FAILURES, SENDS, THREADS = 700, 3000, 120, 6

mailed, asked, outer, inner, delayed = Signal(), Signal(), Signal(), Signal(), Signal()
provider = TracerProvider()
tracer = provider.get_tracer("shop")


class Onlooker(SpanProcessor):
    """Sees spans start."""

    def on_start(self, span: Span, parent_context: Any = None) -> None:
        span.set_attribute("seen", "yes")


def configure() -> None:
    """Start Django with a database whose queries are traced, and the exporter."""
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    SQLite3Instrumentor().instrument()
    settings.configure(
        INSTALLED_APPS=["signal_monitor", "django.contrib.contenttypes", "django.contrib.auth"],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        SIGNAL_MONITOR={"STORE": "memory", "SPANS_PER_TRACE": BUDGET, "SLOW_MS": SLOW_MS},
        LOGGING_CONFIG=None,
    )
    django.setup()
    call_command("migrate", verbosity=0)


def count_groups(**kwargs: Any) -> None:
    """A receiver that queries."""
    from django.contrib.auth.models import Group

    Group.objects.count()


def note(**kwargs: Any) -> None:
    """A receiver that does nothing."""


def send_mail(**kwargs: Any) -> None:
    """A receiver that always fails in the same way."""
    raise ConnectionError("no post today")


def ask(**kwargs: Any) -> None:
    """A receiver that has a span of its own inside."""
    tracer.start_span("work").end()


async def ask_later(**kwargs: Any) -> None:
    """An asynchronous one."""
    await asyncio.sleep(0)
    tracer.start_span("work").end()


def send_inner(**kwargs: Any) -> None:
    """A receiver that dispatches."""
    inner.send(sender="shop")


def delay(number: int, **kwargs: Any) -> None:
    """A receiver that is slow after the budget is spent, and fails at last."""
    tracer.start_span("work").end()
    if number in {SENDS - 2, SENDS - 3}:
        time.sleep(2 * SLOW_MS / 1000)
    if number == SENDS - 1:
        raise ValueError("the last one")


def save_many() -> None:
    """Save users, each of which two receivers want to know of."""
    from django.contrib.auth.models import User

    for number in range(SAVES):
        User.objects.create(username=f"{trace.get_current_span().get_span_context().trace_id}-{number}")


def fail_often() -> None:
    """Send what one receiver fails with, again and again."""
    for _ in range(FAILURES):
        mailed.send_robust(sender="shop")


def send_async() -> None:
    """Send from an event loop."""

    async def send() -> None:
        for _ in range(SENDS):
            await asked.asend(sender="shop")

    asyncio.run(send())


def send_nested() -> None:
    """Send in receivers."""
    for _ in range(SENDS):
        outer.send(sender="shop")


def send_in_threads() -> None:
    """Send in several threads at once."""

    def send() -> None:
        for _ in range(SENDS // THREADS):
            asked.send(sender="shop")

    threads = [threading.Thread(target=contextvars.copy_context().run, args=(send,)) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def send_slow() -> None:
    """Send what is out of the ordinary when the budget is spent."""
    for number in range(SENDS):
        delayed.send_robust(sender="shop", number=number)


STEPS: dict[str, Callable[[], None]] = {
    "import": save_many,
    "newsletter": fail_often,
    "async": send_async,
    "nested": send_nested,
    "threads": send_in_threads,
    "slow": send_slow,
}


def connect() -> None:
    """Connect the receivers."""
    from django.contrib.auth.models import User

    post_save.connect(count_groups, sender=User)
    post_save.connect(note, sender=User)
    mailed.connect(send_mail)
    asked.connect(ask_later)
    asked.connect(ask)
    outer.connect(send_inner)
    inner.connect(ask)
    delayed.connect(delay)


def main(steps: list[str]) -> None:
    """Handle the requests, and leave the rest to the end of the process."""
    configure()
    connect()
    trace_ids: dict[str, str] = {}
    for step in steps:
        if step == "live":
            provider.add_span_processor(Onlooker())
            continue
        with tracer.start_as_current_span(f"POST {step}", kind=trace.SpanKind.SERVER) as span:
            STEPS[step]()
        trace_ids[step] = f"{span.get_span_context().trace_id:032x}"
    print(json.dumps(trace_ids))  # noqa: T201 - it is the answer


if __name__ == "__main__":
    main(sys.argv[1:])
