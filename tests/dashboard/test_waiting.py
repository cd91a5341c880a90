"""What people wait for: the change against the period before, its small bars, and what is left to tasks."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from signal_monitor.dashboard import formatting
from signal_monitor.dashboard.charts import bin_seconds, sparkline
from signal_monitor.dashboard.processes import ProcessState, processes
from signal_monitor.dashboard.scope import Scope, covers
from signal_monitor.dashboard.waiting import NEW, Span, Waits, read_waits
from signal_monitor.records import ReceiverSum, Request
from signal_monitor.stores.base import WINDOW_SECONDS, Batch, Store, Totals
from tests.dashboard.examples import MS, process

MAIL = "shop.receivers.mail"
HOUR = 3600


def minutes(by_age: dict[int, int]) -> list[Totals]:
    """Totals of windows, by their age in minutes, with the time that requests waited in each."""
    newest = int(time.time()) // WINDOW_SECONDS * WINDOW_SECONDS
    return [
        Totals(
            "receiver", MAIL, newest - age * WINDOW_SECONDS, count=1, self_ns=waited, waited_ns=waited, waited_count=1,
        )
        for age, waited in by_age.items()
    ]  # fmt: skip


def read(store: Store, period: str = "15m", process: str = "") -> Waits:
    scope, states = Scope.of({"period": period, "process": process}), processes(store)
    ids = scope.ids(states)
    totals = store.totals("receiver", scope.since, processes=ids)
    return read_waits(store, scope, scope.states(states), totals, ids)


def span(before: float | None = 0.0) -> Span:
    return Span(start=600.0, now=900.0, before=before)


@pytest.mark.parametrize(
    ("before", "here", "told"),
    [
        (200, 138, "+38 %"),
        (200, 88, "\N{MINUS SIGN}12 %"),
        (200, 100, ""),
        (20_000, 10_050, ""),
        (0, 5, "new"),
        (0, 0, ""),
        (200, 0, "\N{MINUS SIGN}100 %"),
        (2, 21, "+2,000 %"),
    ],
)
def test_change_is_that_of_the_time_in_each_second(before: int, here: int, told: str) -> None:
    history = [Totals("receiver", MAIL, 0, waited_ns=before), Totals("receiver", MAIL, 600, waited_ns=here)]
    assert formatting.change(span().change(history, lambda row: row.waited_ns)) == told


def test_nothing_is_told_where_the_time_before_is_not_known() -> None:
    history = [Totals("receiver", MAIL, 600, waited_ns=7)]
    assert formatting.change(span(before=None).change(history, lambda row: row.waited_ns)) == ""


def test_nothing_is_told_where_windows_were_deleted_to_make_space() -> None:
    now = time.time()
    states = [ProcessState(process(started_at=now - HOUR), now)]
    assert Span.of(Scope("15m"), states, 0.0).before is not None
    assert Span.of(Scope("15m"), states, now - 1200).before is None
    assert Span.of(Scope(f"from-{int(now) - 5}"), states, 0.0).before is None
    assert Span.of(Scope("all"), states, 0.0).before is None


@pytest.mark.parametrize(
    ("lives", "known"),
    [
        ([(-HOUR, 0)], True),
        ([(-600, 0)], False),
        ([(-HOUR, -900), (-890, 0)], True),
        ([(-HOUR, -1500), (-1000, 0)], False),
        ([(-HOUR, -1500), (-1400, 0), (-HOUR, -1000)], True),
        ([], False),
    ],
)
def test_time_before_is_known_where_a_process_was_running(lives: list[tuple[int, int]], *, known: bool) -> None:
    now = time.time()
    states = [ProcessState(process(started_at=now + start, seen_at=now + end), now) for start, end in lives]
    assert covers(states, now - 1800, now - 900) == known


def present(ns: int) -> int:
    """What the newest window has of so much in each minute: it has not ended."""
    return round(ns * (time.time() % WINDOW_SECONDS) / WINDOW_SECONDS)


def test_change_in_a_store(quiet_store: Store) -> None:
    lately, before = dict.fromkeys(range(1, 16), MS), dict.fromkeys(range(16, 31), MS // 2)
    quiet_store.write(Batch(process(), totals=minutes({0: present(MS)} | lately | before)))
    (found,) = read(quiet_store).in_requests

    assert found.change == pytest.approx(1, abs=0.1)
    assert found.calls == 16
    assert len(found.trend) == 16

    quiet_store.write(Batch(process(started_at=time.time() - 1200)))
    assert read(quiet_store).in_requests[0].change is None


def test_steady_use_has_no_change_to_tell(quiet_store: Store) -> None:
    """The period of the page begins within a window, and the newest window has not ended."""
    rows = minutes({0: present(MS)} | dict.fromkeys(range(1, 31), MS))
    quiet_store.write(Batch(process(), totals=rows))
    for period in ("5m", "15m"):
        change = read(quiet_store, period).in_requests[0].change
        assert change is None or abs(change) < 0.05


def test_what_is_new(quiet_store: Store) -> None:
    quiet_store.write(Batch(process(), totals=minutes({1: MS})))
    assert read(quiet_store).in_requests[0].change == NEW


def test_requests_that_run_are_not_taken_for_tasks(quiet_store: Store) -> None:
    (row,) = minutes({0: 0})
    row = replace(row, self_ns=50 * MS, waited_ns=0, waited_count=0)
    part = ReceiverSum(MAIL, 1, 50 * MS, 50 * MS)
    running = Request("r1", "GET", "/", time.time(), 400 * MS, running=True, receivers=(part,))
    quiet_store.write(Batch(process(running_requests=(running,)), totals=[row]))
    assert read(quiet_store).outside_count == 0

    quiet_store.write(Batch(process()))
    assert [found.own_ns for found in read(quiet_store).outside] == [50 * MS]


def test_one_process(quiet_store: Store) -> None:
    quiet_store.write(Batch(process(id="web1", serves=True), totals=minutes({0: MS})))
    quiet_store.write(Batch(process(id="import"), totals=minutes({0: 5 * MS})))

    def waited(chosen: str) -> list[int]:
        return [row.own_ns for row in read(quiet_store, process=chosen).in_requests]

    assert waited("") == waited("all") == [6 * MS]
    assert waited("web1") == waited("serving") == [MS]
    assert waited("gone") == []


def test_small_bars_have_each_call_once() -> None:
    bars = sparkline([(600.0, 5), (659.0, 5), (660.0, 10), (1199.0, 2)], 600.0, 1230.0)

    assert [bar.kind for bar in bars] == ["", ""] + ["rest"] * 7 + [""] + ["rest"]
    assert bars[0].height == bars[1].height == 20
    assert bars[-2].height == 4
    assert all(bar.x >= 0 and bar.x + bar.width <= 74.1 for bar in bars)
    assert sparkline([], 600.0, 600.0)


@pytest.mark.parametrize(("hours", "expected"), [(0.25, 60), (1, 180), (2, 600), (6, 1200), (12, 2400)])
def test_bars_are_whole_windows(hours: float, expected: int) -> None:
    assert bin_seconds(hours * HOUR, 20) == expected


def test_receivers_of_request_signals_come_last_unless_they_were_slow(quiet_store: Store) -> None:
    (row,) = minutes({0: MS})
    often = replace(row, key="shop.log_request", waited_ns=9 * MS, request_calls=1)
    slow = replace(row, key="shop.check_session", waited_ns=8 * MS, request_calls=1, slow=1)
    quiet_store.write(Batch(process(), totals=[row, often, slow]))

    names = [found.totals.key for found in read(quiet_store).in_requests]
    assert names == ["shop.check_session", MAIL, "shop.log_request"]
