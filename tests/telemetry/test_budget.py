"""Spans that people can afford: a budget per trace, and what is aggregated beyond it."""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.dispatch import Signal
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import StatusCode
from pytest_django.fixtures import Settings

from signal_monitor import pipeline
from signal_monitor.telemetry import aggregate
from signal_monitor.telemetry.policy import MAX_TRACES, Budget
from signal_monitor.testing import capture_dispatches
from tests.support.queueing import fill_queue
from tests.telemetry.providing import Eager, Spans, connected, plain, receive_work, work

saved = Signal()
other = Signal()


def fine(**kwargs: Any) -> None: ...


def also_fine(**kwargs: Any) -> None: ...


def slow(**kwargs: Any) -> None:
    time.sleep(0.25)


def failing(**kwargs: Any) -> None:
    raise ValueError("no")


AGGREGATED = "send saved (aggregated)"


def receive(receiver: Callable[..., Any]) -> str:
    return f"receive telemetry.test_budget.{receiver.__qualname__}"


@pytest.fixture(autouse=True)
def _no_early_span(monkeypatch: pytest.MonkeyPatch) -> None:
    """An aggregate is written when the test asks for the spans, however slow the machine is."""
    monkeypatch.setattr(aggregate, "WAIT_SECONDS", 600.0)


@pytest.fixture
def connect() -> Any:
    """Connects receivers to ``saved`` for the test."""
    connected_now: list[Any] = []

    def connect(*receivers: Any, signal: Signal = saved) -> None:
        for receiver in receivers:
            signal.connect(receiver)
            connected_now.append((signal, receiver))

    yield connect
    for signal, receiver in connected_now:
        signal.disconnect(receiver)


@pytest.fixture
def allow(settings: Settings) -> Callable[..., None]:
    """Sets what a trace may have."""

    def allow(spans: int | None, **others: Any) -> None:
        settings.SIGNAL_MONITOR = {"STORE": "memory", "SLOW_MS": 200, "SPANS_PER_TRACE": spans, **others}

    return allow


def ours(spans: Spans) -> list[ReadableSpan]:
    """The spans of the monitor, in the order in which they were written."""
    pipeline.flush()
    return [span for span in spans.exporter.get_finished_spans() if span.name.startswith(("send ", "receive "))]


def attributes(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def seconds(span: ReadableSpan) -> float:
    return ((span.end_time or 0) - (span.start_time or 0)) / 1e9


@pytest.mark.parametrize("count", [7, 500])
def test_dispatches_beyond_the_budget_are_aggregated(spans: Spans, allow: Any, connect: Any, count: int) -> None:
    """One span has their number as an attribute, and the total of their durations as its own."""
    allow(6)
    connect(fine, also_fine)
    with spans.tracer.start_as_current_span("request"):
        for _ in range(count):
            saved.send(sender=dict)

    written = ours(spans)
    (aggregated,) = [span for span in written if span.name == AGGREGATED]
    said = attributes(aggregated)
    assert len(written) == 6 + 1
    assert said["django.signal.dispatches.aggregated.count"] == count - 2
    assert said["django.signal.receivers.aggregated.count"] == said["django.signal.receivers.count"] == 2 * (count - 2)
    assert said["django.signal.sender"] == "dict"
    assert "error.type" not in said
    total = said["django.signal.dispatches.aggregated.duration"]
    assert 0 < said["django.signal.receivers.aggregated.duration"] <= total
    assert seconds(aggregated) == pytest.approx(total)
    (request,) = [span for span in spans.exporter.get_finished_spans() if span.name == "request"]
    assert aggregated.parent == request.context
    assert (request.start_time or 0) <= (aggregated.start_time or 0)
    assert (aggregated.end_time or 0) <= (request.end_time or 0)


def test_aggregate_that_would_outlast_its_parent_ends_with_it(provide: Any, allow: Any, connect: Any) -> None:
    """Dispatches in several threads take more time than passes."""
    spans: Spans = provide()
    allow(1)
    connect(slow)
    with spans.tracer.start_as_current_span("request") as request:
        threads = [threading.Thread(target=contextvars.copy_context().run, args=(saved.send, None)) for _ in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    (aggregated,) = ours(spans)
    total = attributes(aggregated)["django.signal.dispatches.aggregated.duration"]
    assert total >= 5 * 0.02
    assert seconds(aggregated) <= total
    assert (aggregated.end_time or 0) <= (request.end_time or 0)  # type: ignore[attr-defined]


def test_no_dispatch_is_lost(spans: Spans, allow: Any, connect: Any) -> None:
    """Whether it has spans of its own or not, each is counted in exactly one span."""
    allow(5)
    connect(fine)
    connect(also_fine, signal=other)
    with spans.tracer.start_as_current_span("request"):
        for number in range(40):
            (saved if number % 2 else other).send(sender=list if number % 3 else dict)

    sent = [attributes(span) for span in ours(spans) if span.name.startswith("send ")]
    assert sum(said.get("django.signal.dispatches.aggregated.count", 1) for said in sent) == 40
    received = sum(1 for span in ours(spans) if span.name.startswith("receive "))
    assert received + sum(said.get("django.signal.receivers.aggregated.count", 0) for said in sent) == 40


@pytest.mark.parametrize("method", ["send", "send_robust", "asend", "asend_robust"])
def test_slow_and_failed_ones_are_told_on_the_aggregated_span(
    spans: Spans, allow: Any, connect: Any, method: str
) -> None:
    allow(1)
    connect(fine, slow, also_fine, failing)

    def send(signal: Any) -> None:
        try:
            sent = getattr(signal, method)(sender=None)
            if asyncio.iscoroutine(sent):
                asyncio.run(_awaited(sent))
        except ValueError:
            assert "robust" not in method

    with spans.tracer.start_as_current_span("request") as request:
        for _ in range(4):
            send(saved)

    (aggregated,) = ours(spans)
    said = attributes(aggregated)
    assert aggregated.name == AGGREGATED
    assert aggregated.parent == request.get_span_context()
    assert said["django.signal.dispatches.aggregated.slow"] == said["django.signal.dispatches.aggregated.failed"] == 4
    assert said["django.signal.receivers.failed"] == 4
    assert said.get("error.type") == (None if "robust" in method else "ValueError")
    assert (aggregated.status.status_code is StatusCode.ERROR) == ("robust" not in method)
    told = [(event.name, (event.attributes or {})["code.function.name"]) for event in aggregated.events]
    slept = ("django.signal.receiver.slow", f"{__name__}.slow")
    raised = ("exception", f"{__name__}.failing")
    assert told == [slept, raised, slept, raised, slept]
    assert float(str((aggregated.events[0].attributes or {})["django.signal.receiver.duration"])) >= 0.02
    assert (aggregated.events[1].attributes or {})["exception.message"] == "no"


async def _awaited(sent: Any) -> Any:
    return await sent


def test_asking_spends_the_budget(provide: Any, allow: Any, connect: Any) -> None:
    """Two spans for who asks, one for a receiver that nobody asks about; the rest counts on the dispatch's span."""
    spans = provide()
    allow(3)
    connect(fine, also_fine)
    signal = connected(fine, work(spans.tracer, "sql"), also_fine)
    with spans.tracer.start_as_current_span("request"):
        for _ in range(3):
            signal.send(sender=None)
        saved.send(sender=None)

    every = {span.context.span_id: span for span in (*ours(spans), *spans.exporter.get_finished_spans())}
    parents = [every[span.parent.span_id].name for span in every.values() if span.name == "sql" and span.parent]
    assert sorted(parents) == [receive_work("sql"), "request", "request"]
    (asked,) = [span for span in ours(spans) if span.name.startswith("send ") and "aggregated" not in span.name]
    assert attributes(asked)["django.signal.receivers.aggregated.count"] == 1
    assert len([span for span in ours(spans) if span.name.startswith("receive ")]) == 2
    counts = [attributes(span).get("django.signal.dispatches.aggregated.count", 0) for span in ours(spans)]
    assert sorted(counts) == [0, 0, 0, 1, 2]


def test_failed_receiver_without_a_span_is_told_on_its_dispatch(provide: Any, allow: Any) -> None:
    spans = provide()
    allow(2)
    signal = connected(work(spans.tracer, "sql"), failing)
    with spans.tracer.start_as_current_span("request"):
        signal.send_robust(sender=None)

    (dispatch,) = [span for span in ours(spans) if span.name.startswith("send ")]
    (event,) = dispatch.events
    assert (event.attributes or {})["code.function.name"] == f"{__name__}.failing"
    assert attributes(dispatch)["django.signal.receivers.aggregated.count"] == 1
    assert {plain(span) for span in ours(spans)} == {plain(dispatch), receive_work("sql")}


def test_failed_and_slow_receivers_come_first(provide: Any, allow: Any) -> None:
    spans = provide()
    allow(4)
    signal = connected(fine, work(spans.tracer, "sql"), slow, also_fine, failing)
    with spans.tracer.start_as_current_span("request"):
        signal.send_robust(sender=None)

    received = {plain(span) for span in ours(spans) if span.name.startswith("receive ")}
    assert received == {receive_work("sql"), receive(slow), receive(failing)}


def test_nested_dispatch_under_a_spent_budget_hangs_under_what_there_is(provide: Any, allow: Any) -> None:
    spans = provide()
    allow(1)
    inner = connected(work(spans.tracer, "sql"))

    def outer(**kwargs: Any) -> None:
        inner.send(sender=None)

    with spans.tracer.start_as_current_span("request"):
        connected(outer).send(sender=None)

    assert set(spans.parents().values()) == {"", "request"}


def test_without_room_what_a_receiver_does_hangs_under_the_span_around_it(provide: Any, allow: Any) -> None:
    """Where spans would be started while the dispatch runs, they are not."""
    spans = provide()
    spans.provider.add_span_processor(Eager())
    allow(1)
    with spans.tracer.start_as_current_span("request"):
        connected(work(spans.tracer, "sql")).send(sender=None)

    assert spans.parents()["sql"] == "request"


def test_who_asks_too_late_gets_the_span_around(provide: Any, allow: Any, connect: Any) -> None:
    """A thread that outlives a dispatch which was aggregated meanwhile still hangs under a span that exists."""
    spans = provide()
    allow(1)
    go, threads = threading.Event(), []

    def starts_thread(**kwargs: Any) -> None:
        def later() -> None:
            go.wait(60)
            with spans.tracer.start_as_current_span("later"):
                pass

        thread = threading.Thread(target=contextvars.copy_context().run, args=(later,))
        thread.start()
        threads.append(thread)

    connect(starts_thread)
    with spans.tracer.start_as_current_span("request"):
        saved.send(sender=None)
        pipeline.flush()
        go.set()
        threads[0].join()

    assert spans.parents()["later"] == "request"


def test_records_name_only_spans_that_are_written(spans: Spans, allow: Any, connect: Any) -> None:
    """The dashboard links to them."""
    allow(4)
    connect(fine, also_fine)
    with capture_dispatches() as captured, spans.tracer.start_as_current_span("request"):
        for _ in range(10):
            saved.send(sender=None)

    written = {f"{span.context.span_id:016x}" for span in ours(spans)}
    named = [record.span_id for record in captured.dispatches]
    called = [call.span_id for record in captured.dispatches for call in record.calls]
    assert {span_id for span_id in (*named, *called) if span_id} <= written
    assert sum(1 for span_id in named if span_id) == 1
    assert len({record.trace_id for record in captured.dispatches}) == 1


def test_each_trace_has_its_own_budget(spans: Spans, allow: Any, connect: Any) -> None:
    allow(2)
    connect(fine)
    for _ in range(3):
        with spans.tracer.start_as_current_span("request"):
            saved.send(sender=None)

    assert [span.name for span in ours(spans)].count(receive(fine)) == 3


def test_budget_forgets_the_oldest_traces() -> None:
    budget = Budget(3)
    assert budget.take(1, 3)
    assert not budget.take(1, 1)
    for trace_id in range(2, MAX_TRACES + 2):
        assert budget.take(trace_id, 1)

    assert budget.take(1, 3)


def test_what_is_known_is_kept_when_the_queue_is_full(
    provide: Any, connect: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No span begins while it is; one that others refer to is written all the same."""
    spans = provide()

    def fills_queue(**kwargs: Any) -> None:
        with spans.tracer.start_as_current_span("sql"):
            fill_queue(monkeypatch)

    connect(fills_queue)
    with spans.tracer.start_as_current_span("request"):
        for _ in range(2):
            saved.send(sender=None)

    assert spans.parents()["send saved"] == "request"
    assert [span.name for span in ours(spans)].count("send saved") == 1
    assert trace.get_current_span() is trace.INVALID_SPAN
