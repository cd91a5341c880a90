"""Whose child a dispatch is, on one thread, across threads and among concurrent receivers."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.dispatch import Signal

from signal_monitor import pipeline, suppress
from signal_monitor.middleware import close_request, open_request
from signal_monitor.records import Dispatch
from signal_monitor.stores import get_store
from signal_monitor.testing import Capture


class Planned:
    """A sender."""


def parents(captured: Capture) -> dict[str, tuple[str, int | None, int]]:
    """By sender: the sender and position of the receiver call it was dispatched in, and its depth."""
    by_id = {record.id: record for record in captured.dispatches}
    return {
        record.sender: (
            by_id[record.parent_id].sender if record.parent_id else "",
            record.parent_index,
            record.depth,
        )
        for record in by_id.values()
    }


def relay(signal: Signal, sender: str) -> Any:
    def receiver(**kwargs: Any) -> None:
        signal.send(sender=sender)

    return receiver


def arelay(signal: Signal, sender: str) -> Any:
    async def receiver(**kwargs: Any) -> None:
        await asyncio.sleep(0.002)
        await signal.asend(sender=sender)
        await asyncio.sleep(0.002)
        await signal.asend(sender=f"{sender} again")

    return receiver


async def aquiet(**kwargs: Any) -> None:
    """On Django 6.1, asend to synchronous receivers fails inside concurrent ones: they share asgiref's context."""


def listened(*receivers: Any) -> Signal:
    signal = Signal()
    for receiver in receivers or (lambda **kwargs: None,):
        signal.connect(receiver, weak=False)
    return signal


def test_three_deep(captured: Capture) -> None:
    inner = listened()
    middle = listened(relay(inner, "inner"))
    listened(lambda **kwargs: None, relay(middle, "middle")).send(sender="outer")

    assert parents(captured) == {"outer": ("", None, 0), "middle": ("outer", 1, 1), "inner": ("middle", 0, 2)}
    assert len({record.root_id for record in captured.dispatches}) == 1


def test_siblings_after_a_failure_are_not_nested(captured: Capture) -> None:
    def failing(**kwargs: Any) -> None:
        raise ValueError

    signal = listened(failing)
    for sender in ("first", "second"):
        signal.send_robust(sender=sender)
        with contextlib.suppress(ValueError):
            signal.send(sender=f"{sender} plain")

    assert set(parents(captured).values()) == {("", None, 0)}


def test_concurrent_async_receivers_each_keep_their_own(captured: Capture) -> None:
    inner = listened(aquiet)
    outer = listened(arelay(inner, "a"), arelay(inner, "b"), arelay(inner, "c"))

    asyncio.run(outer.asend(sender="outer"))

    assert parents(captured) == {
        "outer": ("", None, 0),
        **{name: ("outer", index, 1) for index, sender in enumerate("abc") for name in (sender, f"{sender} again")},
    }


def test_concurrent_dispatches_of_one_loop_are_not_nested(captured: Capture) -> None:
    inner = listened(aquiet)
    outer = listened(arelay(inner, "inner"))

    async def main() -> None:
        await asyncio.gather(outer.asend(sender="one"), outer.asend(sender="two"))

    asyncio.run(main())

    by_id = {record.id: record for record in captured.dispatches}
    inners = [record for record in by_id.values() if record.sender == "inner"]
    assert sorted(by_id[record.parent_id or ""].sender for record in inners) == ["one", "two"]
    assert parents(captured)["one"] == parents(captured)["two"] == ("", None, 0)


def test_sync_receivers_of_asend(captured: Capture) -> None:
    inner = listened()

    asyncio.run(listened(relay(inner, "inner")).asend(sender="outer"))

    assert parents(captured) == {"outer": ("", None, 0), "inner": ("outer", 0, 1)}


def test_thread_with_a_copied_context(captured: Capture) -> None:
    inner = listened()

    def threading_receiver(**kwargs: Any) -> None:
        context = contextvars.copy_context()
        thread = threading.Thread(target=context.run, args=(relay(inner, "in thread"),))
        thread.start()
        relay(inner, "beside")()
        thread.join()

    listened(lambda **kwargs: None, threading_receiver).send(sender="outer")

    assert parents(captured) == {
        "outer": ("", None, 0),
        "in thread": ("outer", 1, 1),
        "beside": ("outer", 1, 1),
    }


def test_sync_to_async_inside_an_async_receiver(captured: Capture) -> None:
    inner = listened()

    async def receiver(**kwargs: Any) -> None:
        await sync_to_async(relay(inner, "hop"))()
        inner.send(sender="back")

    asyncio.run(listened(receiver).asend(sender="outer"))

    assert parents(captured) == {"outer": ("", None, 0), "hop": ("outer", 0, 1), "back": ("outer", 0, 1)}


def test_suppress_holds_for_all_that_is_dispatched_inside(captured: Capture) -> None:
    inner = listened()
    outer = listened(relay(inner, "inner"), arelay(listened(aquiet), "ainner"))

    with suppress():
        outer.send(sender="hidden")
        asyncio.run(outer.asend(sender="hidden"))
        thread = threading.Thread(target=contextvars.copy_context().run, args=(relay(inner, "hidden"),))
        thread.start()
        thread.join()
    inner.send(sender="seen")

    assert [record.sender for record in captured.dispatches] == ["seen"]


@pytest.mark.parametrize("use_caching", [False, True])
@pytest.mark.parametrize("method", ["send", "send_robust"])
def test_suppress_holds_for_senders_that_have_a_plan(method: str, *, use_caching: bool) -> None:
    inner, outer = Signal(use_caching=use_caching), Signal(use_caching=use_caching)
    inner.connect(lambda **kwargs: None, weak=False)
    outer.connect(lambda **kwargs: inner.send(Planned), weak=False)

    def dispatched(times: int) -> int:
        for _ in range(times):
            getattr(outer, method)(Planned)
        pipeline.flush()
        return sum(row.count for row in get_store().totals("sender", key=f"{__name__}.Planned"))

    known = dispatched(10)
    with suppress():
        getattr(outer, method)(Planned)
        getattr(outer, method)(Planned)
    assert dispatched(10) == known + 20


def test_suppressed_receiver_leaves_its_dispatch_observed(captured: Capture) -> None:
    inner = listened()

    def quiet(**kwargs: Any) -> None:
        with suppress():
            inner.send(sender="hidden")

    listened(quiet, relay(inner, "seen")).send(sender="outer")

    assert parents(captured) == {"outer": ("", None, 0), "seen": ("outer", 1, 1)}


def test_recursion_is_as_deep_as_it_is(captured: Capture) -> None:
    signal = Signal()

    def again(depth: int, **kwargs: Any) -> None:
        if depth:
            signal.send(sender=f"level {depth}", depth=depth - 1)

    signal.connect(again)
    signal.send(sender="level 5", depth=4)

    records: list[Dispatch] = captured.dispatches
    assert [(record.sender, record.depth) for record in records] == [(f"level {n}", 5 - n) for n in range(1, 6)]


def test_recursion_error_leaves_no_dispatch_behind(captured: Capture) -> None:
    signal = Signal()

    def endless(**kwargs: Any) -> None:
        signal.send(sender="endless")

    def send_from(depth: int) -> None:
        if depth:
            send_from(depth - 1)
        else:
            signal.send(sender="endless")

    signal.connect(endless)
    for depth in range(8):  # the stack ends at another line of ours each time
        with pytest.raises(RecursionError):
            send_from(depth)
    listened().send(sender="after")

    (after,) = [record for record in captured.dispatches if record.sender == "after"]
    assert (after.depth, after.parent_id) == (0, None)


async def test_thread_of_one_request_is_not_the_child_of_anothers_send(captured: Capture) -> None:
    """A cell from before the requests is in all their contexts; each request gets one of its own."""
    listened().send(sender="at start-up")
    inside, leave = threading.Event(), threading.Event()

    def holding(**kwargs: Any) -> None:
        inside.set()
        leave.wait(5)

    blocking, inner = listened(holding), listened()

    async def one() -> None:
        open_request()
        await asyncio.sleep(0.02)
        blocking.send(sender="one")
        close_request()

    async def other() -> None:
        open_request()

        def work() -> None:
            inside.wait(5)
            inner.send(sender="other")
            leave.set()

        await asyncio.to_thread(work)
        close_request()

    await asyncio.gather(asyncio.create_task(one()), asyncio.create_task(other()))

    assert parents(captured)["other"] == ("", None, 0)


async def test_suppressed_block_of_an_async_receiver_holds_across_awaits(captured: Capture) -> None:
    inner = listened(aquiet)

    async def receiver(**kwargs: Any) -> None:
        with suppress():
            await asyncio.sleep(0)
            await inner.asend(sender="hidden")
        await inner.asend(sender="seen")

    await listened(receiver).asend(sender="outer")

    assert {record.sender for record in captured.dispatches} == {"outer", "seen"}
