"""Sums of final windows are kept, and each change of a window is seen all the same."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from signal_monitor.stores import Store, open_store
from signal_monitor.stores.base import WINDOW_SECONDS, Batch, Totals
from signal_monitor.stores.ended import MAX_ENDED
from signal_monitor.stores.sqlite import sums
from tests.stores.making import process

START = 1_700_000_100
MINUTES = 30
KEYS = ("shop.receivers.mail", "shop.receivers.index")


def put(store: Store, minute: int, name: str = "p1", count: int = 1, keys: tuple[str, ...] = KEYS) -> None:
    window = START + minute * WINDOW_SECONDS
    rows = [Totals("receiver", key, window, count=count, max_ns=minute, buckets={minute: count}) for key in keys]
    store.write(Batch(process(name, seen_at=window + 1.0), totals=rows))


def end_many(store: Store) -> None:
    for number in range(MAX_ENDED + 2):
        store.write(Batch(process(f"e{number}", seen_at=START + 1e5, ended_at=START + 1e5)))


CHANGES: dict[str, Callable[[Store], None]] = {
    "nothing": lambda _store: None,
    "the newest window": lambda store: put(store, MINUTES - 1, count=5),
    "a new window": lambda store: put(store, MINUTES),
    "a final window": lambda store: put(store, 3, count=9),
    "another process": lambda store: put(store, 2, "p2"),
    "a new receiver": lambda store: put(store, MINUTES, keys=("shop.receivers.late",)),
    "everything deleted": lambda store: store.clear(),
    "processes added up": end_many,
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("processes", [None, ["p1"]], ids=["all", "one"])
def test_changes_are_seen(sqlite_url: str, change: str, processes: list[str] | None) -> None:
    """The reader has kept its sums when another process changes the file."""
    reader, writer = open_store(sqlite_url), open_store(sqlite_url)
    for minute in range(MINUTES):
        put(writer, minute)
    before = reader.totals("receiver", START + 90.0, processes=processes)
    CHANGES[change](writer)
    found = reader.totals("receiver", START + 90.0, processes=processes)
    fresh = open_store(sqlite_url)

    assert [row.count for row in before] == [MINUTES - 1] * len(KEYS)
    assert found == fresh.totals("receiver", START + 90.0, processes=processes)
    for key in KEYS:
        one = fresh.totals("receiver", START + 90.0, key, processes)
        assert [row for row in found if row.key == key] == one
    for store in (reader, writer, fresh):
        store.close()


def test_final_windows_are_read_once(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_store(sqlite_url)
    for minute in range(MINUTES):
        put(store, minute)
    store.totals("receiver", START + 90.0)
    read: list[float | None] = []
    whole = sums.read_totals

    def noted(*args: object, **values: object) -> list[Totals]:
        read.append(args[2])  # type: ignore[arg-type]
        return whole(*args, **values)  # type: ignore[arg-type]

    monkeypatch.setattr(sums, "read_totals", noted)
    store.totals("receiver", START + 95.0)
    store.close()

    assert read == [START + (MINUTES - 1) * WINDOW_SECONDS - sums.FINAL_SECONDS]
