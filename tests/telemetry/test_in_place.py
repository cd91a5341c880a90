"""When spans begin and end, who hands them to the processors, and that none is missing when a provider is flushed."""

from __future__ import annotations

import contextlib
import contextvars
import logging
import os
import threading
import time
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from django.dispatch import Signal
from opentelemetry import trace
from opentelemetry.instrumentation.utils import is_instrumentation_enabled
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pytest_django.fixtures import Settings

from signal_monitor import pipeline
from signal_monitor.telemetry.policy import deciding
from signal_monitor.telemetry.providers import DeliverOnFlush
from tests.telemetry.providing import Spans, connected, receive_work, work


def fine(**kwargs: Any) -> None: ...


class Handed(SpanProcessor):
    """Keeps which thread has handed over which span, and whether it was suppressed."""

    def __init__(self) -> None:
        self.threads: dict[str, int] = {}
        self.enabled: set[bool] = set()

    def on_end(self, span: ReadableSpan) -> None:
        self.threads[span.name] = threading.get_ident()
        self.enabled.add(is_instrumentation_enabled())


class Wrapped(trace.TracerProvider):
    """A provider around the SDK's, as vendors make them."""

    def __init__(self, provider: TracerProvider) -> None:
        self.provider = provider

    def get_tracer(self, *args: Any, **kwargs: Any) -> trace.Tracer:
        return WrappedTracer(self.provider.get_tracer(*args, **kwargs))


class WrappedTracer(trace.Tracer):
    """A tracer around the SDK's."""

    def __init__(self, tracer: trace.Tracer) -> None:
        self.tracer = tracer

    def start_span(self, *args: Any, **kwargs: Any) -> trace.Span:
        return self.tracer.start_span(*args, **kwargs)

    def start_as_current_span(self, *args: Any, **kwargs: Any) -> Any:
        return self.tracer.start_as_current_span(*args, **kwargs)


class LoudError(ValueError):
    """An exception whose text is code of the application's."""

    def __str__(self) -> str:
        raise AssertionError("str() of an exception of the application's")


class CustomSignal(Signal):
    """Calls its receivers itself."""

    def send(self, sender: Any, **named: Any) -> Any:
        receivers, _ = self._live_receivers(sender)
        return [(receiver, receiver(signal=self, sender=sender, **named)) for receiver in receivers]


class ExtendedSignal(Signal):
    """Leaves the calls to Django."""

    def send(self, sender: Any, **named: Any) -> Any:
        return super().send(sender, **named)


def names(spans: Spans) -> list[str]:
    """What has been exported so far, without a flush."""
    return [span.name for span in spans.exporter.get_finished_spans()]


def test_span_that_somebody_asks_for_ends_with_its_call(spans: Spans) -> None:
    seen: list[list[str]] = []

    def looks(**kwargs: Any) -> None:
        seen.append(names(spans))

    with spans.tracer.start_as_current_span("request"):
        signal = connected(work(spans.tracer, "sql"), looks)
        signal.send(sender=None)
        assert receive_work("sql") in seen[0]
        assert not any(name.startswith("send ") for name in seen[0])
        assert any(name.startswith("send ") for name in names(spans))


async def test_span_of_an_async_receiver_ends_with_its_call(spans: Spans) -> None:
    async def asks(**kwargs: Any) -> None:
        with spans.tracer.start_as_current_span("sql"):
            pass

    with spans.tracer.start_as_current_span("request"):
        await connected(asks).asend(sender=None)
        assert [name.split()[0] for name in names(spans)] == ["sql", "receive", "send"]


def test_spans_that_nobody_asks_for_are_handed_over_by_the_worker(provide: Any) -> None:
    spans: Spans = provide()
    handed = Handed()
    spans.provider.add_span_processor(handed)
    with spans.tracer.start_as_current_span("request"):
        connected(work(spans.tracer, "sql")).send(sender=None)
        connected(fine).send(sender=None)
    flushing = threading.Thread(target=pipeline.flush)
    flushing.start()
    flushing.join()

    assert handed.threads[receive_work("sql")] == threading.get_ident()
    assert handed.threads["receive telemetry.test_in_place.fine"] != threading.get_ident()


def test_no_span_is_handed_over_suppressed(spans: Spans, settings: Settings) -> None:
    """Processors may ask, and leave out what is suppressed: exported ones, aggregated ones, those of failed ones."""
    settings.SIGNAL_MONITOR = {"STORE": "memory", "SPANS_PER_TRACE": 7}

    def fails(**kwargs: Any) -> None:
        raise ValueError("no")

    handed = Handed()
    spans.provider.add_span_processor(handed)
    with spans.tracer.start_as_current_span("request"):
        connected(fails).send_robust(sender=None)
        for _ in range(300):
            connected(fine).send(sender=None)
    pipeline.flush()

    assert any("aggregated" in name for name in handed.threads)
    assert handed.enabled == {True}


class Slow(SpanExporter):
    """Takes its time."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        time.sleep(0.001)
        self.names += [span.name for span in spans]
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None: ...


@pytest.mark.parametrize("ends", ["force_flush", "shutdown"])
@pytest.mark.parametrize("processor", [SimpleSpanProcessor, BatchSpanProcessor])
def test_flushed_provider_has_every_span(monkeypatch: pytest.MonkeyPatch, processor: Any, ends: str) -> None:
    exporter, provider = Slow(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(processor(exporter))
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    signal = connected(fine)
    with provider.get_tracer("test").start_as_current_span("request"):
        for _ in range(30):
            signal.send(sender=None)
    getattr(provider, ends)()

    assert len(exporter.names) == 61
    provider.shutdown()


def test_provider_is_asked_to_deliver_once(provide: Any) -> None:
    spans: Spans = provide()
    for _ in range(2):
        with spans.tracer.start_as_current_span("request"):
            connected(fine).send(sender=None)

    processors = spans.provider._active_span_processor._span_processors
    assert [type(item) for item in processors] == [DeliverOnFlush, SimpleSpanProcessor]


def test_provider_of_another_maker_sees_spans_live(monkeypatch: pytest.MonkeyPatch) -> None:
    exporter, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", Wrapped(provider))
    with trace.get_tracer("test").start_as_current_span("request"):
        connected(fine).send(sender=None)

    assert [span.name.split()[0] for span in exporter.get_finished_spans()] == ["receive", "send", "request"]


@pytest.mark.parametrize("kind", [CustomSignal, ExtendedSignal])
def test_custom_send_has_one_dispatch_span(spans: Spans, kind: type[Signal]) -> None:
    signal = kind()
    signal.connect(fine)
    with spans.tracer.start_as_current_span("request"):
        for _ in range(2):
            signal.send(sender=None)
    pipeline.flush()

    found = [name.split()[0] for name in names(spans)]
    assert (found.count("send"), found.count("receive")) == (2, 2)
    assert spans.parents()["receive telemetry.test_in_place.fine"].startswith("send ")


def test_text_of_an_exception_is_not_asked_for(spans: Spans) -> None:
    def fails(**kwargs: Any) -> None:
        with spans.tracer.start_as_current_span("sql"):
            pass
        raise LoudError("no")

    with spans.tracer.start_as_current_span("request"), contextlib.suppress(LoudError):
        connected(fails).send(sender=None)

    (failed,) = [span for name, span in spans.finished().items() if name.endswith("fails")]
    assert [(event.attributes or {})["exception.message"] for event in failed.events] == ["no"]


def test_receiver_that_ends_its_span_is_left_alone(spans: Spans, caplog: pytest.LogCaptureFixture) -> None:
    def ends(**kwargs: Any) -> None:
        trace.get_current_span().end()

    with spans.tracer.start_as_current_span("request"):
        connected(ends).send(sender=None)

    assert len(spans.finished()) == 3
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_threads_that_ask_while_the_worker_decides_hang_under_spans_that_exist(provide: Any) -> None:
    spans: Spans = provide()
    threads: list[threading.Thread] = []

    def asks() -> None:
        for _ in range(3):
            spans.tracer.start_span("sql").end()

    def starts_thread(**kwargs: Any) -> None:
        threads.append(threading.Thread(target=contextvars.copy_context().run, args=(asks,)))
        threads[-1].start()

    signal = connected(starts_thread, fine)
    for _ in range(20):
        with spans.tracer.start_as_current_span("request"):
            for _ in range(10):
                signal.send(sender=None)
            pipeline.flush()
    for thread in threads:
        thread.join()
    pipeline.flush()

    every = spans.exporter.get_finished_spans()
    ids = {span.context.span_id for span in every}
    assert len(ids) == len(every)
    assert all(span.parent is None or span.parent.span_id in ids for span in every)
    assert sum(1 for span in every if span.name.startswith("send ")) == 200


def test_forked_child_decides_though_its_parent_was_deciding(provide: Any) -> None:
    spans: Spans = provide()
    locked, release = threading.Event(), threading.Event()

    def holds() -> None:
        with deciding():
            locked.set()
            release.wait(10)

    thread = threading.Thread(target=holds)
    thread.start()
    locked.wait(10)
    with spans.tracer.start_as_current_span("request"), _ignored_fork_warning():
        child = os.fork()
        if child == 0:
            connected(work(spans.tracer, "sql")).send(sender=None)
            os._exit(0)
    status = os.waitpid(child, 0)[1]
    release.set()
    thread.join()

    assert os.waitstatus_to_exitcode(status) == 0


@contextlib.contextmanager
def _ignored_fork_warning() -> Iterator[None]:
    """Python warns of threads that a forked child does not have: this test is about one."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield
