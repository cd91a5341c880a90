"""Windows of totals that are merged when they are old: the store stays small, and each call is counted once."""

from __future__ import annotations

from itertools import pairwise

import pytest

from signal_monitor.stores import Store
from signal_monitor.stores.base import LIFE, WINDOW_SECONDS, Batch, Totals, first_window
from signal_monitor.stores.retention import WINDOWS_KEPT_SECONDS
from signal_monitor.stores.sqlite import windows
from signal_monitor.stores.windows import LONG_SECONDS, SHORT_KEPT_SECONDS, next_block
from tests.stores.making import process, write

START = 1_700_000_100 // LONG_SECONDS * LONG_SECONDS
HOUR = 3600
KEY = "shop.receivers.mail"


def run_for(store: Store, seconds: int, *processes: str) -> float:
    """Write a call in each minute for each process, a failure in each seventh; answers the time after that."""
    for window in range(START, START + seconds, WINDOW_SECONDS):
        for name in processes:
            minute = (window - START) // WINDOW_SECONDS
            failed = minute % 7 == 0
            row = Totals(
                "receiver", KEY, window, count=1, failures=failed, total_ns=5, self_ns=4, receivers_ns=3, waiting_ns=2,
                other_ns=1, waited_ns=6, waited_count=1, max_ns=minute, buckets={minute % 3: 1}, last_at=window + 1.0,
                last_failure=f"no {minute}" if failed else None, last_failure_at=window + 1.0 if failed else None,
                last_failure_dispatch=f"d{minute}" if failed else None,
            )  # fmt: skip
            store.write(Batch(process(name, seen_at=window + 1.0), totals=[row]))
    return float(START + seconds)


def test_hours_take_few_windows_and_count_each_call_once(store: Store) -> None:
    now = run_for(store, 8 * HOUR, "p1", "p2")
    rows = store.history("receiver", KEY, 0.0)

    assert sum(row.count for row in rows) == 2 * 8 * 60
    assert len(rows) < SHORT_KEPT_SECONDS // WINDOW_SECONDS + 8 * HOUR // LONG_SECONDS
    assert {row.seconds for row in rows} == {WINDOW_SECONDS, LONG_SECONDS}
    assert all(row.seconds == WINDOW_SECONDS for row in rows if row.window >= now - HOUR)
    for row, later in pairwise(rows):
        assert row.window + row.seconds == later.window


def test_merged_window_has_all_that_its_minutes_had(store: Store) -> None:
    run_for(store, 3 * HOUR, "p1")
    first = store.history("receiver", KEY, 0.0)[1]

    assert first == Totals(
        "receiver", KEY, START + LONG_SECONDS, count=5, failures=1, total_ns=25, self_ns=20, receivers_ns=15,
        waiting_ns=10, other_ns=5, waited_ns=30, waited_count=5, seconds=LONG_SECONDS, max_ns=9,
        buckets={2: 2, 0: 2, 1: 1}, last_at=START + 9 * 60 + 1.0,
        last_failure="no 7", last_failure_at=START + 7 * 60 + 1.0, last_failure_dispatch="d7",
    )  # fmt: skip


def test_periods_have_the_windows_that_had_not_ended(store: Store) -> None:
    now = run_for(store, 8 * HOUR, "p1", "p2")
    for back in (5 * 60, HOUR, 2 * HOUR, 2 * HOUR + 61, 6 * HOUR, 8 * HOUR):
        since = now - back
        rows = store.history("receiver", KEY, since)

        assert rows[0].window <= since < rows[0].window + rows[0].seconds
        (total,) = store.totals("receiver", since)
        assert total.count == sum(row.count for row in rows)
        (mine,) = store.totals("receiver", since, processes=["p2"])
        assert 2 * mine.count == total.count
        assert sum(row.count for row in store.history("receiver", KEY, since, ["p2"])) == mine.count
        assert store.totals("receiver", since, processes=[]) == []


def test_window_written_late_does_not_count_twice(store: Store) -> None:
    now = run_for(store, 3 * HOUR, "p1")
    for window in (START, START + WINDOW_SECONDS):
        row = Totals("receiver", KEY, window, count=9)
        store.write(Batch(process("p1", seen_at=now), totals=[row]))
        store.write(Batch(process("other", seen_at=now), totals=[Totals("receiver", KEY, window, count=100)]))

    assert sum(row.count for row in store.history("receiver", KEY, 0.0, ["p1"])) == 180
    assert sum(row.count for row in store.history("receiver", KEY, 0.0, ["other"])) == 200


def test_windows_are_kept_for_twice_the_longest_period(store: Store) -> None:
    rows = [Totals("receiver", KEY, START, count=1), Totals("receiver", KEY, LIFE, count=1)]
    write(store, process=process(seen_at=START), totals=rows)
    for seconds in (WINDOWS_KEPT_SECONDS - 60, WINDOWS_KEPT_SECONDS + LONG_SECONDS):
        write(store, process=process(seen_at=START + seconds))
        assert len(store.totals("receiver", 0.0)) == (seconds < WINDOWS_KEPT_SECONDS)
    assert store.complete_since() == 0.0


@pytest.mark.parametrize("max_bytes", [200_000])
def test_windows_deleted_to_make_space_are_told(store: Store) -> None:
    for number in range(80):
        window = START + number * WINDOW_SECONDS
        rows = [Totals("receiver", f"{KEY}_{each}", window, count=1, buckets={1: 1}) for each in range(40)]
        store.write(Batch(process("p1", seen_at=float(window)), totals=rows))

    oldest = min(row.window for row in store.history("receiver", f"{KEY}_0", 0.0))
    assert START < oldest <= store.complete_since() <= oldest + LONG_SECONDS


def test_lists_of_dispatches_begin_with_the_first_window(store: Store) -> None:
    now = run_for(store, 8 * HOUR, "p1")
    for back in range(60, 8 * HOUR, 1777):
        first = store.history("receiver", KEY, now - back)[0]
        assert first_window(now - back, now) == first.window


def test_merging_follows_a_clock_that_is_set_back() -> None:
    merged = START + 10 * HOUR
    assert next_block(merged, float(START)) == START - SHORT_KEPT_SECONDS - LONG_SECONDS
    assert next_block(START, START + SHORT_KEPT_SECONDS + LONG_SECONDS - 1.0) is None
    assert next_block(START, START + SHORT_KEPT_SECONDS + float(LONG_SECONDS)) == START


def test_block_is_merged_part_by_part(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(windows, "MAX_AT_ONCE", 7)
    for minute in range(5):
        window = START + minute * WINDOW_SECONDS
        rows = [Totals("receiver", f"{KEY}_{each}", window, count=1) for each in range(20)]
        store.write(Batch(process("p1", seen_at=float(window)), totals=rows))
    late = Totals("receiver", f"{KEY}_0", START, count=50)
    for _ in range(5):
        store.write(Batch(process("p1", seen_at=float(START + 2 * HOUR)), totals=[late]))

    totals = store.totals("receiver", 0.0)
    assert [row.seconds for row in totals] == [LONG_SECONDS] * 20
    assert sorted(row.count for row in totals)[:19] == [5] * 19
