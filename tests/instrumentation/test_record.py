"""The layout of a record: what its accessors return for each kind of dispatch."""

from __future__ import annotations

from typing import Any

from django.dispatch import Signal

from signal_monitor import pipeline
from signal_monitor.instrumentation.current import Call, Root
from signal_monitor.instrumentation.info import DispatchInfo, SignalInfo, receiver_info, signal_info
from signal_monitor.instrumentation.record import (
    FIRST_END,
    add_concurrent_call,
    ancestors,
    begin_call,
    call_times,
    columns_of,
    custom_sends_around,
    details_of,
    end_call,
    end_dispatch,
    ended_at,
    has_ended,
    info_of,
    is_outermost,
    is_routine,
    new_record,
    outer_of,
    set_times,
    started_at,
)
from signal_monitor.instrumentation.record_queue import record_queue

signal = Signal()
ROOT = Root(None, None, "a thread")


def first(**kwargs: Any) -> None: ...


def second(**kwargs: Any) -> None: ...


def info(method: Any = "send", sync_count: int = 2, *, custom: bool = False) -> DispatchInfo:
    receivers = (receiver_info(first), receiver_info(second))
    return DispatchInfo(known(), "sender", method, receivers, sync_count, custom=custom)


def known() -> SignalInfo:
    return signal_info(signal)


def sequential_count(*times: float, outer: Any = ROOT) -> list[Any]:
    record = new_record(info(), outer, None, 0)
    set_times(record, *times)
    return record


def test_calls_in_order_follow_each_other() -> None:
    record = sequential_count(1.0, 2.0, 4.0)

    assert [tuple(times) for times in call_times(record)] == [(1.0, 2.0), (2.0, 4.0)]
    assert (started_at(record), ended_at(record), has_ended(record)) == (1.0, 4.0, True)


def test_call_in_order_that_runs_has_no_end() -> None:
    record = sequential_count(1.0, 2.0)

    assert [tuple(times) for times in call_times(record)] == [(1.0, 2.0), (2.0, 0.0)]
    assert not has_ended(record)


def test_other_calls_have_times_of_their_own() -> None:
    record = new_record(info("asend", 1), ROOT, None, 2)
    begin_call(record, 1)
    begin_call(record, 0)
    assert end_call(record, 1)
    assert not has_ended(record)
    end_dispatch(record)

    first_times, second_times = call_times(record)
    assert first_times.started > second_times.started > 0
    assert (first_times.ended, has_ended(record)) == (0.0, True)
    assert not end_call(record, 0)  # it is late


def test_calls_may_be_added() -> None:
    record = new_record(info(custom=True), ROOT, None, 1)
    add_concurrent_call(record)
    begin_call(record, 1)

    assert call_times(record)[1].started > 0


def test_ancestors_are_found_by_time() -> None:
    outermost = sequential_count(1.0, 5.0)
    middle = sequential_count(6.0, outer=outermost)
    task = new_record(info("asend", 0), middle, None, 2)

    found = ancestors(Call(task, 1, middle), 7.0)
    assert [(id(item.record), item.position) for item in found] == [(id(task), 1), (id(middle), 0), (id(outermost), 1)]


def test_dispatch_that_has_ended_is_no_ancestor() -> None:
    assert ancestors(sequential_count(1.0, 2.0, 3.0), 4.0) == []


def test_thread_that_a_receiver_started_is_inside_it() -> None:
    record = sequential_count(0.0)
    started = Root(None, record, "another thread")

    assert [item.position for item in ancestors(started, started.began + 1)] == [0]


def test_routine_dispatches() -> None:
    record = sequential_count(1.0, 2.0, 4.0)
    nested = sequential_count(1.0, 2.0, 4.0, outer=record)

    assert is_routine(record)
    assert is_outermost(record)
    assert not is_routine(nested)
    assert columns_of([record, record]) == (
        (None, None),
        (1.0, 1.0),
        [(1.0, 1.0), (2.0, 2.0)],
        [(2.0, 2.0), (4.0, 4.0)],
        (4.0, 4.0),
    )


def test_method_that_a_custom_one_calls_takes_its_dispatch_over() -> None:
    custom = new_record(info(custom=True), ROOT, None, 0)

    assert custom_sends_around(sequential_count(1.0, outer=custom)) == [custom]
    assert custom_sends_around(sequential_count(1.0, outer=sequential_count(1.0))) == []


def test_send_writes_the_layout_of_new_record() -> None:
    """The hot path writes it out."""
    signal.connect(first)
    for _ in range(2):
        pipeline.flush()
        signal.send(Signal)
        signal.send_robust(Signal)
    records = record_queue.take(2)

    for record in records:
        assert len(record) == FIRST_END + 1
        assert record[:FIRST_END:2] == [info_of(record), None, details_of(record), None, started_at(record)]
        assert call_times(record) == [(started_at(record), ended_at(record))]
        assert isinstance(outer_of(record), Root)
