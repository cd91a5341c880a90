"""The truth about every receiver: ok, raised, swallowed, cancelled, late, not run."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import pytest
from asgiref.sync import markcoroutinefunction
from django.dispatch import Signal

from signal_monitor.instrumentation.django_versions import ASYNC_AFTER_SYNC
from signal_monitor.instrumentation.hooks import hooks
from signal_monitor.records import Dispatch
from signal_monitor.testing import Capture
from tests.support.servers import wait_until

METHODS = ["send", "send_robust", "asend", "asend_robust"]


def fine(**kwargs: Any) -> str:
    return "fine"


def failing(**kwargs: Any) -> None:
    raise ValueError("no", 7)


async def afine(**kwargs: Any) -> str:
    await asyncio.sleep(0)
    return "afine"


async def afailing(**kwargs: Any) -> None:
    await asyncio.sleep(0.005)
    raise KeyError("gone")


async def slow(**kwargs: Any) -> str:
    await asyncio.sleep(0.5)
    return "slow"


def signal_with(*receivers: Any) -> Signal:
    signal = Signal()
    for receiver in receivers:
        signal.connect(receiver)
    return signal


def dispatch(signal: Signal, method: str) -> Any:
    """Dispatch by any of the methods; async ones in a loop of their own, which ends when all receivers have."""
    if not method.startswith("a"):
        return getattr(signal, method)(sender=None)

    async def main() -> Any:
        try:
            return await getattr(signal, method)(sender=None)
        finally:
            if late := asyncio.all_tasks() - {asyncio.current_task()}:
                await asyncio.wait(late, timeout=10)

    return asyncio.run(main())


def only(captured: Capture) -> Dispatch:
    (dispatch,) = captured.dispatches
    return dispatch


def outcomes(dispatch: Dispatch) -> dict[str, str]:
    return {call.receiver.rpartition(".")[2]: call.outcome for call in dispatch.calls}


@pytest.mark.parametrize("method", METHODS)
def test_ok_for_sync_and_async_receivers(captured: Capture, method: str) -> None:
    responses = dispatch(signal_with(fine, afine), method)

    assert responses == [(fine, "fine"), (afine, "afine")]
    assert outcomes(only(captured)) == {"fine": "ok", "afine": "ok"}
    assert [call.is_async for call in only(captured).calls] == [False, True]
    assert only(captured).method == method


@pytest.mark.parametrize("method", ["send", "asend"])
def test_raised_reaches_the_caller_and_the_rest_is_not_run(captured: Capture, method: str) -> None:
    with pytest.raises(ValueError, match="no"):
        dispatch(signal_with(fine, failing, slow), method)

    record = only(captured)
    # Up to Django 6.0, asend starts async receivers together with the synchronous ones.
    started = method == "asend" and not ASYNC_AFTER_SYNC
    assert outcomes(record) == {"fine": "ok", "failing": "raised", "slow": "late" if started else "not_run"}
    assert record.failed
    assert record.outcome == "raised"
    assert record.failure is not None
    assert record.failure.summary == "ValueError: no, 7"


@pytest.mark.parametrize("method", ["send_robust", "asend_robust"])
def test_swallowed_by_a_robust_send(captured: Capture, method: str) -> None:
    responses = dispatch(signal_with(failing, fine, afailing, afine), method)

    assert [type(response).__name__ for _, response in responses] == ["ValueError", "str", "KeyError", "str"]
    record = only(captured)
    assert outcomes(record) == {"failing": "swallowed", "fine": "ok", "afailing": "swallowed", "afine": "ok"}
    assert record.failure is None
    assert record.failed


def test_failure_keeps_the_lines_of_the_application_only(captured: Capture) -> None:
    signal_with(failing).send_robust(sender=None)

    failure = only(captured).calls[0].failure
    assert failure is not None
    assert [frame.function for frame in failure.traceback] == ["failing"]
    assert failure.traceback[0].path == __file__


@pytest.mark.parametrize("method", ["send", "asend"])
def test_siblings_of_a_failing_async_receiver(captured: Capture, method: str) -> None:
    """They are cancelled from Django 6.1 on; before, they run on after the dispatch has raised."""
    with pytest.raises(KeyError):
        dispatch(signal_with(afailing, slow), method)

    if ASYNC_AFTER_SYNC:
        assert outcomes(only(captured)) == {"afailing": "raised", "slow": "cancelled"}
    elif method == "asend":
        assert outcomes(only(captured)) == {"afailing": "raised", "slow": "late"}
        (amendment,) = captured.amendments
        assert (amendment.index, amendment.outcome, amendment.failure) == (1, "late", None)
        assert amendment.duration_ns >= 400_000_000
    else:  # the loop that async_to_sync ran ended with the dispatch, and took the sibling with it
        assert outcomes(only(captured))["slow"] in {"cancelled", "late"}


def test_cancelled_with_its_dispatch(captured: Capture) -> None:
    async def main() -> None:
        task = asyncio.create_task(signal_with(slow).asend(sender=None))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())

    assert outcomes(only(captured)) == {"slow": "cancelled"}


def test_receiver_that_does_not_take_the_arguments(captured: Capture) -> None:
    """The call of an async receiver fails before there is anything to await."""

    async def demanding(created: int, **kwargs: Any) -> None:
        raise AssertionError("never runs")

    with pytest.raises(TypeError, match="created"):
        signal_with(demanding).send(sender=None)

    assert [call.outcome for call in only(captured).calls] == ["raised"]


def test_base_exception_passes_a_robust_send(captured: Capture) -> None:
    def leaving(**kwargs: Any) -> None:
        raise SystemExit(3)

    with pytest.raises(SystemExit):
        signal_with(leaving, fine).send_robust(sender=None)

    assert [call.outcome for call in only(captured).calls] == ["raised", "not_run"]


def test_failure_of_django_itself_is_the_dispatchs_own(captured: Capture) -> None:
    """A robust send logs ``receiver.__qualname__``, which an instance does not have."""

    class Callable:
        def __call__(self, **kwargs: Any) -> None:
            raise ValueError

    receiver = Callable()
    with pytest.raises(AttributeError):
        signal_with(receiver, fine).send_robust(sender=None)

    record = only(captured)
    assert [call.outcome for call in record.calls] == ["swallowed", "not_run"]
    assert record.failure is not None
    assert record.failure.type == "AttributeError"


def test_durations_are_of_the_receivers_themselves(captured: Capture) -> None:
    def sleeping(**kwargs: Any) -> None:
        time.sleep(0.03)

    signal_with(sleeping, fine).send(sender=None)

    record = only(captured)
    assert 30_000_000 <= record.calls[0].duration_ns <= record.duration_ns
    assert record.calls[1].offset_ns >= record.calls[0].offset_ns + record.calls[0].duration_ns


def test_blocked_loop_is_a_plain_send_on_a_running_loop(captured: Capture) -> None:
    async def main() -> None:
        signal_with(fine).send(sender=None)
        await signal_with(fine).asend(sender=None)

    asyncio.run(main())
    signal_with(fine).send(sender=None)

    assert [record.blocked_loop for record in captured.dispatches] == [True, False, False]


def test_orphans_are_counted_not_recorded(captured: Capture) -> None:
    from signal_monitor.instrumentation.info import orphan_counts

    signal, name = Signal(), f"{__name__}.signal-"
    before = sum(count for known, count in orphan_counts().items() if known.startswith(name))

    assert signal.send(sender=None) == []
    assert signal.send_robust(sender=None) == []
    assert asyncio.run(signal.asend(sender=None)) == []
    signal.connect(fine, sender=int)
    assert signal.send(sender=str) == []

    after = sum(count for known, count in orphan_counts().items() if known.startswith(name))
    assert after - before == 4
    assert captured.dispatches == []


def test_call_site_of_the_first_the_slow_and_the_failed(captured: Capture) -> None:
    with pytest.MonkeyPatch.context() as patch:  # undone before the capture ends, which sets it, too
        patch.setattr(hooks, "captures_all", False)
        signal = signal_with(fine)
        for _ in range(2):
            signal.send(sender=None)
        signal.connect(failing)
        signal.send_robust(sender=None)

    first, second, failed = captured.dispatches
    assert first.call_site is not None
    assert (first.call_site.path, first.call_site.function) == (
        __file__,
        "test_call_site_of_the_first_the_slow_and_the_failed",
    )
    assert second.call_site is None
    assert failed.call_site is not None


def test_sync_receivers_of_a_cancelled_asend_are_late_not_blamed(captured: Capture) -> None:
    inner, begun, cancelled = signal_with(fine), threading.Event(), threading.Event()

    def slow_sync(**kwargs: Any) -> None:
        begun.set()
        cancelled.wait()
        time.sleep(0.05)
        inner.send(sender="nested")

    def next_sync(**kwargs: Any) -> None:
        pass

    async def main() -> None:
        outer = asyncio.create_task(signal_with(slow_sync, next_sync).asend(sender="outer"))
        await asyncio.to_thread(begun.wait)
        outer.cancel()
        with pytest.raises(asyncio.CancelledError):
            await outer
        cancelled.set()
        await asyncio.to_thread(wait_until, lambda: len(captured.amendments) == 2)

    asyncio.run(main())

    records = {record.sender: record for record in captured.dispatches}
    assert outcomes(records["outer"]) == {
        "slow_sync": "late",
        "next_sync": "not_run",
    }
    assert not records["outer"].failed
    assert all(call.duration_ns >= 0 for call in records["outer"].calls)
    assert (records["nested"].parent_id, records["nested"].depth) == (records["outer"].id, 1)
    assert [(item.index, item.replaces, item.outcome) for item in captured.amendments] == [
        (0, "late", "late"),
        (1, "not_run", "late"),
    ]
    assert captured.amendments[0].duration_ns >= 50_000_000


@pytest.mark.parametrize("method", ["asend", "asend_robust"])
def test_receiver_that_answers_a_future(captured: Capture, method: str) -> None:
    async def work() -> str:
        await asyncio.sleep(0.01)
        return "done"

    def receiver(**kwargs: Any) -> Any:
        return asyncio.ensure_future(work())

    async def main() -> Any:
        signal = Signal()
        signal.connect(markcoroutinefunction(receiver))
        return await getattr(signal, method)(sender=None)

    assert asyncio.run(main()) == [(receiver, "done")]
    (call,) = only(captured).calls
    assert call.outcome == "ok"
    assert call.duration_ns >= 10_000_000


def test_failure_of_an_async_receiver_is_not_also_the_dispatchs_own(captured: Capture) -> None:
    with pytest.raises(KeyError):
        dispatch(signal_with(afailing), "asend")

    assert only(captured).failure is not None
    assert only(captured).own_failure is None
