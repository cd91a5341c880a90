"""The state of a thread in which a receiver has waited for code in other threads; asgiref copies contexts back."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Generator
from contextvars import Context, copy_context
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.dispatch import Signal

from signal_monitor import suppress
from signal_monitor.database import bulk
from signal_monitor.errors import errors
from signal_monitor.instrumentation.current import Origin, Place, Root, get_state
from signal_monitor.instrumentation.hooks import hooks
from signal_monitor.instrumentation.record import is_outermost
from signal_monitor.instrumentation.thread_state import begin_origin, current_state, end_origin
from signal_monitor.testing import Capture
from tests.instrumentation.test_nesting import listened, parents


async def awaited(**_kwargs: Any) -> None:
    await asyncio.sleep(0)


quiet, asynchronous = listened(), listened(awaited)
ANY_QUERYSET: Any = None


def asend_to_synchronous() -> None:
    async_to_sync(quiet.asend)(sender="inner")


def asend_to_async() -> None:
    async_to_sync(asynchronous.asend)(sender="inner")


def asend_to_both() -> None:
    async_to_sync(listened(lambda **_kwargs: None, awaited).asend)(sender="inner")


def plain_send_in_a_coroutine() -> None:
    async def send() -> None:
        quiet.send(sender="inner")

    async_to_sync(send)()


def plain_send_back_in_this_thread() -> None:
    async def send() -> None:
        await sync_to_async(quiet.send)(sender="inner")

    async_to_sync(send)()


def plain_send_in_another_thread() -> None:
    async def send() -> None:
        await sync_to_async(quiet.send, thread_sensitive=False)(sender="inner")

    async_to_sync(send)()


WAYS = [
    asend_to_synchronous,
    asend_to_async,
    asend_to_both,
    plain_send_in_a_coroutine,
    plain_send_back_in_this_thread,
    plain_send_in_another_thread,
]


def crossing(way: Callable[[], None], *, sends: bool) -> Signal:
    """A signal whose receiver waits for another thread, and maybe sends afterwards."""

    def receiver(**_kwargs: Any) -> None:
        way()
        if sends:
            quiet.send(sender="after")

    return listened(receiver)


def assert_in_no_call(place: Place) -> None:
    assert isinstance(place, Root)
    assert place.outer is None


@pytest.mark.parametrize("sends", [False, True])
@pytest.mark.parametrize("way", WAYS)
def test_nothing_is_left_of_a_call_that_waited_for_another_thread(
    way: Callable[[], None], captured: Capture, *, sends: bool
) -> None:
    """What the thread sends later is in no receiver call, and the state keeps no record of an ended one alive."""

    def run() -> Any:
        quiet.send(sender="before")
        crossing(way, sends=sends).send(sender="outer")
        quiet.send(sender="later")
        assert_in_no_call(get_state().top)

    Context().run(run)

    expected = {"before": ("", None, 0), "outer": ("", None, 0), "inner": ("outer", 0, 1), "later": ("", None, 0)}
    assert parents(captured) == (expected | {"after": ("outer", 0, 1)} if sends else expected)


@pytest.mark.parametrize("way", WAYS)
def test_first_dispatch_of_a_context_may_wait_for_another_thread(way: Callable[[], None]) -> None:
    def run() -> None:
        crossing(way, sends=True).send(sender="outer")
        quiet.send(sender="later")
        assert_in_no_call(get_state().top)

    Context().run(run)


@pytest.mark.parametrize("way", WAYS)
def test_request_goes_on_after_a_call_that_waited_for_another_thread(way: Callable[[], None]) -> None:
    origin = Origin("request", "r")

    def run() -> None:
        begin_origin(origin)
        crossing(way, sends=True).send(sender="outer")
        quiet.send(sender="later")
        assert_in_no_call(get_state().top)
        end_origin(origin)

    Context().run(run)

    assert [is_outermost(record) for record in origin.records] == [False, False, True, True]


@pytest.mark.parametrize("way", WAYS)
def test_request_that_begins_after_such_a_call_is_in_no_call(way: Callable[[], None]) -> None:
    origin = Origin("request", "r")

    def run() -> None:
        crossing(way, sends=False).send(sender="outer")
        begin_origin(origin)
        assert_in_no_call(get_state().top)
        end_origin(origin)

    Context().run(run)


@pytest.mark.parametrize("way", WAYS)
def test_call_around_goes_on_after_such_a_call(way: Callable[[], None], captured: Capture) -> None:
    """Two levels: what the outer receiver sends next is in its own call."""
    inner = crossing(way, sends=True)

    def receiver(**_kwargs: Any) -> None:
        inner.send(sender="middle")
        quiet.send(sender="next")

    def run() -> None:
        listened(receiver).send(sender="outermost")
        quiet.send(sender="later")
        assert_in_no_call(get_state().top)

    Context().run(run)

    found = parents(captured)
    assert found["next"] == ("outermost", 0, 1)
    assert found["after"] == ("middle", 0, 2)
    assert found["later"] == ("", None, 0)


def test_thread_that_outlives_its_call_is_in_no_call(captured: Capture) -> None:
    """Its context is a copy of that in the receiver, which has returned when it first sends."""
    let_go = threading.Event()
    threads: list[threading.Thread] = []

    def work() -> None:
        let_go.wait()
        quiet.send(sender="late")
        assert_in_no_call(get_state().top)

    def receiver(**_kwargs: Any) -> None:
        threads.append(threading.Thread(target=copy_context().run, args=(work,)))
        threads[0].start()

    listened(receiver).send(sender="outer")
    let_go.set()
    threads[0].join()

    assert parents(captured) == {"outer": ("", None, 0), "late": ("", None, 0)}


class Waiting(Signal):
    """A signal whose own send method waits before and after it has sent, and sends another one in between."""

    def __init__(self, order: list[asyncio.Event]) -> None:
        super().__init__()
        self.order = order

    async def asend(self, sender: Any, **named: Any) -> Any:
        await self.order[0].wait()
        quiet.send(sender=f"inside {sender}")
        responses = await super().asend(sender, **named)
        await self.order[1].wait()
        return responses


def test_async_send_methods_in_one_context_do_not_take_each_others_state(captured: Capture) -> None:
    """The one that begins first ends first."""

    async def run() -> Any:
        first, second = ([asyncio.Event(), asyncio.Event()] for _ in range(2))
        shared = Context()
        signals = [Waiting(first), Waiting(second)]
        for signal in signals:
            signal.connect(awaited)
        tasks = [
            asyncio.create_task(signal.asend(name), context=shared)
            for signal, name in zip(signals, ("first", "second"), strict=True)
        ]
        for event in (first[0], second[0], first[1], second[1]):
            event.set()
            for _ in range(20):
                await asyncio.sleep(0)
        await asyncio.gather(*tasks)
        shared.run(quiet.send, sender="later")
        return shared.run(get_state).top

    assert_in_no_call(asyncio.run(run()))

    found = parents(captured)
    assert found["later"] == ("", None, 0)
    assert {name: found[f"inside {name}"][0] for name in ("first", "second")} == {"first": "first", "second": "second"}


def test_async_send_method_may_be_closed_in_another_context(caplog: pytest.LogCaptureFixture) -> None:
    """As by the garbage collector, when a loop is gone that has not cancelled its tasks."""

    class Never(Signal):
        async def asend(self, sender: Any, **named: Any) -> Any:
            await Suspended()
            return await super().asend(sender, **named)

    never = Never()
    never.connect(awaited)
    before = errors.count
    sending = never.asend("closed")
    Context().run(sending.send, None)
    sending.close()

    async def suppressing() -> None:
        with suppress():
            await Suspended()

    doing = suppressing()
    Context().run(doing.send, None)
    doing.close()

    assert (errors.count - before, caplog.text) == (0, "")
    assert_in_no_call(current_state().top)


def test_async_bulk_operation_may_be_closed_in_another_context(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same of `aupdate()` and the like, which note the line that awaits them while queries are counted."""
    monkeypatch.setattr(hooks, "counts_queries", True)

    async def aupdate(_queryset: object) -> None:
        await Suspended()

    updating = bulk.observed_async(aupdate)(ANY_QUERYSET)
    Context().run(updating.send, None)
    updating.close()


def test_async_bulk_operations_in_one_context_keep_their_own_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hooks, "counts_queries", True)
    shared, seen = Context(), list[Any]()

    async def aupdate(_queryset: object) -> None:
        before = bulk.awaited_at.get()
        await Suspended()
        seen.append((before is not None, bulk.awaited_at.get() is before))

    first, second = (bulk.observed_async(aupdate)(ANY_QUERYSET) for _ in range(2))
    for updating in (first, second, first, second):
        with contextlib.suppress(StopIteration):
            shared.run(updating.send, None)

    assert seen == [(True, True)] * 2
    assert shared.run(bulk.awaited_at.get) is None


class Suspended:
    """An awaitable that is never ready."""

    def __await__(self) -> Generator[None, None, None]:
        yield
