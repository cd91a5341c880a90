"""What grows with the application, and must not grow without end in the monitor."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.dispatch import Signal

from signal_monitor import pipeline
from signal_monitor.apps import restart
from signal_monitor.instrumentation import capture, current, info
from signal_monitor.instrumentation.plans import MAX_PLANS
from signal_monitor.instrumentation.record_queue import LEAST_SIZE, MAX_CELLS, QUEUE_SIZE, RecordQueue, record_queue
from signal_monitor.observers.totals import MAX_SUBJECTS, OTHER
from signal_monitor.registry.live import live_signals
from signal_monitor.stores import get_store
from signal_monitor.testing import capture_dispatches
from tests.support.servers import wait_until

signal = Signal()
cached = Signal(use_caching=True)
FEW = 50


def receive(**_kwargs: Any) -> None: ...


@pytest.fixture(scope="module", autouse=True)
def _totals_begin_anew() -> Iterator[None]:
    """Give this module, and the tests that follow in this process, totals that have room for their names."""
    restart()
    list(live_signals())  # the registry names all signals of the process once
    yield
    restart()


@pytest.fixture(autouse=True)
def _receivers() -> None:
    for each in (signal, cached):
        each.connect(receive)
        each.send(receive)


def in_threads() -> None:
    """Ten thousand short threads, a hundred at a time."""
    for _ in range(100):
        threads = [threading.Thread(target=signal.send, args=[None]) for _ in range(100)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def in_tasks() -> None:
    async def send() -> None:
        await signal.asend(None)

    async def main() -> None:
        for _ in range(20):
            await asyncio.gather(*(send() for _ in range(100)))

    asyncio.run(main())


def from_classes() -> None:
    for number in range(3_000):
        kind = type(f"Kind{number}", (), {})
        signal.send(kind)
        cached.send(kind)


def from_texts() -> None:
    for number in range(3_000):
        signal.send(f"sender {number}")
        signal.send(object())


def to_new_receivers() -> None:
    for number in range(1_000):

        def another(**_kwargs: Any) -> None: ...

        another.__module__ = f"module{number}"
        signal.connect(another)
        signal.send(None)
        signal.disconnect(another)


def by_new_signals() -> None:
    for number in range(3_000):
        kind = type(f"Signal{number}", (Signal,), {})
        kind().send(None)


@pytest.mark.parametrize(
    "work",
    [in_threads, in_tasks, from_classes, from_texts, to_new_receivers, by_new_signals],
    ids=lambda work: work.__name__,
)
def test_nothing_stays(work: Callable[[], None]) -> None:
    before = _sizes()

    work()
    pipeline.flush()

    after = _sizes()
    grown = {name: (before[name], size) for name, size in after.items() if size > before[name] + FEW}
    assert {name: sizes for name, sizes in grown.items() if name not in BOUNDED} == {}
    assert {name: _sizes()[name] for name, most in BOUNDED.items() if _sizes()[name] > most + FEW} == {}


BOUNDED = {"dead": info.MAX_DEAD, "orphans": info.MAX_DEAD}


def _sizes() -> dict[str, int]:
    known = info._known
    info.orphan_counts()  # adds up those of signals that are gone
    return {
        "states": len(current._live),
        "running": len(current.running_states),
        "signals": len(known.signals),
        "receivers": len(known.receivers),
        "created": len(known.created_at),
        "dead": len(known.dead),
        "orphans": len(known.orphans_of_dead),
    }


def test_senders_beyond_a_number_are_counted_together() -> None:
    for number in range(MAX_SUBJECTS + 500):
        signal.send(f"one of many {number}")
    pipeline.flush()

    rows = {row.key: row.count for row in get_store().totals("sender")}
    assert len(rows) <= MAX_SUBJECTS + 1
    assert rows[OTHER] >= 500


def test_a_queue_of_large_records_has_less_room() -> None:
    queue = RecordQueue()
    queue.make_room_for(10, 100)
    assert queue.size == QUEUE_SIZE
    queue.make_room_for(10, 10 * 2_000)
    assert queue.size == MAX_CELLS // 2_000
    queue.make_room_for(1, 10 * MAX_CELLS)
    assert queue.size == LEAST_SIZE
    queue.make_room_for(1, 0)
    assert queue.size == QUEUE_SIZE


def test_many_running_calls_are_reported_in_part() -> None:
    gate, slow = threading.Event(), Signal()

    def wait(**_kwargs: Any) -> None:
        gate.wait(60)

    slow.connect(wait)
    threads = [threading.Thread(target=slow.send, args=[None]) for _ in range(150)]
    for thread in threads:
        thread.start()
    time.sleep(0.3)
    pipeline.flush()
    try:
        found = [call for process in get_store().processes() for call in process.running]
    finally:
        gate.set()
        for thread in threads:
            thread.join()
    assert len(found) == 100


def test_large_records_leave_room_for_small_ones_once_they_are_delivered() -> None:
    crowd = Signal()
    receivers = [_another() for _ in range(2_000)]
    for each in receivers:
        crowd.connect(each)
    for _ in range(20):
        crowd.send(None)

    assert wait_until(lambda: record_queue.capacity == QUEUE_SIZE and not len(record_queue), 20)


def _another() -> Callable[..., None]:
    def another(**_kwargs: Any) -> None: ...

    return another


def test_capture_keeps_what_the_queue_has_no_room_for() -> None:
    """A tight loop is faster than the worker."""
    running = pipeline.current()
    assert running is not None
    record_queue.resize(100)
    try:
        with capture_dispatches() as outer, running.delivery.exclusive():
            for _ in range(300):
                signal.send(None)
            with capture_dispatches() as inner:
                pass
            for _ in range(300):
                signal.send(None)
        assert (len(outer.dispatches), len(inner.dispatches)) == (600, 0)
        assert record_queue.capacity == 100
    finally:
        record_queue.resize(QUEUE_SIZE)


def test_senders_beyond_those_that_are_kept_do_not_each_have_their_stack_captured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    taken: list[int] = []

    def take() -> tuple[()]:
        taken.append(1)
        return ()

    monkeypatch.setattr(capture, "caller_lines", take)
    own = Signal()
    own.connect(receive)
    for number in range(3 * MAX_PLANS):
        own.send(f"sender {number}")
    assert len(taken) < 2 * MAX_PLANS  # once for each that is kept, then once a second
