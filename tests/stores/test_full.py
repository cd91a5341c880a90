"""What a full store deletes, and how large it gets."""

from __future__ import annotations

import random
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from signal_monitor.records import Dispatch
from signal_monitor.stores import Store, open_store
from signal_monitor.stores.base import WINDOW_SECONDS, Totals
from signal_monitor.stores.filters import DispatchFilter
from tests.stores.making import FAILURE, NOW, call, dispatch, ids, process, request, write

MEGABYTE = 1024 * 1024
PROTECTED = 64
"""Of each kind, in a store of one megabyte."""
EVERYTHING = DispatchFilter()
CALLS = tuple(call(f"shop.receivers.mail_{number}", index=number) for number in range(8))
FAILED_CALLS = (*CALLS, call("shop.receivers.fails", index=8, outcome="raised", failure=FAILURE))

pytestmark = pytest.mark.parametrize("max_bytes", [MEGABYTE])


def many(kind: str, first: int, count: int) -> list[Dispatch]:
    """Dispatches named after their kind, each of more than a kilobyte."""
    by_kind: dict[str, dict[str, Any]] = {"failed": {"calls": FAILED_CALLS}, "slow": {"severity": "slow"}}
    values = by_kind.get(kind, {})
    return [
        dispatch(f"{kind}{number}", **{"calls": CALLS, "started_at": NOW + number, **values})
        for number in range(first, first + count)
    ]


def stored(store: Store) -> dict[str, list[int]]:
    """The numbers of the dispatches that are stored, by kind."""
    found: dict[str, list[int]] = {"routine": [], "slow": [], "failed": []}
    for name in ids(store.dispatches(EVERYTHING, limit=100_000)):
        kind = name.rstrip("0123456789")
        found[kind].append(int(name.removeprefix(kind)))
    return found


def fill(store: Store, kind: str, count: int, at_once: int = 100) -> None:
    for first in range(0, count, at_once):
        write(store, *many(kind, first, at_once))


def newest(numbers: Iterable[int], count: int) -> list[int]:
    return list(range(count - len(list(numbers)), count))


def test_oldest_go_first(store: Store) -> None:
    fill(store, "routine", 2_000)
    kept = stored(store)["routine"]
    assert PROTECTED <= len(kept) < 1_500
    assert sorted(kept) == newest(kept, 2_000)
    assert store.dispatch("routine0") is None
    assert store.tree("routine0") == []


def test_routine_ones_go_before_slow_and_failed_ones(store: Store) -> None:
    fill(store, "failed", 100)
    fill(store, "slow", 100)
    fill(store, "routine", 2_000)
    kept = stored(store)
    assert (len(kept["failed"]), len(kept["slow"])) == (100, 100)
    assert sorted(kept["routine"]) == newest(kept["routine"], 2_000)


def test_flood_of_failed_ones_leaves_the_newest_of_the_others(store: Store) -> None:
    fill(store, "routine", 200)
    fill(store, "slow", 200)
    write(store, requests=[request(f"r{number}", started_at=NOW + number) for number in range(200)])
    fill(store, "failed", 2_000)
    kept = stored(store)
    assert sorted(kept["routine"]) == list(range(200 - PROTECTED, 200))
    assert sorted(kept["slow"]) == list(range(200 - PROTECTED, 200))
    assert [item.id for item in store.requests(limit=1_000)] == [f"r{number}" for number in range(199, 135, -1)]
    assert sorted(kept["failed"]) == newest(kept["failed"], 2_000)


def test_requests_are_bounded(store: Store) -> None:
    for first in range(0, 10_000, 500):
        write(store, requests=[request(f"r{first + number}", started_at=NOW + first + number) for number in range(500)])
    kept = store.requests(limit=100_000)
    assert PROTECTED <= len(kept) < 9_000
    assert kept[0].id == "r9999"


def test_oldest_windows_go_when_totals_are_too_many(store: Store) -> None:
    for minute in range(40):
        window = int(NOW) // WINDOW_SECONDS * WINDOW_SECONDS + minute * WINDOW_SECONDS
        rows = [Totals("receiver", f"shop.receivers.mail_{number}", window, count=1) for number in range(200)]
        write(store, totals=rows, process=process(seen_at=NOW + minute * WINDOW_SECONDS))
    windows = [row.window for row in store.history("receiver", "shop.receivers.mail_1", 0.0)]
    assert 2 <= len(windows) < 40
    assert windows[-1] == window


@pytest.mark.parametrize("at_once", [10, 2_000])
def test_file_stays_near_its_size(sqlite_url: str, max_bytes: int, at_once: int) -> None:
    """Also in the midst of it: a checkpoint of the log is not waited for."""
    kinds, largest = random.Random(0), 0
    with closing(open_store(sqlite_url, 4 * max_bytes)) as store:
        for first in range(0, 8_000, at_once):
            write(store, *many(kinds.choice(["routine", "routine", "slow", "failed"]), first, at_once))
            largest = max(largest, file_bytes(store))
        for _ in range(10):
            write(store)
        assert 2 * max_bytes < file_bytes(store) < 4.5 * max_bytes
        assert at_once > 10 or largest < 5 * max_bytes


def test_smaller_size_makes_a_file_smaller(sqlite_url: str, max_bytes: int) -> None:
    with closing(open_store(sqlite_url, 8 * max_bytes)) as store:
        fill(store, "routine", 4_000)
        assert file_bytes(store) > 5 * max_bytes
    with closing(open_store(sqlite_url, max_bytes)) as store:
        for _ in range(20):
            write(store)
        assert file_bytes(store) < 1.5 * max_bytes
        assert stored(store)["routine"][0] == 3_999


def file_bytes(store: Store) -> int:
    """With the write-ahead log."""
    return sum(path.stat().st_size for path in map(Path, (store.location, f"{store.location}-wal")) if path.exists())
