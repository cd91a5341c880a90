"""The own time of send methods that call Django's: part of the dispatch that they make, and of nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.dispatch import Signal

from signal_monitor import pipeline
from signal_monitor.instrumentation.current import current_origin
from signal_monitor.middleware import close_request, open_request
from signal_monitor.pipeline.request_origin import RequestOrigin, add_up
from signal_monitor.records import Dispatch
from signal_monitor.testing import Capture, capture_dispatches

MS = 1_000_000
OWN = 0.06
OWN_NS = 60 * MS
RECEIVER = 0.03

other = Signal()


def quick(**_kwargs: Any) -> None: ...


def sleeping(**_kwargs: Any) -> None:
    time.sleep(RECEIVER)


async def asleeping(**_kwargs: Any) -> None:
    await asyncio.sleep(RECEIVER)


def on_other(**_kwargs: Any) -> None:
    time.sleep(RECEIVER)


other.connect(on_other)


class Before(Signal):
    def send(self, sender: Any, **named: Any) -> Any:
        time.sleep(OWN)
        return super().send(sender, **named)

    def send_robust(self, sender: Any, **named: Any) -> Any:
        time.sleep(OWN)
        return super().send_robust(sender, **named)

    async def asend(self, sender: Any, **named: Any) -> Any:
        await asyncio.sleep(OWN)
        return await super().asend(sender, **named)

    async def asend_robust(self, sender: Any, **named: Any) -> Any:
        await asyncio.sleep(OWN)
        return await super().asend_robust(sender, **named)


class After(Signal):
    def send(self, sender: Any, **named: Any) -> Any:
        try:
            return super().send(sender, **named)
        finally:
            time.sleep(OWN)

    def send_robust(self, sender: Any, **named: Any) -> Any:
        answers = super().send_robust(sender, **named)
        time.sleep(OWN)
        return answers

    async def asend(self, sender: Any, **named: Any) -> Any:
        answers = await super().asend(sender, **named)
        await asyncio.sleep(OWN)
        return answers

    async def asend_robust(self, sender: Any, **named: Any) -> Any:
        answers = await super().asend_robust(sender, **named)
        time.sleep(OWN)  # noqa: ASYNC251 - whatever it does
        return answers


class Unbound(Signal):
    """Calls Django's method by its name, by another kind of method, or in a thread."""

    def send(self, sender: Any, **named: Any) -> Any:
        time.sleep(OWN)
        return Signal.send(self, sender, **named)

    def send_robust(self, sender: Any, **named: Any) -> Any:
        time.sleep(OWN)
        return Signal.send(self, sender, **named)

    async def asend(self, sender: Any, **named: Any) -> Any:
        await asyncio.sleep(OWN)
        return await sync_to_async(super().send)(sender, **named)

    async def asend_robust(self, sender: Any, **named: Any) -> Any:
        await asyncio.sleep(OWN)
        return await asyncio.create_task(super().asend(sender, **named))


class Mixin:
    def send(self, sender: Any, **named: Any) -> Any:
        time.sleep(OWN)
        return super().send(sender, **named)  # type: ignore[misc]


class Mixed(Mixin, Signal):
    pass


class Chained(Before):
    """Two methods above each other."""

    def send(self, sender: Any, **named: Any) -> Any:
        time.sleep(OWN)
        return super().send(sender, **named)


class Announcing(Signal):
    """A method that sends another signal before and after."""

    def send(self, sender: Any, **named: Any) -> Any:
        other.send("before")
        time.sleep(OWN)
        answers = super().send(sender, **named)
        other.send("after")
        return answers


class Retrying(Signal):
    def send(self, sender: Any, **named: Any) -> Any:
        for _ in range(2):
            with contextlib.suppress(ValueError):
                return super().send(sender, **named)
            time.sleep(OWN)
        return super().send(sender, **named)


class ForEach(Signal):
    def send(self, sender: Any, **named: Any) -> Any:
        answers = []
        for one in ("one", "two"):
            answers += super().send(one, **named)
            time.sleep(OWN)
        return answers


class Both(Signal):
    """Calls Django's method, then a receiver itself."""

    def send(self, sender: Any, **named: Any) -> Any:
        super().send(sender, **named)
        time.sleep(OWN)
        return [receiver(signal=self) for receiver in self._live_receivers(sender)[0]]


class Failing(Signal):
    def send(self, sender: Any, **named: Any) -> Any:
        super().send(sender, **named)
        time.sleep(OWN)
        raise LookupError("afterwards")


@pytest.fixture
def captured() -> Iterator[Capture]:
    with capture_dispatches() as capture:
        yield capture


def signal_of(kind: type[Signal], *receivers: Any) -> Signal:
    signal = kind()
    for receiver in receivers:
        signal.connect(receiver, weak=False)
    return signal


def send(signal: Signal, method: str, sender: str = "outer") -> None:
    answer = getattr(signal, method)(sender)
    if method.startswith("a"):
        asyncio.run(answer)


def check_divided(dispatch: Dispatch) -> None:
    assert dispatch.receivers_ns + dispatch.outside_receivers_ns == dispatch.duration_ns
    for call in dispatch.calls:
        assert 0 <= call.offset_ns <= dispatch.duration_ns - call.duration_ns + MS


@pytest.mark.parametrize("method", ["send", "send_robust", "asend", "asend_robust"])
@pytest.mark.parametrize("kind", [Before, After, Unbound])
@pytest.mark.parametrize("receiver", [sleeping, asleeping])
def test_one_dispatch_with_the_time_of_its_method(
    kind: type[Signal], method: str, receiver: Any, captured: Capture
) -> None:
    send(signal_of(kind, receiver), method)
    (dispatch,) = captured.dispatches
    assert dispatch.outside["send method"] >= OWN_NS
    assert dispatch.receivers_ns <= dispatch.duration_ns - OWN_NS
    assert (dispatch.depth, dispatch.root_id, dispatch.parent_id) == (0, dispatch.id, None)
    assert [call.outcome for call in dispatch.calls] == ["ok"]
    check_divided(dispatch)


@pytest.mark.parametrize(("kind", "own_ns"), [(Mixed, OWN_NS), (Chained, 2 * OWN_NS)])
def test_methods_of_mixins_and_above_each_other(kind: type[Signal], own_ns: int, captured: Capture) -> None:
    send(signal_of(kind, sleeping), "send")
    (dispatch,) = captured.dispatches
    assert dispatch.outside["send method"] >= own_ns
    check_divided(dispatch)


@pytest.mark.parametrize("kind", [Before, After, Chained, Unbound])
def test_a_receiver_around_is_not_blamed(kind: type[Signal], captured: Capture) -> None:
    signal = signal_of(kind, sleeping)
    outer = signal_of(Signal, lambda **_kwargs: send(signal, "send", "inner"))
    outer.send("outer")
    by_sender = {dispatch.sender: dispatch for dispatch in captured.dispatches}
    (around,) = by_sender["outer"].calls
    assert around.self_ns == around.duration_ns - by_sender["inner"].duration_ns
    assert around.self_ns <= around.duration_ns - OWN_NS
    assert by_sender["outer"].nested_outside["send method"] >= OWN_NS
    assert by_sender["inner"].parent_id == by_sender["outer"].id
    assert (by_sender["inner"].parent_index, by_sender["inner"].depth) == (0, 1)


def test_what_the_method_sends_to_others_is_not_its_own_time(captured: Capture) -> None:
    send(signal_of(Announcing, sleeping), "send")
    by_sender = {dispatch.sender: dispatch for dispatch in captured.dispatches}
    made = by_sender.pop("outer")
    assert {(one.parent_id, one.parent_index, one.sent_by) for one in by_sender.values()} == {
        (made.id, None, "send method")
    }
    assert {one.root_id for one in by_sender.values()} == {made.id}
    others_ns = sum(one.duration_ns for one in by_sender.values())
    assert OWN_NS <= made.outside["send method"] <= made.duration_ns - others_ns - 30 * MS
    check_divided(made)


def test_time_between_two_dispatches_is_the_later_ones(captured: Capture) -> None:
    attempts = iter([1])

    def failing_once(**_kwargs: Any) -> None:
        if next(attempts, None):
            raise ValueError("no")

    send(signal_of(Retrying, failing_once), "send")
    failed, made = captured.dispatches
    assert [failed.outcome, made.outcome] == ["raised", "ok"]
    assert failed.outside.get("send method", 0) < OWN_NS
    assert made.outside["send method"] >= OWN_NS
    assert failed.started_at < failed.ended_at <= made.started_at + 1e-3
    assert failed.id != made.id


def test_rest_of_a_method_is_its_last_dispatchs(captured: Capture) -> None:
    signal = signal_of(ForEach, sleeping)
    signal_of(Signal, lambda **_kwargs: signal.send("ignored")).send("outer")
    by_sender = {dispatch.sender: dispatch for dispatch in captured.dispatches}
    assert by_sender["one"].outside.get("send method", 0) < OWN_NS
    assert by_sender["two"].outside["send method"] >= 2 * OWN_NS
    (around,) = by_sender["outer"].calls
    assert around.self_ns == pytest.approx(
        around.duration_ns - by_sender["one"].duration_ns - by_sender["two"].duration_ns, abs=1000
    )


def test_own_calls_after_djangos_method_are_a_dispatch_too(captured: Capture) -> None:
    send(signal_of(Both, sleeping), "send")
    first, second = captured.dispatches
    assert first.id != second.id
    assert [len(first.calls), len(second.calls)] == [1, 1]
    assert second.outside["send method"] >= OWN_NS
    assert first.duration_ns < second.duration_ns
    check_divided(second)


def test_exception_of_the_method_itself_is_the_dispatchs(captured: Capture) -> None:
    with pytest.raises(LookupError):
        send(signal_of(Failing, sleeping), "send")
    (dispatch,) = captured.dispatches
    assert dispatch.failure is not None
    assert dispatch.failure.type == "LookupError"
    assert [call.outcome for call in dispatch.calls] == ["ok"]
    assert dispatch.outside["send method"] >= OWN_NS


@pytest.mark.parametrize("kind", [Before, After, Chained, Announcing, ForEach])
def test_sums_of_a_request_agree_with_its_dispatches(kind: type[Signal], captured: Capture) -> None:
    signal = signal_of(kind, sleeping)
    open_request()
    origin = current_origin()
    assert isinstance(origin, RequestOrigin)
    outer = signal_of(Signal, lambda **_kwargs: send(signal, "send", "inner"))
    outer.send("outer")
    send(signal, "send", "alone")
    totals = add_up(origin)
    close_request()
    pipeline.flush()
    outermost = [dispatch for dispatch in captured.dispatches if dispatch.depth == 0]
    assert totals.dispatch_count == len(captured.dispatches)
    assert totals.signal_ns == pytest.approx(sum(one.duration_ns for one in outermost), abs=1000)
    own_ns = sum(one.outside.get("send method", 0) for one in captured.dispatches)
    assert totals.outside["send method"] == pytest.approx(own_ns, abs=1000)
    assert sum(row.self_ns for row in totals.receivers) == pytest.approx(totals.receivers_ns, abs=1000)


def test_flush_while_the_method_runs_loses_nothing(captured: Capture) -> None:
    class Flushing(Signal):
        def send(self, sender: Any, **named: Any) -> Any:
            answers = super().send(sender, **named)
            pipeline.flush()
            time.sleep(OWN)
            return answers

    send(signal_of(Flushing, sleeping), "send")
    made, rest = captured.dispatches
    assert [len(made.calls), len(rest.calls)] == [1, 0]
    assert rest.outside["send method"] >= OWN_NS
    assert rest.started_at == pytest.approx(made.ended_at, abs=1e-3)
    assert made.id != rest.id


def test_thread_that_outlives_the_method_is_a_dispatch_of_its_own(captured: Capture) -> None:
    threads: list[threading.Thread] = []

    class Leaving(Signal):
        def send(self, sender: Any, **named: Any) -> Any:
            def late() -> None:
                time.sleep(OWN)
                Signal.send(self, "late")

            threads.append(threading.Thread(target=contextvars.copy_context().run, args=(late,)))
            threads[-1].start()
            return super().send(sender, **named)

    send(signal_of(Leaving, quick), "send")
    threads[0].join()
    by_sender = {dispatch.sender: dispatch for dispatch in captured.dispatches}
    assert set(by_sender) == {"outer", "late"}
    assert (by_sender["late"].parent_id, by_sender["late"].depth) == (None, 0)
    assert by_sender["late"].duration_ns < OWN_NS
