"""Spans: their shape, their parents under concurrency, and where there are none."""

from __future__ import annotations

import asyncio
import contextvars
import itertools
import threading
from typing import Any

import pytest
from django.db.models.signals import post_init
from django.dispatch import Signal
from opentelemetry import baggage, context, trace
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, ParentBased, TraceIdRatioBased
from opentelemetry.trace import StatusCode

from signal_monitor.instrumentation.django_versions import ASYNC_AFTER_SYNC
from signal_monitor.telemetry.current_span import LazyContext
from signal_monitor.testing import capture_dispatches
from tests.support.queueing import fill_queue
from tests.telemetry.providing import Eager, Spans, connected, receive_work, work


def receive(name: str) -> str:
    return f"receive telemetry.test_spans.{name}"


def failing(**kwargs: Any) -> None:
    raise ValueError("no", 7)


def fine(**kwargs: Any) -> None: ...


paid = Signal()


def test_shape(spans: Spans) -> None:
    paid.connect(fine)
    paid.connect(failing)
    try:
        with spans.tracer.start_as_current_span("request"), pytest.raises(ValueError, match="no"):
            paid.send(sender=dict)
    finally:
        paid.disconnect(fine)
        paid.disconnect(failing)

    finished = spans.finished()
    assert set(finished) == {"request", "send paid", receive("fine"), receive("failing")}
    dispatch, ok, failed = finished["send paid"], finished[receive("fine")], finished[receive("failing")]
    assert (
        dict(dispatch.attributes or {}).items()
        >= {
            "django.signal.name": f"{__name__}.paid",
            "django.signal.method": "send",
            "django.signal.sender": "dict",
            "django.signal.receivers.count": 2,
            "django.signal.receivers.failed": 1,
        }.items()
    )
    assert (
        dict(failed.attributes or {}).items()
        >= {
            "code.function.name": f"{__name__}.failing",
            "code.file.path": __file__,
            "code.line.number": failing.__code__.co_firstlineno,
            "django.signal.name": f"{__name__}.paid",
            "django.signal.receiver.outcome": "raised",
            "error.type": "ValueError",
        }.items()
    )
    assert dispatch.status.status_code is StatusCode.ERROR
    assert failed.status.status_code is StatusCode.ERROR
    assert ok.status.status_code is StatusCode.UNSET
    assert {span.kind for span in finished.values()} == {trace.SpanKind.INTERNAL}
    assert dispatch.instrumentation_scope is not None
    assert dispatch.instrumentation_scope.name == "signal_monitor"


def test_exception_is_one_event_on_the_receivers_span(spans: Spans) -> None:
    with spans.tracer.start_as_current_span("request"):
        connected(failing).send_robust(sender=None)

    finished = list(spans.finished().values())
    (event,) = [event for span in finished for event in span.events]
    assert event in finished[0].events or receive("failing") in spans.finished()
    assert event.name == "exception"
    attributes = dict(event.attributes or {})
    assert (attributes["exception.type"], attributes["exception.message"]) == ("ValueError", "no, 7")
    assert 'raise ValueError("no", 7)' in str(attributes["exception.stacktrace"])


def test_robust_send_does_not_fail_its_dispatch(spans: Spans) -> None:
    with spans.tracer.start_as_current_span("request"):
        connected(failing).send_robust(sender=None)

    (dispatch,) = [span for name, span in spans.finished().items() if name.startswith("send ")]
    assert dispatch.status.status_code is StatusCode.UNSET
    assert (dispatch.attributes or {})["django.signal.receivers.failed"] == 1


def test_times_lie_inside_each_other(spans: Spans) -> None:
    with spans.tracer.start_as_current_span("request"):
        connected(work(spans.tracer, "sql")).send(sender=None)

    finished = spans.finished()
    order = ["request", next(name for name in finished if name.startswith("send")), receive_work("sql"), "sql"]
    for outer, inner in itertools.pairwise(order):
        assert (finished[outer].start_time or 0) <= (finished[inner].start_time or 0)
        assert (finished[inner].end_time or 0) <= (finished[outer].end_time or 0)


def test_receivers_own_spans_hang_under_it(spans: Spans) -> None:
    inner = connected(work(spans.tracer, "inner sql"))

    def outer(**kwargs: Any) -> None:
        with spans.tracer.start_as_current_span("outer sql"):
            inner.send(sender=None)

    with spans.tracer.start_as_current_span("request") as request:
        connected(outer, work(spans.tracer, "next sql")).send(sender=None)
        assert trace.get_current_span() is request

    parents = spans.parents()
    assert parents["inner sql"] == receive_work("inner sql")
    assert parents["next sql"] == receive_work("next sql")
    assert parents[receive_work("inner sql")].startswith("send ")


@pytest.mark.parametrize("method", ["asend", "asend_robust"])
def test_concurrent_async_receivers_keep_their_own_parents(spans: Spans, method: str) -> None:
    def receiver(name: str) -> Any:
        async def waits(**kwargs: Any) -> None:
            for step in range(3):
                await asyncio.sleep(0.001)
                with spans.tracer.start_as_current_span(f"{name} {step}"):
                    await asyncio.sleep(0.001)

        waits.__qualname__ = f"waits_{name}"
        return waits

    async def main() -> None:
        with spans.tracer.start_as_current_span("request") as request:
            signal = connected(receiver("a"), receiver("b"), work(spans.tracer, "sync"))
            await getattr(signal, method)(sender=None)
            assert trace.get_current_span() is request

    asyncio.run(main())

    parents = spans.parents()
    for name in "ab":
        assert [parents[f"{name} {step}"] for step in range(3)] == [receive(f"waits_{name}")] * 3
    assert parents["sync"] == receive_work("sync")
    assert parents[receive("waits_a")] == parents[receive("waits_b")]


def test_thread_with_a_copied_context_hangs_under_its_receiver(spans: Spans) -> None:
    def threading_receiver(**kwargs: Any) -> None:
        context = contextvars.copy_context()
        thread = threading.Thread(target=context.run, args=(work(spans.tracer, "in thread"),))
        thread.start()
        thread.join()

    with spans.tracer.start_as_current_span("request"):
        connected(threading_receiver).send(sender=None)

    assert spans.parents()["in thread"].endswith("threading_receiver")


def test_what_a_receiver_says_of_itself_is_kept(spans: Spans) -> None:
    def talkative(**kwargs: Any) -> None:
        span = trace.get_current_span()
        assert span.is_recording()
        assert span.context == span.get_span_context()  # type: ignore[attr-defined]
        assert span.name.startswith("receive ")  # type: ignore[attr-defined]
        span.set_attribute("order.id", 5)
        span.add_event("charged", {"amount": 3})

    with spans.tracer.start_as_current_span("request"):
        connected(talkative).send(sender=None)

    (span,) = [span for name, span in spans.finished().items() if name.endswith("talkative")]
    assert (span.attributes or {})["order.id"] == 5
    assert [event.name for event in span.events] == ["charged"]


def test_ids_in_records_are_those_of_the_spans(spans: Spans) -> None:
    with capture_dispatches() as captured, spans.tracer.start_as_current_span("request"):
        connected(fine).send(sender=None)

    (record,) = captured.dispatches
    by_id = {f"{span.context.span_id:016x}": name for name, span in spans.finished().items()}
    assert by_id[record.span_id or ""].startswith("send ")
    assert by_id[record.calls[0].span_id or ""] == receive("fine")
    assert record.trace_id == f"{spans.finished()['request'].context.trace_id:032x}"


def test_processor_that_wants_to_see_spans_start_sees_real_ones(provide: Any) -> None:
    spans = provide()
    spans.provider.add_span_processor(Eager())
    with spans.tracer.start_as_current_span("request"):
        connected(fine).send(sender=None)

    assert {(span.attributes or {}).get("seen.at.start") for span in spans.finished().values()} == {"yes"}


@pytest.mark.parametrize(
    ("sampler", "light"),
    [
        (ALWAYS_ON, True),
        (ParentBased(TraceIdRatioBased(1.0)), True),
        (TraceIdRatioBased(1.0), False),
        (ParentBased(ALWAYS_ON, local_parent_sampled=TraceIdRatioBased(1.0)), False),
    ],
)
def test_sampler_that_does_not_follow_its_parent_gets_real_spans(provide: Any, sampler: Any, light: bool) -> None:  # noqa: FBT001
    spans = provide(TracerProvider(sampler=sampler, shutdown_on_exit=False))
    seen = []
    with spans.tracer.start_as_current_span("request"):
        connected(lambda **kwargs: seen.append(isinstance(context.get_current(), LazyContext))).send(sender=None)

    assert seen == [light]
    assert len(spans.finished()) == 3


def test_no_spans_without_a_recording_parent(provide: Any) -> None:
    spans = provide()
    connected(fine).send(sender=None)

    unsampled = provide(TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False))
    with unsampled.tracer.start_as_current_span("request"):
        connected(fine).send(sender=None)

    assert spans.finished() == unsampled.finished() == {}


def test_no_spans_without_a_provider(recwarn: pytest.WarningsRecorder) -> None:
    assert isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)
    with capture_dispatches() as captured:
        connected(fine).send(sender=None)

    assert [record.trace_id for record in captured.dispatches] == [None]
    assert not list(recwarn)


def test_ignored_signals_have_no_spans(provide: Any) -> None:
    spans = provide()
    post_init.connect(fine)
    try:
        with spans.tracer.start_as_current_span("request"):
            post_init.send(sender=dict)
    finally:
        post_init.disconnect(fine)

    assert set(spans.finished()) == {"request"}


def test_late_receiver_has_its_span_when_it_ends(provide: Any) -> None:
    """From Django 6.1 on there are none: async receivers start last, and are cancelled together."""
    spans = provide()

    async def late(**kwargs: Any) -> None:
        await asyncio.sleep(0.03)

    async def main() -> None:
        with spans.tracer.start_as_current_span("request"), pytest.raises(ValueError, match="no"):
            await connected(failing, late).asend(sender=None)
        await asyncio.sleep(0.06)

    asyncio.run(main())

    ended = [span for name, span in spans.finished().items() if name.endswith("late")]
    assert [(span.attributes or {})["django.signal.receiver.outcome"] for span in ended] == ["late"] * (
        not ASYNC_AFTER_SYNC
    )
    assert all((span.end_time or 0) - (span.start_time or 0) >= 25_000_000 for span in ended)


@pytest.mark.parametrize("method", ["send", "asend"])
def test_baggage_and_spans_of_a_receiver_hold_across_awaits(spans: Spans, method: str) -> None:
    seen = []

    async def receiver(**kwargs: Any) -> None:
        token = context.attach(baggage.set_baggage("who", "me"))
        with spans.tracer.start_as_current_span("outer"):
            await asyncio.sleep(0.001)
            with spans.tracer.start_as_current_span("inner"):
                await asyncio.sleep(0.001)
                seen.append(baggage.get_baggage("who"))
        context.detach(token)

    async def other(**kwargs: Any) -> None:
        for _ in range(4):
            await asyncio.sleep(0.0005)
            seen.append(baggage.get_baggage("who"))

    signal = connected(receiver, other)
    with spans.tracer.start_as_current_span("request"):
        if method == "send":
            signal.send(sender=None)
        else:
            asyncio.run(signal.asend(sender=None))

    assert spans.parents()["inner"] == "outer"
    assert seen.count("me") == 1


def test_baggage_that_a_sync_receiver_leaves_stays(spans: Spans) -> None:
    def receiver(**kwargs: Any) -> None:
        context.attach(baggage.set_baggage("who", "me"))

    with spans.tracer.start_as_current_span("request") as request:
        connected(receiver, fine).send(sender=None)
        assert baggage.get_baggage("who") == "me"
        assert trace.get_current_span() is request


def test_limits_and_final_status_are_the_sdks(provide: Any) -> None:
    spans = provide(TracerProvider(span_limits=SpanLimits(max_span_attributes=20), shutdown_on_exit=False))

    def receiver(**kwargs: Any) -> None:
        span = trace.get_current_span()
        span.set_attributes({f"key {number}": number for number in range(100)})
        span.set_status(StatusCode.OK)
        span.set_status(StatusCode.ERROR)

    with spans.tracer.start_as_current_span("request"):
        connected(receiver).send(sender=None)

    (span,) = [span for name, span in spans.finished().items() if name.endswith("receiver")]
    assert len(span.attributes or {}) <= 20
    assert (span.attributes or {})["django.signal.receiver.outcome"] == "ok"
    assert span.status.status_code is StatusCode.OK


def test_full_queue_gives_out_no_span_ids(provide: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    spans = provide()
    fill_queue(monkeypatch)
    with spans.tracer.start_as_current_span("request"):
        connected(work(spans.tracer, "sql")).send(sender=None)

    assert spans.parents() == {"request": "", "sql": "request"}
