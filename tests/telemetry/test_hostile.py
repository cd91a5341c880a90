"""What others plug into OpenTelemetry, and what threads and settings do at the worst moment."""

from __future__ import annotations

import contextlib
import contextvars
import threading
import time
from typing import Any

import pytest
from django.dispatch import Signal
from opentelemetry import context, trace
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pytest_django.fixtures import Settings

from signal_monitor import pipeline
from signal_monitor.errors import errors
from signal_monitor.instrumentor import SignalInstrumentor
from signal_monitor.telemetry.setup import telemetry
from tests.support.queueing import fill_queue
from tests.telemetry.providing import Spans, connected, function_of, work


class Locking(SpanProcessor):
    """Takes a lock of the application's when a span starts."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.waiting = threading.Event()

    def on_start(self, span: Span, parent_context: Any = None) -> None:
        self.waiting.set()
        with self.lock:
            span.set_attribute("locked", value=True)


class Refusing(SpanProcessor):
    """Raises at the end of every other span."""

    def __init__(self) -> None:
        self.count = 0

    def on_end(self, span: ReadableSpan) -> None:
        self.count += span.name != "request"
        if self.count % 2:
            raise KeyError("on_end")


class Raising(SpanProcessor):
    """Raises at the start of a span of ours."""

    def on_start(self, span: Span, parent_context: Any = None) -> None:
        if span.name != "request":
            raise KeyError("on_start")


def fine(**kwargs: Any) -> None: ...


def test_no_lock_is_held_around_a_span_processor(provide: Any) -> None:
    """One thread waits in ``on_start`` for what another holds that sends."""
    spans: Spans = provide()
    locking = Locking()
    signal = connected(fine)
    with spans.tracer.start_as_current_span("request"):
        spans.provider.add_span_processor(locking)
        copies = [contextvars.copy_context() for _ in range(2)]

    def holds() -> None:
        with locking.lock:
            threads[1].start()
            locking.waiting.wait(60)
            with trace.use_span(trace.INVALID_SPAN):
                signal.send(sender=None)

    threads = [threading.Thread(target=copies[0].run, args=(holds,), daemon=True)]
    threads.append(threading.Thread(target=copies[1].run, args=(signal.send, None), daemon=True))
    threads[0].start()
    threads[0].join(60)
    threads[1].join(60)
    assert not any(thread.is_alive() for thread in threads)


def test_processor_that_raises_at_the_end_loses_no_other_span(provide: Any) -> None:
    spans: Spans = provide()
    signal, before = connected(fine), errors.count
    with spans.tracer.start_as_current_span("request"):
        spans.provider.add_span_processor(Refusing())
        for _ in range(30):
            signal.send(sender=None)
        pipeline.flush()
        written = spans.exporter.get_finished_spans()
    assert len(written) == 60
    assert errors.count > before


def test_processor_that_raises_at_the_start_does_not_keep_receivers_from_running(provide: Any) -> None:
    spans: Spans = provide()
    ran: list[int] = []

    def receiver(**kwargs: Any) -> None:
        ran.append(1)

    with spans.tracer.start_as_current_span("request"):
        spans.provider.add_span_processor(Raising())
        connected(receiver).send(sender=None)
        connected(receiver).send_robust(sender=None)
    assert len(ran) == 2


def test_who_asks_after_a_drop_gets_the_span_around(provide: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    spans: Spans = provide()
    go, threads = threading.Event(), []

    def later() -> None:
        go.wait(60)
        with spans.tracer.start_as_current_span("later"):
            pass

    def receiver(**kwargs: Any) -> None:
        threads.append(threading.Thread(target=contextvars.copy_context().run, args=(later,)))
        threads[0].start()
        fill_queue(monkeypatch)

    with spans.tracer.start_as_current_span("request"):
        connected(receiver).send(sender=None)
        go.set()
        threads[0].join()
    assert spans.parents() == {"request": "", "later": "request"}


def test_context_taken_back_in_a_later_dispatch(provide: Any) -> None:
    """One receiver attaches, another one, of another signal, detaches: the caller's span is current afterwards."""
    spans: Spans = provide()
    tokens: list[Any] = []

    def begin(**kwargs: Any) -> None:
        tokens.append(context.attach(context.set_value("key", "value")))

    def end(**kwargs: Any) -> None:
        context.detach(tokens.pop())

    before, after = connected(begin), connected(end)
    with spans.tracer.start_as_current_span("request") as request:
        before.send(sender=None)
        after.send(sender=None)
        assert trace.get_current_span() is request


def test_failure_of_a_receivers_own_that_looks_the_same_is_told(spans: Spans) -> None:
    """It has caught what a dispatch inside it has raised, and fails by itself in the same place."""
    inner = Signal()

    def fail() -> None:
        raise ValueError("no")

    def fails(**kwargs: Any) -> None:
        fail()

    def catches(**kwargs: Any) -> None:
        with contextlib.suppress(ValueError):
            inner.send(sender=None)
        fail()

    inner.connect(fails)
    with spans.tracer.start_as_current_span("request"):
        connected(catches).send_robust(sender=None)
    spans.finished()
    told = [function_of(span) for span in spans.exporter.get_finished_spans() for _ in span.events]
    assert sorted(told) == ["catches", "fails"]


def test_failure_is_told_by_the_next_receiver_where_the_innermost_has_no_span(spans: Spans, settings: Settings) -> None:
    settings.SIGNAL_MONITOR = {"STORE": "memory", "SPANS_EXCLUDE": ["*.fails_inside"]}
    inner = Signal()

    def fails_inside(**kwargs: Any) -> None:
        raise ValueError("no")

    def sends(**kwargs: Any) -> None:
        inner.send(sender=None)

    inner.connect(fails_inside)
    with spans.tracer.start_as_current_span("request"):
        connected(sends).send_robust(sender=None)
    spans.finished()
    told = [function_of(span) for span in spans.exporter.get_finished_spans() for _ in span.events]
    assert told == ["sends"]


def test_settings_and_providers_hold_within_a_context_that_is_known(spans: Spans, settings: Settings) -> None:
    exporter = InMemorySpanExporter()
    other = TracerProvider(shutdown_on_exit=False)
    other.add_span_processor(SimpleSpanProcessor(exporter))
    signal = connected(fine)
    with spans.tracer.start_as_current_span("request"):
        signal.send(sender=None)
        settings.SIGNAL_MONITOR = {"STORE": "memory", "SPANS_PER_TRACE": 0}
        signal.send(sender=None)
        settings.SIGNAL_MONITOR = {"STORE": "memory"}
        SignalInstrumentor().instrument(tracer_provider=other)
        try:
            signal.send(sender=None)
            pipeline.flush()
        finally:
            SignalInstrumentor().uninstrument()
            telemetry.stopped = False
    settings.SIGNAL_MONITOR = {"STORE": "memory", "SLOW_MS": 99}
    assert [span.name.split()[0] for span in exporter.get_finished_spans()] == ["receive", "send"]
    assert len(spans.finished()) == 3


def test_span_that_a_receiver_asks_for_late_began_when_the_receiver_did(provide: Any) -> None:
    spans: Spans = provide()

    def asks_late(**kwargs: Any) -> None:
        time.sleep(0.01)
        with spans.tracer.start_as_current_span("sql"):
            pass

    with spans.tracer.start_as_current_span("request"):
        connected(asks_late, work(spans.tracer, "next")).send(sender=None)
    (asked,) = [span for name, span in spans.finished().items() if name.endswith("asks_late")]
    assert (asked.end_time or 0) - (asked.start_time or 0) >= 10_000_000
