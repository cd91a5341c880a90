"""What outlives its request, and what instrumentations are told to leave alone."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.dispatch import Signal
from opentelemetry import baggage, context, trace
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased
from pytest_django.fixtures import Settings

from signal_monitor import pipeline
from signal_monitor.testing import capture_dispatches
from tests.telemetry.providing import Eager, Spans, connected, function_of, work

done = Signal()


def fine(**kwargs: Any) -> None: ...


def left_behind(function: Callable[[], object], spans: Spans) -> None:
    """Run something in the context of a request that has been answered."""
    with spans.tracer.start_as_current_span("request"):
        copied = contextvars.copy_context()
    thread = threading.Thread(target=copied.run, args=(function,))
    thread.start()
    thread.join()


def of(spans: Spans, start: str) -> list[ReadableSpan]:
    pipeline.flush()
    return [span for span in spans.exporter.get_finished_spans() if span.name.startswith(start)]


def test_dispatch_after_its_request_is_a_trace_of_its_own_with_a_link(spans: Spans) -> None:
    signal = connected(work(spans.tracer, "sql"))
    left_behind(lambda: signal.send(sender=None), spans)

    (request,), (dispatch,), (sql,) = of(spans, "request"), of(spans, "send "), of(spans, "sql")
    assert dispatch.parent is None
    assert dispatch.context.trace_id != request.context.trace_id
    assert [link.context for link in dispatch.links] == [request.context]
    assert sql.context.trace_id == dispatch.context.trace_id
    assert (dispatch.start_time or 0) >= (request.end_time or 0)


def test_async_dispatch_after_its_request_has_a_link(spans: Spans) -> None:
    async def receiver(**kwargs: Any) -> None:
        with spans.tracer.start_as_current_span("sql"):
            await asyncio.sleep(0.001)

    signal = connected(receiver)

    async def main() -> None:
        with spans.tracer.start_as_current_span("request"):
            task = asyncio.create_task(later())
        await task

    async def later() -> None:
        await asyncio.sleep(0.01)
        await signal.asend(sender=None)

    asyncio.run(main())
    (request,), (dispatch,) = of(spans, "request"), of(spans, "send ")
    assert [link.context for link in dispatch.links] == [request.context]
    assert spans.parents()["sql"].startswith("receive ")


def test_record_of_such_a_dispatch_names_its_own_trace(spans: Spans) -> None:
    with capture_dispatches() as captured:
        left_behind(lambda: connected(fine).send(sender=None), spans)

    (dispatch,), (record,) = of(spans, "send "), captured.dispatches
    assert record.trace_id == f"{dispatch.context.trace_id:032x}"
    assert record.span_id == f"{dispatch.context.span_id:016x}"


def test_baggage_goes_along(spans: Spans) -> None:
    seen = []

    def send() -> None:
        context.attach(baggage.set_baggage("who", "me"))
        connected(lambda **kwargs: seen.append(baggage.get_baggage("who"))).send(sender=None)

    left_behind(send, spans)
    assert seen == ["me"]


def test_such_traces_share_the_budget_of_the_request(spans: Spans, settings: Settings) -> None:
    """What goes on for ever in the name of one request is not a trace each time."""
    settings.SIGNAL_MONITOR = {"STORE": "memory", "SPANS_PER_TRACE": 4}
    signal = connected(fine)

    def send() -> None:
        for _ in range(50):
            signal.send(sender=None)

    left_behind(send, spans)
    (request,), sent = of(spans, "request"), of(spans, "send ")
    assert len(sent) == 3
    assert [[link.context for link in span.links] for span in sent] == [[request.context]] * 3
    assert (sent[-1].attributes or {})["django.signal.dispatches.aggregated.count"] == 48


def test_the_sampler_decides_on_such_a_trace(provide: Any) -> None:
    """It is asked as for any root: here it records what others have begun, and nothing else."""
    spans = provide(TracerProvider(sampler=ParentBased(ALWAYS_OFF), shutdown_on_exit=False))
    sampled = trace.SpanContext(1, 2, is_remote=True, trace_flags=trace.TraceFlags(trace.TraceFlags.SAMPLED))
    parent = trace.set_span_in_context(trace.NonRecordingSpan(sampled))
    with spans.tracer.start_as_current_span("request", context=parent):
        copied = contextvars.copy_context()
    copied.run(connected(fine).send, None)

    assert set(spans.finished()) == {"request"}


@pytest.mark.parametrize("asks", [False, True])
def test_thread_that_outlives_its_receiver_stays_in_the_trace(spans: Spans, *, asks: bool) -> None:
    """The request is still being answered: its span is the innermost one that has not ended."""
    inner, threads, go = connected(fine), [], threading.Event()

    def later() -> None:
        go.wait(60)
        inner.send(sender=None)

    def receiver(**kwargs: Any) -> None:
        if asks:
            spans.tracer.start_span("sql").end()
        threads.append(threading.Thread(target=contextvars.copy_context().run, args=(later,)))
        threads[0].start()

    done.connect(receiver)
    with spans.tracer.start_as_current_span("request") as request:
        done.send(sender=None)
        pipeline.flush()
        go.set()
        threads[0].join()
    done.disconnect(receiver)

    (inside,) = [span for span in of(spans, "send ") if span.name != "send done"]
    if inside.parent is None:  # where spans are started live, the thread has the ended one of the receiver
        assert [link.context for link in inside.links] == [
            span.context for span in of(spans, "receive ") if function_of(span) == "receiver"
        ]
    else:
        assert inside.parent == request.get_span_context()
        assert not inside.links


@pytest.mark.parametrize("sampled", [False, True])
def test_parent_from_elsewhere_is_not_a_request_that_has_ended(spans: Spans, sampled: bool) -> None:  # noqa: FBT001
    flags = trace.TraceFlags(trace.TraceFlags.SAMPLED if sampled else trace.TraceFlags.DEFAULT)
    remote = trace.NonRecordingSpan(trace.SpanContext(1, 2, is_remote=True, trace_flags=flags))
    with trace.use_span(remote):
        connected(fine).send(sender=None)

    assert spans.finished() == {}


@pytest.mark.parametrize("method", ["send", "send_robust", "asend", "asend_robust"])
def test_nothing_where_instrumentation_is_suppressed(spans: Spans, method: str) -> None:
    signal = connected(work(spans.tracer, "sql"))

    async def asend() -> None:
        await getattr(signal, method)(sender=None)

    def send() -> None:
        if method.startswith("a"):
            asyncio.run(asend())
        else:
            getattr(signal, method)(sender=None)

    with spans.tracer.start_as_current_span("request"):
        for _ in range(2):
            with suppress_instrumentation():
                send()
        assert not of(spans, "send ")
        send()

    assert len(of(spans, "send ")) == 1
    assert len(of(spans, "sql")) == 3


def test_suppressed_dispatch_is_recorded_without_a_trace(spans: Spans) -> None:
    with (
        capture_dispatches() as captured,
        spans.tracer.start_as_current_span("request"),
        suppress_instrumentation(),
    ):
        connected(fine, work(spans.tracer, "sql")).send(sender=None)

    (record,) = captured.dispatches
    assert (record.trace_id, record.span_id, [call.span_id for call in record.calls]) == (None, None, [None, None])


def test_current_span_is_what_it_was(provide: Any) -> None:
    """After any dispatch, however it is traced."""
    for processor in (None, Eager()):
        spans = provide()
        if processor is not None:
            spans.provider.add_span_processor(processor)
        with spans.tracer.start_as_current_span("request") as request:
            connected(fine, work(spans.tracer, "sql")).send(sender=None)
            assert trace.get_current_span() is request
            with suppress_instrumentation():
                connected(fine).send(sender=None)
                assert trace.get_current_span() is request
        left_behind(lambda: connected(fine).send(sender=None), spans)
        assert trace.get_current_span() is trace.INVALID_SPAN
