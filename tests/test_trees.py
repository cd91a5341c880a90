"""Nested dispatches that are added up with the outermost one around them: the totals are those of one by one."""

from __future__ import annotations

import contextvars
import random
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.dispatch import Signal
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from hypothesis import given, settings
from hypothesis import strategies as st

from signal_monitor import pipeline
from signal_monitor.instrumentation.current import Root
from signal_monitor.instrumentation.info import DispatchInfo, receiver_info, signal_info
from signal_monitor.instrumentation.record import new_record, set_times
from signal_monitor.instrumentation.record_queue import RecordQueue
from signal_monitor.middleware import SignalMonitorMiddleware
from signal_monitor.observers.totals import TotalsObserver
from signal_monitor.pipeline import Pipeline
from signal_monitor.pipeline.converter import RecordConverter
from signal_monitor.pipeline.process import ThisProcess
from signal_monitor.records import Aggregate, Dispatch
from signal_monitor.stores import get_store
from signal_monitor.stores.base import Batch, Totals
from signal_monitor.stores.filters import DispatchFilter

SIGNALS = [Signal() for _ in range(3)]
outer, inner = Signal(), Signal()


def _made(number: int) -> Any:
    def receiver(**kwargs: Any) -> None: ...

    receiver.__qualname__ = receiver.__name__ = f"receiver_{number}"
    return receiver


RECEIVERS = [[_made(10 * number + index) for index in range(2)] for number in range(3)]
"""The receivers of each signal."""
Shape = list[tuple[int, list[Any]]]
"""Dispatches: the number of each one's signal, and what each of its calls sends."""
shapes: st.SearchStrategy[Shape] = st.recursive(
    st.just([]),
    lambda shape: st.lists(st.tuples(st.integers(0, 2), st.tuples(shape, shape).map(list)), max_size=3),
    max_leaves=12,
)


class Chosen(TotalsObserver):
    """Totals of dispatches that are delivered one by one, or of as many as possible that are added up."""

    def __init__(self, wanted: int) -> None:
        super().__init__()
        self._wanted = wanted
        self.one_by_one = self.added_up = 0

    def wanted(self) -> int:
        return self._wanted

    def observe(self, dispatch: Dispatch, spans: Any) -> None:
        self.one_by_one += 1
        super().observe(dispatch, spans)

    def aggregate(self, aggregate: Aggregate, records: Any) -> None:
        self.added_up += len(records)
        super().aggregate(aggregate, records)


class Clock:
    """Times that a float holds exactly."""

    def __init__(self) -> None:
        self.now = 64.0
        self._random = random.Random(1)

    def step(self) -> float:
        self.now += self._random.randrange(1, 64) / 2**20
        return self.now


def records_of(shape: Shape, infos: list[DispatchInfo], place: Any, clock: Clock) -> list[list[Any]]:
    """Records as the send methods queue them: nested ones first."""
    queued = []
    for number, calls in shape:
        record = new_record(infos[number], place, None, 0)
        started, ends = clock.step(), []
        set_times(record, started)
        for sent in calls:
            queued += records_of(sent, infos, record, clock)
            ends.append(clock.step())
            set_times(record, started, *ends)
        queued.append(record)
    return queued


def totals_of(shape: Shape, wanted: int) -> tuple[Chosen, dict[Any, Any]]:
    infos = [
        DispatchInfo(signal_info(signal), "sender", "send", tuple(map(receiver_info, receivers)), 2)
        for signal, receivers in zip(SIGNALS, RECEIVERS, strict=True)
    ]
    observer, queue = Chosen(wanted), RecordQueue()
    worker = Pipeline(RecordConverter(ThisProcess()), [observer], queue)
    for record in records_of(shape, infos, Root(None, None, "a thread"), Clock()):
        queue.append(record)
    worker.flush()
    observer.fill(batch := Batch(process=ThisProcess().describe((), (), ended=False)))
    rows = {
        (row.kind, row.key, row.window != 0): (
            row.count, row.self_ns, row.total_ns, row.receivers_ns, row.max_ns, row.waiting_ns, row.other_ns,
            row.blocking, dict(row.buckets),
        )
        for row in batch.totals
    }  # fmt: skip
    return observer, rows


@settings(max_examples=60, deadline=None)
@given(shapes)
def test_totals_are_those_of_dispatches_one_by_one(shape: Shape) -> None:
    single, expected = totals_of(shape, 10_000)
    added, found = totals_of(shape, 0)

    assert (single.added_up, single.one_by_one) == (0, added.added_up + added.one_by_one)
    assert found.keys() == expected.keys()
    for key, row in expected.items():
        assert found[key][0] == row[0], key
        # Each sum is rounded to nanoseconds by itself.
        assert found[key][1:7] == pytest.approx(row[1:7], abs=2 * single.one_by_one), key
        assert found[key][7] == row[7], key
        assert sum(found[key][8].values()) == row[0], key


def test_trees_without_recursion_are_added_up_and_others_are_not() -> None:
    leaf: Shape = [(2, [[], []])]
    tree: Shape = [(0, [[(1, [leaf, []])], leaf])]
    assert totals_of(tree * 50, 0)[0].added_up == 200
    recursive: Shape = [(0, [[(1, [[(0, [[], []])], []])], []])]
    assert totals_of(recursive * 50, 0)[0].one_by_one == 150


def none_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    running = pipeline.current()
    assert running is not None
    for observer in running.observers:
        monkeypatch.setattr(observer, "wanted", lambda: 0)


@pytest.fixture(autouse=True)
def empty(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    pipeline.flush()
    get_store().clear()
    none_wanted(monkeypatch)
    yield
    for signal in (outer, inner):
        signal.receivers.clear()
        signal.sender_receivers_cache.clear()


def stored(signal: str) -> list[Dispatch]:
    pipeline.flush()
    return list(get_store().dispatches(DispatchFilter(signal=f"{__name__}.{signal}"), 1000))


def quick(**kwargs: Any) -> None: ...


def relay(**kwargs: Any) -> None:
    inner.send(None)


def send_slowly(**kwargs: Any) -> None:
    time.sleep(0.4)


def fail(**kwargs: Any) -> None:
    raise ValueError("no")


@pytest.mark.parametrize("notable", [send_slowly, fail], ids=["slow", "failed"])
def test_a_notable_dispatch_is_stored_with_what_is_nested_in_it_and_around_it(notable: Callable[..., None]) -> None:
    inner.connect(quick)
    outer.connect(relay)
    outer.connect(notable)
    outer.send_robust(None)

    (around,), (nested,) = stored("outer"), stored("inner")
    assert (nested.parent_id, nested.parent_index, nested.root_id) == (around.id, 0, around.id)


def test_what_is_nested_in_a_long_dispatch_is_shown_while_it_runs() -> None:
    inner.connect(quick)
    outer.connect(relay)
    ended = threading.Event()
    shown: list[Totals] = []

    def wait(**kwargs: Any) -> None:
        until = time.monotonic() + 30
        while not shown and time.monotonic() < until:
            time.sleep(0.05)
            shown.extend(get_store().totals("signal"))
        ended.set()

    outer.connect(wait)
    outer.send(None)
    assert f"{__name__}.inner" in [row.key for row in shown]


def test_dispatch_of_a_thread_hangs_under_the_receiver_that_has_started_it() -> None:
    """It comes after one that waits for the end of the same receiver's dispatch."""

    def start(**kwargs: Any) -> None:
        inner.send(None)
        thread = threading.Thread(target=contextvars.copy_context().run, args=(inner.send_robust, None))
        thread.start()
        thread.join()

    def quick_or_not(**kwargs: Any) -> None:
        if threading.current_thread() is not threading.main_thread():
            raise ValueError("in another thread")

    inner.connect(quick_or_not)
    outer.connect(start)
    outer.send(None)
    outers = {dispatch.id for dispatch in stored("outer")}
    nested = stored("inner")
    assert len(outers) == 1
    assert [(item.parent_id in outers, item.parent_index) for item in nested] == [(True, 0)] * 2


def test_requests_know_own_times_of_what_was_added_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def inner_receiver(**kwargs: Any) -> None:
        time.sleep(0.02)

    def outer_receiver(**kwargs: Any) -> None:
        inner.send(None)

    inner.connect(inner_receiver)
    outer.connect(outer_receiver)

    def view(request: HttpRequest) -> HttpResponse:
        for _ in range(5):
            outer.send(None)
        pipeline.flush()  # what has ended is added up before the request is
        return HttpResponse(status=500)

    SignalMonitorMiddleware(view)(RequestFactory().get("/"))
    pipeline.flush()
    (request,) = get_store().requests()
    sums = {row.receiver.rpartition(".")[2]: row for row in request.receivers}
    assert {name: row.calls for name, row in sums.items()} == {"inner_receiver": 5, "outer_receiver": 5}
    assert sums["inner_receiver"].self_ns >= 100e6
    assert sums["outer_receiver"].self_ns < 50e6 < sums["inner_receiver"].self_ns <= sums["outer_receiver"].total_ns
