"""Dispatches inside a task belong to the task; tasks run at once here, by a worker in the demo's tests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from celery import Celery
from django.dispatch import Signal

from signal_monitor import pipeline
from signal_monitor.contrib import celery as contrib
from signal_monitor.instrumentation.current import Origin, current_origin
from signal_monitor.instrumentation.thread_state import begin_origin, end_origin
from signal_monitor.stores import get_store
from signal_monitor.testing import capture_dispatches

application = Celery("tests", set_as_current=False)
application.conf.task_always_eager = True
worked = Signal()


def receiver(**kwargs: Any) -> None: ...


@application.task(name="tests.work")  # type: ignore[untyped-decorator]
def work(again: int = 0) -> None:
    worked.send(sender=f"level {again}")
    if again:
        work.delay(again - 1)
    worked.send(sender=f"level {again} after")


@application.task(name="tests.fail")  # type: ignore[untyped-decorator]
def fail() -> None:
    worked.send(sender="failing")
    raise ValueError("no")


@pytest.fixture(autouse=True)
def _followed() -> Iterator[None]:
    contrib.connect()
    contrib.connect()
    worked.connect(receiver)
    yield
    worked.disconnect(receiver)


def test_dispatch_in_a_task_belongs_to_it() -> None:
    with capture_dispatches() as captured:
        task_id = work.delay().id

    assert {(item.origin_kind, item.origin_id) for item in captured.dispatches} == {
        ("task", f"tests.work[{task_id[:8]}]")
    }
    assert current_origin() is None


def test_task_inside_a_task_gives_back_what_was_around_it() -> None:
    with capture_dispatches() as captured:
        work.delay(1)

    by_sender = {item.sender: item.origin_id for item in captured.dispatches}
    assert by_sender["level 1"] == by_sender["level 1 after"] != by_sender["level 0"]


def test_task_run_at_once_in_a_request_gives_the_request_back() -> None:
    around = Origin("request", "abc")
    begin_origin(around)
    try:
        work.delay()
        assert current_origin() is around
    finally:
        end_origin(around)


def test_failing_task_ends_too() -> None:
    with capture_dispatches() as captured, pytest.raises(ValueError, match="no"):
        fail.apply(throw=True)

    assert [item.origin_kind for item in captured.dispatches] == ["task"]
    assert current_origin() is None


def test_disconnected_tasks_are_not_followed() -> None:
    contrib.disconnect()
    with capture_dispatches() as captured:
        work.delay()

    assert {item.origin_kind for item in captured.dispatches} == {None}


def runs(name: str) -> tuple[int, int]:
    """How often a task ran, and failed."""
    pipeline.flush()
    rows = get_store().totals("task", None, name)
    return sum(row.count for row in rows), sum(row.failures for row in rows)


def test_every_run_of_a_task_counts() -> None:
    before, failed_before = runs("tests.work"), runs("tests.fail")
    work.delay(2)
    with pytest.raises(ValueError, match="no"):
        fail.apply(throw=True)
    fail.apply()

    assert runs("tests.work") == (before[0] + 3, before[1])
    assert runs("tests.fail") == (failed_before[0] + 2, failed_before[1] + 2)


def test_time_of_a_task_is_divided() -> None:
    work.delay()
    pipeline.flush()

    (row,) = get_store().totals("task", None, "tests.work")
    assert row.receivers_ns > 0
    assert row.receivers_ns + row.waiting_ns + row.other_ns + row.self_ns == row.total_ns
