"""Own times and waiting of dispatches, from real sends in threads, tasks and receivers."""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.dispatch import Signal

from signal_monitor.pipeline.intervals import clipped, length, union, without
from signal_monitor.records import Dispatch, ReceiverCall
from signal_monitor.testing import Capture, capture_dispatches

MS = 1_000_000
SLEEP = 0.03
SLEEP_NS = 30 * MS


@pytest.fixture
def captured() -> Iterator[Capture]:
    with capture_dispatches() as capture:
        yield capture


def sleeping(**_kwargs: Any) -> None:
    time.sleep(SLEEP)


async def asleeping(**_kwargs: Any) -> None:
    await asyncio.sleep(SLEEP)


def signal_of(*receivers: Any) -> Signal:
    signal = Signal()
    signal.send("so that its name is known: to find it takes a while")
    for receiver in receivers:
        signal.connect(receiver, weak=False)
    return signal


def only(captured: Capture, sender: str) -> Dispatch:
    (found,) = [dispatch for dispatch in captured.dispatches if dispatch.sender == sender]
    return found


def call_of(captured: Capture, sender: str) -> ReceiverCall:
    (call,) = only(captured, sender).calls
    return call


def assert_divided(dispatches: list[Dispatch]) -> None:
    """Each dispatch is divided without a rest, and what is nested in a call is not its own."""
    for dispatch in dispatches:
        assert dispatch.receivers_ns + dispatch.outside_receivers_ns == dispatch.duration_ns
        assert 0 <= dispatch.self_ns <= dispatch.receivers_ns
        for call in dispatch.calls:
            assert 0 <= call.self_ns <= call.duration_ns
    by_id = {dispatch.id: dispatch for dispatch in dispatches}
    for dispatch in dispatches:
        parent = by_id.get(dispatch.parent_id or "")
        if parent is not None:
            (around,) = [call for call in parent.calls if call.index == dispatch.parent_index]
            assert around.self_ns + dispatch.duration_ns <= around.duration_ns + MS


def relay(inner: Signal, sender: str, method: str = "send") -> Any:
    def receiver(**_kwargs: Any) -> None:
        time.sleep(SLEEP / 3)
        getattr(inner, method)(sender)

    return receiver


def test_own_time_is_without_the_dispatches_that_a_receiver_sends(captured: Capture) -> None:
    inner = signal_of(sleeping, sleeping)
    signal_of(relay(inner, "inner")).send("outer")

    outer = call_of(captured, "outer")
    assert outer.duration_ns >= SLEEP_NS
    assert outer.self_ns == outer.duration_ns - only(captured, "inner").duration_ns
    assert only(captured, "outer").receivers_ns == only(captured, "outer").duration_ns
    assert_divided(captured.dispatches)


def test_own_times_of_a_recursion_add_up_to_the_outermost_call(captured: Capture) -> None:
    signal = Signal()

    def recursive(depth: int, **_kwargs: Any) -> None:
        time.sleep(0.002)
        if depth:
            signal.send(f"at {depth}", depth=depth - 1)

    signal.connect(recursive)
    signal.send("outermost", depth=8)

    dispatches = captured.dispatches
    outermost = call_of(captured, "outermost")
    assert sum(call.self_ns for dispatch in dispatches for call in dispatch.calls) == pytest.approx(
        outermost.duration_ns, abs=1000
    )
    counted = [call.duration_ns - call.repeated_ns for dispatch in dispatches for call in dispatch.calls]
    assert sum(counted) == pytest.approx(outermost.duration_ns, abs=1000)
    assert_divided(dispatches)


def test_slow_is_the_receiver_whose_own_time_it_was(captured: Capture) -> None:
    def slow(**_kwargs: Any) -> None:
        time.sleep(0.12)

    signal_of(relay(signal_of(slow), "inner")).send("outer")

    assert call_of(captured, "inner").severity == "slow"
    assert call_of(captured, "outer").severity == "normal"
    assert only(captured, "outer").severity == "slow"  # its sender has waited for receivers


def hold_the_thread(seconds: float) -> asyncio.Task[Any]:
    return asyncio.create_task(sync_to_async(time.sleep)(seconds))


async def test_waiting_for_a_thread_is_no_time_in_receivers(captured: Capture) -> None:
    signal = signal_of(sleeping)
    held = hold_the_thread(0.25)
    await asyncio.sleep(0.01)
    await signal.asend("waited")
    await held

    dispatch = only(captured, "waited")
    assert dispatch.outside["thread"] > 50 * MS
    assert dispatch.waiting_ns >= dispatch.outside["thread"]
    assert dispatch.severity == "normal"
    assert dispatch.calls[0].duration_ns + dispatch.waiting_ns <= dispatch.duration_ns
    assert_divided(captured.dispatches)


async def test_waiting_for_the_event_loop_is_named(captured: Capture) -> None:
    async def quick(**_kwargs: Any) -> None: ...

    async def blocking_task() -> None:
        time.sleep(0.15)  # noqa: ASYNC251 - it holds up the loop

    signal = signal_of(sleeping, quick)

    async def send() -> None:
        await signal.asend("held up")

    sending = asyncio.create_task(send())
    await asyncio.sleep(SLEEP / 2)
    await asyncio.create_task(blocking_task())
    await sending

    dispatch = only(captured, "held up")
    assert dispatch.outside["event loop"] > 30 * MS
    assert dispatch.severity == "normal"


async def test_waiting_inside_a_receiver_is_not_its_own_nor_its_dispatchs(captured: Capture) -> None:
    inner = signal_of(sleeping)

    async def nested(**_kwargs: Any) -> None:
        await inner.asend("inner")

    outer_signal = signal_of(nested)
    held = hold_the_thread(0.25)
    await asyncio.sleep(0.01)
    await outer_signal.asend("outer")
    await held

    outer = only(captured, "outer")
    assert outer.nested_outside["thread"] > 50 * MS
    assert outer.calls[0].self_ns <= outer.calls[0].duration_ns - outer.nested_outside["thread"]
    assert outer.severity == outer.calls[0].severity == "normal"
    assert_divided(captured.dispatches)


async def test_concurrent_receivers_are_not_added_up(captured: Capture) -> None:
    await signal_of(*(_another() for _ in range(5))).asend("five")

    dispatch = only(captured, "five")
    assert sum(call.self_ns for call in dispatch.calls) > 4 * SLEEP_NS
    assert dispatch.receivers_ns <= dispatch.duration_ns
    assert dispatch.self_ns <= dispatch.duration_ns


def _another() -> Any:
    async def receiver(**_kwargs: Any) -> None:
        await asyncio.sleep(SLEEP)

    return receiver


def test_async_receivers_of_a_send_and_of_a_nested_asend(captured: Capture) -> None:
    inner = signal_of(sleeping, asleeping)

    def bridging(**_kwargs: Any) -> None:
        async_to_sync(inner.asend)("inner")

    signal_of(bridging, asleeping).send("outer")

    outer = only(captured, "outer")
    assert outer.calls[0].self_ns <= outer.calls[0].duration_ns - SLEEP_NS
    assert_divided(captured.dispatches)


def test_thread_of_a_receiver_is_counted_for_itself(captured: Capture) -> None:
    def starting(**_kwargs: Any) -> None:
        send, context = signal_of(sleeping).send, contextvars.copy_context()
        thread = threading.Thread(target=context.run, args=(send, "in a thread"))
        thread.start()
        thread.join()

    signal_of(starting).send("outer")

    assert call_of(captured, "outer").self_ns <= call_of(captured, "outer").duration_ns - SLEEP_NS
    assert_divided(captured.dispatches)


def test_failing_receivers_have_own_times_too(captured: Capture) -> None:
    def failing(**_kwargs: Any) -> None:
        signal_of(sleeping).send("inner")
        raise ValueError("no")

    signal_of(failing, sleeping).send_robust("outer")

    failed, after = only(captured, "outer").calls
    assert failed.self_ns <= failed.duration_ns - SLEEP_NS
    assert after.self_ns == after.duration_ns
    assert_divided(captured.dispatches)


async def test_late_receiver_has_its_own_time(captured: Capture) -> None:
    inner = signal_of(asleeping)

    async def late(**_kwargs: Any) -> None:
        try:
            await asyncio.sleep(10)
        finally:
            await asyncio.shield(asyncio.create_task(inner.asend("inner")))

    async def failing(**_kwargs: Any) -> None:
        await asyncio.sleep(0.005)
        raise ValueError("no")

    with pytest.raises((ValueError, ExceptionGroup)):
        await signal_of(late, failing).asend("outer")

    assert_divided(captured.dispatches)


def test_many_nested_dispatches_are_added_up_in_bounded_memory(captured: Capture) -> None:
    inner = signal_of(lambda **_kwargs: None)

    def many(**_kwargs: Any) -> None:
        for _ in range(3_000):
            inner.send("inner")

    signal_of(many).send("outer")

    outer = call_of(captured, "outer")
    nested_ns = sum(dispatch.duration_ns for dispatch in captured.dispatches if dispatch.sender == "inner")
    assert outer.duration_ns - outer.self_ns == pytest.approx(nested_ns, abs=3_000)


def test_sets_of_moments() -> None:
    assert union([(5, 7), (1, 2), (6, 9), (2, 3), (4, 4)]) == [(1, 3), (5, 9)]
    assert without([(0, 10), (20, 30)], [(2, 3), (5, 22), (29, 40)]) == [(0, 2), (3, 5), (22, 29)]
    assert without([(0, 10)], []) == [(0, 10)]
    assert without([(0, 10)], [(0, 10)]) == []
    assert clipped([(0, 5), (6, 9)], 4, 7) == [(4, 5), (6, 7)]
    assert length([(0, 2), (5, 6)]) == 3
