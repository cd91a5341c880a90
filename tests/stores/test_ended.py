"""Processes that have ended, in every store: the newest are kept, the others are added up, and no number changes."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from dataclasses import replace
from typing import Any

from signal_monitor.records import Process
from signal_monitor.stores import Store
from signal_monitor.stores.base import LIFE, WINDOW_SECONDS, Batch, Totals
from signal_monitor.stores.ended import MAX_ENDED, is_sum
from tests.stores.making import NOW, process

COMMANDS = 300
WINDOW = int(NOW) // WINDOW_SECONDS * WINDOW_SECONDS


def command(number: int, **values: Any) -> Process:
    """A short command: one of many in two hours."""
    at = NOW + number * 7200 / COMMANDS
    ended = process(f"c{number}", title=f"manage.py job{number}", started_at=at - 1, seen_at=at, ended_at=at)
    fields: dict[str, Any] = {"dispatches": 3, "orphans": {"shop.signals.packed": 2}, "dropped": {"store": 1}}
    return replace(ended, **(fields | values))


def totals(number: int, at: float) -> list[Totals]:
    """What a command counted."""
    windows = (LIFE, int(at) // WINDOW_SECONDS * WINDOW_SECONDS)
    failed: dict[str, Any] = {
        "last_failure": f"Error {number}",
        "last_failure_at": at,
        "last_failure_dispatch": f"d{number}",
    }
    return [
        Totals("receiver", "shop.mail", window, 3, 1, total_ns=30, max_ns=number, buckets={number % 5: 3}, **failed)
        for window in windows
    ]


def run_commands(store: Store, **values: Any) -> None:
    for number in range(COMMANDS):
        ended = command(number, **values)
        store.write(Batch(ended, totals=totals(number, ended.seen_at)))


def test_many_commands_are_added_up(store: Store) -> None:
    run_commands(store)

    found = store.processes()
    assert len(found) <= MAX_ENDED + 3
    assert sum(item.count for item in found) == COMMANDS
    assert sum(item.dispatches for item in found) == 3 * COMMANDS
    assert sum(item.dropped["store"] for item in found) == COMMANDS
    assert sum(item.orphans["shop.signals.packed"] for item in found) == 2 * COMMANDS
    assert found[0].title == f"manage.py job{COMMANDS - 1}"
    assert any(item.title.endswith("processes that ended earlier") for item in found if is_sum(item.id))


def test_totals_stay_the_same(store: Store) -> None:
    run_commands(store)

    (life,) = store.totals("receiver")
    assert (life.count, life.failures, life.total_ns, life.max_ns) == (900, 300, 9000, 299)
    assert life.buckets == dict.fromkeys(range(5), 180)
    assert (life.last_failure, life.last_failure_dispatch) == ("Error 299", "d299")
    (recent,) = store.totals("receiver", since=NOW)
    assert recent.count == 900
    assert sum(row.count for row in store.history("receiver", "shop.mail", NOW)) == 900


def test_killed_processes_are_added_up_too(store: Store) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()
    run_commands(store, ended_at=None, pid=gone.pid, host=socket.gethostname())

    assert len(store.processes()) <= MAX_ENDED + 5


def test_processes_that_run_are_kept_however_many(store: Store) -> None:
    run_commands(store, ended_at=None, pid=os.getpid(), host=socket.gethostname(), seen_at=NOW)

    assert len(store.processes()) == COMMANDS


def test_the_day_of_a_sum_ends_too(store: Store) -> None:
    run_commands(store)
    store.write(Batch(process(seen_at=NOW + 26 * 3600)))

    assert [item.id for item in store.processes()] == ["p1"]
    assert store.totals("receiver") == []
