"""Metrics: durations of dispatches and receivers, what runs now, what was dropped."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.dispatch import Signal
from opentelemetry import metrics
from opentelemetry.instrumentation.utils import suppress_instrumentation
from pytest_django.fixtures import Settings

from signal_monitor import pipeline
from signal_monitor.instrumentation.record_queue import record_queue
from signal_monitor.telemetry import metrics as ours
from tests.support.queueing import fill_queue
from tests.telemetry.providing import Meters, Spans

cooked = Signal()
METHODS = ["send", "send_robust", "asend", "asend_robust"]


def stir(**kwargs: Any) -> None: ...


def spill(**kwargs: Any) -> None:
    raise ValueError("no")


async def simmer(**kwargs: Any) -> None:
    await asyncio.sleep(0)


@pytest.fixture
def connect() -> Iterator[Callable[..., None]]:
    """Connects receivers to ``cooked``."""
    receivers: list[Any] = []

    def connect(*given: Any) -> None:
        for receiver in given:
            cooked.connect(receiver)
            receivers.append(receiver)

    yield connect
    for receiver in receivers:
        cooked.disconnect(receiver)


def dispatch(method: str, signal: Signal = cooked) -> None:
    async def asend() -> None:
        await getattr(signal, method)(sender=None)

    try:
        if method.startswith("a"):
            asyncio.run(asend())
        else:
            getattr(signal, method)(sender=None)
    except ValueError:
        assert "robust" not in method


def counts(points: list[Any]) -> dict[tuple[Any, ...], int]:
    """How many measurements, by what the attributes say."""
    return {tuple(sorted(point.attributes.items())): point.count for point in points}


@pytest.mark.parametrize("method", METHODS)
def test_every_dispatch_and_call_is_counted(meters: Meters, connect: Any, method: str) -> None:
    connect(stir, simmer)
    for _ in range(20):
        dispatch(method)

    read = meters.read()
    name = ("django.signal.name", f"{__name__}.cooked")
    assert counts(read["django.signal.dispatch.duration"]) == {(name,): 20}
    assert counts(read["django.signal.receiver.duration"]) == {
        (
            ("code.function.name", f"{__name__}.{receiver.__name__}"),
            name,
            ("django.signal.receiver.outcome", "ok"),
        ): 20
        for receiver in (stir, simmer)
    }
    assert meters.cached_infos["django.signal.dispatch.duration"] == ("s", "histogram")


def test_ordinary_dispatches_are_each_measured(meters: Meters, connect: Any) -> None:
    """Those that are added up elsewhere too: each has its own time, and these are within that of their dispatch."""
    connect(stir)
    for _ in range(300):
        cooked.send(sender=None)

    read = meters.read()
    (whole,), (call,) = read["django.signal.dispatch.duration"], read["django.signal.receiver.duration"]
    assert whole.count == call.count == sum(whole.bucket_counts) == 300
    assert 0 < call.sum <= whole.sum
    assert 0 < call.min <= call.max <= whole.max


@pytest.mark.parametrize(("method", "outcome"), [("send", "raised"), ("send_robust", "swallowed")])
def test_failures_have_their_outcome_and_type(meters: Meters, connect: Any, method: str, outcome: str) -> None:
    connect(spill)
    dispatch(method)

    read = meters.read()
    (call,) = read["django.signal.receiver.duration"]
    assert call.attributes["django.signal.receiver.outcome"] == outcome
    assert call.attributes["error.type"] == "ValueError"
    (whole,) = read["django.signal.dispatch.duration"]
    assert whole.attributes.get("error.type") == ("ValueError" if method == "send" else None)


def test_exemplar_points_to_the_trace_of_a_slow_call(
    meters: Meters, provide: Any, connect: Any, settings: Settings
) -> None:
    settings.SIGNAL_MONITOR = {"STORE": "memory", "SLOW_MS": 10}
    spans: Spans = provide()
    waits = threading.Event()

    def burns(**kwargs: Any) -> None:
        waits.wait(0.03)

    connect(burns)
    with spans.tracer.start_as_current_span("request"):
        cooked.send(sender=None)

    (call,) = meters.read()["django.signal.receiver.duration"]
    (exemplar,) = call.exemplars
    slow = spans.finished()[f"receive telemetry.test_metrics.{burns.__qualname__}"]
    assert (exemplar.trace_id, exemplar.span_id) == (slow.context.trace_id, slow.context.span_id)
    assert exemplar.value >= 0.03


def test_running_receivers(meters: Meters, connect: Any) -> None:
    """In a thread, nested, and one that awaits."""
    begun, go = threading.Barrier(3), threading.Event()

    def waits(**kwargs: Any) -> None:
        begun.wait(60)
        go.wait(60)

    async def awaits(**kwargs: Any) -> None:
        await asyncio.to_thread(begun.wait, 10)
        await asyncio.to_thread(go.wait, 10)

    def sends(**kwargs: Any) -> None:
        cooked.send(sender=None)

    outer, waiting = Signal(), Signal()
    connect(waits)
    outer.connect(sends)
    waiting.connect(awaits)
    threads = [
        threading.Thread(target=outer.send, args=(None,)),
        threading.Thread(target=dispatch, args=("asend", waiting)),
    ]
    for thread in threads:
        thread.start()
    begun.wait(60)
    during = meters.read()["django.signal.receivers.running"]
    go.set()
    for thread in threads:
        thread.join()
    after = meters.read().get("django.signal.receivers.running", [])

    running = {
        point.attributes["code.function.name"].rpartition(".")[2]: point.value for point in during if point.value
    }
    assert running == {"sends": 1, "waits": 1, "awaits": 1}
    assert {point.value for point in after} <= {0}
    assert meters.cached_infos["django.signal.receivers.running"] == ("{receiver}", "up-down counter")


def test_dropped_records_are_counted(meters: Meters, connect: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    connect(stir)
    before = record_queue.dropped
    fill_queue(monkeypatch)
    for _ in range(5):
        cooked.send(sender=None)

    points = meters.read()["signal_monitor.records.dropped"]
    by_reason = {point.attributes["reason"]: point.value for point in points}
    assert by_reason["queue_full"] == before + 5
    monkeypatch.setattr(record_queue, "dropped", before)


def test_too_many_combinations_share_one(meters: Meters, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ours, "MAX_SERIES", 0)
    new = Signal()
    new.connect(stir)
    new.send(sender=None)

    read = meters.read()
    for name in ("django.signal.dispatch.duration", "django.signal.receiver.duration"):
        assert set(counts(read[name])) == {(("otel.metric.overflow", True),)}


@pytest.mark.parametrize("method", METHODS)
def test_nothing_where_instrumentation_is_suppressed(meters: Meters, connect: Any, method: str) -> None:
    connect(stir, simmer)
    with suppress_instrumentation():
        for _ in range(3):
            dispatch(method)
    assert not meters.read().get("django.signal.dispatch.duration")

    dispatch(method)
    (point,) = meters.read()["django.signal.dispatch.duration"]
    assert point.count == 1


def test_none_if_not_wanted(meters: Meters, connect: Any, settings: Settings) -> None:
    settings.SIGNAL_MONITOR = {"STORE": "memory", "METRICS": False}
    connect(stir)
    cooked.send(sender=None)

    assert not meters.read().get("django.signal.dispatch.duration")


def test_late_receiver_is_counted_with_its_signal(meters: Meters, connect: Any) -> None:
    """Where receivers go on when their dispatch has failed: up to Django 6.0."""

    async def late(**kwargs: Any) -> None:
        await asyncio.sleep(0.02)

    async def main() -> None:
        with pytest.raises(ValueError, match="no"):
            await cooked.asend(sender=None)
        await asyncio.sleep(0.04)

    connect(spill, late)
    asyncio.run(main())

    for point in meters.read()["django.signal.receiver.duration"]:
        assert point.attributes["django.signal.name"] == f"{__name__}.cooked"


def test_provider_that_comes_later_is_found(meters: Meters, connect: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    connect(stir)
    cooked.send(sender=None)
    pipeline.flush()
    second = Meters()
    monkeypatch.setattr(metrics._internal, "_METER_PROVIDER", second.provider)
    cooked.send(sender=None)

    (point,) = second.read()["django.signal.dispatch.duration"]
    assert point.count == 1
    second.provider.shutdown()


def test_losses_are_told_after_the_settings_have_changed(
    meters: Meters, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A provider calls back only who has made an instrument first."""
    pipeline.flush()
    for slow_ms in (10, 20):
        settings.SIGNAL_MONITOR = {"STORE": "memory", "SLOW_MS": slow_ms}
    monkeypatch.setattr(record_queue, "dropped", 7)

    (point,) = meters.read()["signal_monitor.records.dropped"]
    assert point.value == 7
