"""Watching exporters changes nothing for those who have made them, and leaves nothing behind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, SynchronousMultiSpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor, SpanExporter, SpanExportResult

from signal_monitor import pipeline
from signal_monitor.apps import start
from signal_monitor.conf import get_config
from signal_monitor.instrumentor import SignalInstrumentor
from signal_monitor.telemetry.setup import telemetry
from signal_monitor.tracing import GRPC_HINT, HTTP_HINT, JAEGER_PAGES_HINT, Exporter
from tests.telemetry.providing import Eager


class Answering(SpanExporter):
    """Answers what it is told to, or raises it."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.taken: list[Any] = []

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.taken.append(spans)
        answer = self.answers.pop(0) if self.answers else SpanExportResult.SUCCESS
        if isinstance(answer, BaseException):
            raise answer
        return answer


class Slotted:
    """An exporter without a place for attributes of others."""

    __slots__ = ("taken",)

    def __init__(self) -> None:
        self.taken = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.taken += len(spans)
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        """There is nothing to do."""


class Forwarding(SpanExporter):
    """Hands on to another one, as exporters that filter do."""

    def __init__(self, inner: SpanExporter) -> None:
        self.wrapped_exporter = inner

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return self.wrapped_exporter.export(spans)


def watched() -> tuple[Exporter, ...]:
    """The exporters of the provider in use."""
    pipeline.flush()
    return telemetry.describe().exporters


def provider_with(provide: Any, *processors: SpanProcessor) -> TracerProvider:
    provider = TracerProvider(shutdown_on_exit=False)
    for processor in processors:
        provider.add_span_processor(processor)
    provide(provider)
    return provider


def one_of(processor: str) -> Exporter:
    (found,) = [exporter for exporter in watched() if exporter.processor.endswith(processor)]
    return found


@pytest.mark.parametrize(
    ("answers", "failures", "lost", "exported"),
    [
        ([SpanExportResult.SUCCESS], 0, 0, 1),
        ([None], 0, 0, 1),
        ([SpanExportResult.FAILURE], 1, 1, 0),
        ([SpanExportResult.FAILURE, ValueError("token=hunter2")], 2, 2, 0),
        ([SpanExportResult.FAILURE, SpanExportResult.SUCCESS], 0, 1, 1),
    ],
)
def test_exports_are_counted(provide: Any, answers: list[Any], failures: int, lost: int, exported: int) -> None:
    exporter = Answering(*answers)
    provider = provider_with(provide, SimpleSpanProcessor(exporter))
    before = watched()[0]

    for _ in answers:
        provider.get_tracer("test").start_span("work").end()

    found = watched()[0]
    assert (before.exported, before.last_success_at) == (0, None)
    assert (found.failures, found.lost, found.exported) == (failures, lost, exported)
    assert (found.last_success_at is not None, found.last_failure_at is not None) == (exported > 0, lost > 0)
    assert "hunter2" not in found.reason
    assert len(exporter.taken) == len(answers)


def test_results_and_exceptions_reach_the_caller(provide: Any) -> None:
    class Ended(BaseException):
        """Not the monitor's to catch."""

    answer = object()
    exporter = Answering(answer, ValueError("no"), Ended())
    provider_with(provide, SimpleSpanProcessor(exporter))
    assert watched()[0].is_watched

    assert exporter.export(()) is answer
    with pytest.raises(ValueError, match="no"):
        exporter.export(())
    with pytest.raises(Ended):
        exporter.export(spans=())
    assert watched()[0].failures == 2


def test_nothing_stays_on_an_exporter(provide: Any) -> None:
    simple, queued = Answering(), Answering()
    batch = BatchSpanProcessor(queued)
    before = [dict(vars(item)) for item in (simple, queued, batch._batch_processor._metrics)]
    provider_with(provide, SimpleSpanProcessor(simple), batch)
    assert [exporter.is_watched for exporter in watched()][:2] == [True, True]
    assert {"export"} <= vars(simple).keys() & vars(queued).keys()
    SignalInstrumentor().instrument()

    SignalInstrumentor().uninstrument()
    try:
        assert [dict(vars(item)) for item in (simple, queued, batch._batch_processor._metrics)] == before
        assert watched() == ()
    finally:
        telemetry.stopped = False
        start(get_config())
    watched()
    assert "export" in vars(simple)
    batch.shutdown()  # type: ignore[no-untyped-call]


def test_function_that_somebody_puts_around_ours_stays(provide: Any) -> None:
    exporter = Answering()
    provider_with(provide, SimpleSpanProcessor(exporter))
    watched()
    ours = exporter.export
    vars(exporter)["export"] = theirs = lambda spans: ours(spans)
    telemetry._exporters.stop()
    try:
        assert exporter.export is theirs
        assert exporter.export([]) is SpanExportResult.SUCCESS
    finally:
        telemetry._exporters.enabled = True


def test_spans_that_find_a_full_queue_are_counted_exactly(provide: Any) -> None:
    exporter = Answering()
    batch = BatchSpanProcessor(exporter, max_queue_size=10, max_export_batch_size=10, schedule_delay_millis=60_000)
    provider = provider_with(provide, batch)
    assert one_of("BatchSpanProcessor").dropped == 0
    with batch._batch_processor._export_lock:  # nothing leaves the queue
        for _ in range(35):
            provider.get_tracer("test").start_span("work").end()

        assert one_of("BatchSpanProcessor").dropped == 25
    batch.shutdown()  # type: ignore[no-untyped-call]


def test_exporter_is_found_in_processors_and_exporters_that_hand_on(provide: Any) -> None:
    inner = Answering()
    inner._endpoint = "https://user:hunter2@traces.example/v1"  # type: ignore[attr-defined]
    nested = SynchronousMultiSpanProcessor()  # type: ignore[no-untyped-call]
    nested.add_span_processor(SimpleSpanProcessor(Forwarding(inner)))
    provider = provider_with(provide, nested)
    watched()

    provider.get_tracer("test").start_span("work").end()

    (found,) = [exporter for exporter in watched() if exporter.name.endswith("Forwarding")]
    assert (found.exported, found.endpoint) == (1, "https://[scrubbed]@traces.example/v1")


def test_less_is_said_of_other_processors_and_exporters(provide: Any) -> None:
    exporter: Any = Slotted()
    provider = provider_with(provide, Eager(), SimpleSpanProcessor(exporter))

    provider.get_tracer("test").start_span("work").end()

    eager, slotted = watched()[:2]
    assert (eager.name, eager.processor, eager.is_watched) == ("", "tests.telemetry.providing.Eager", False)
    assert (slotted.name, slotted.is_watched) == ("tests.telemetry.test_exporters.Slotted", False)
    assert exporter.taken == 1


def test_processor_that_is_added_later_is_watched_too(provide: Any) -> None:
    provider = provider_with(provide)
    before = len(watched())

    provider.add_span_processor(SimpleSpanProcessor(Answering()))

    assert len(watched()) == before + 1


def test_forked_child_counts_from_nothing(provide: Any) -> None:
    provider = provider_with(provide, SimpleSpanProcessor(Answering()))
    watched()
    provider.get_tracer("test").start_span("work").end()
    assert watched()[0].exported == 1

    telemetry._exporters.forget()

    assert watched()[0].exported == 0
    provider.get_tracer("test").start_span("work").end()
    assert watched()[0].exported == 1


@pytest.mark.parametrize(
    ("protocol", "endpoint", "hints"),
    [
        ("http", "http://localhost:4318/v1/traces", []),
        ("grpc", "localhost:4317", []),
        ("grpc", "localhost:4318", [GRPC_HINT]),
        ("http", "http://jaeger:4317/v1/traces", [HTTP_HINT]),
        ("http", "http://[::1]:16686/v1/traces", [JAEGER_PAGES_HINT]),
        ("http", None, []),
    ],
)
def test_port_that_takes_no_spans_is_told(protocol: str, endpoint: str | None, hints: list[str]) -> None:
    name = f"opentelemetry.exporter.otlp.proto.{protocol}.trace_exporter.OTLPSpanExporter"

    assert Exporter(name, "BatchSpanProcessor", endpoint).hints == hints
