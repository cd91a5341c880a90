"""What every store does with totals and processes, whichever it is."""

from __future__ import annotations

from typing import Any

import pytest

from signal_monitor.records import Request, SubjectKind
from signal_monitor.stores import Store
from signal_monitor.stores.base import LIFE, WINDOW_SECONDS, Batch, Totals
from tests.stores.making import NOW, process, whole_process, write

WINDOW = int(NOW) // WINDOW_SECONDS * WINDOW_SECONDS


def receiver_totals(key: str = "shop.receivers.mail", **values: Any) -> Totals:
    return Totals("receiver", key, **values)


def test_totals_come_back_whole(store: Store) -> None:
    whole = receiver_totals(
        count=4, failures=1, slow=2, blocking=3, not_run=5, total_ns=400, max_ns=200, buckets={0: 1, 300: 3},
        app="shop", path="/site/shop/receivers.py", line=3, last_at=NOW,
        last_failure="Denied: no", last_failure_at=NOW, last_failure_dispatch="d1",
    )  # fmt: skip
    write(store, totals=[whole])
    assert store.totals("receiver") == [whole]


def test_totals_are_kept_as_they_were_when_written(store: Store) -> None:
    counting = receiver_totals(count=1, buckets={5: 1})
    write(store, totals=[counting])
    counting.count = 2
    counting.buckets[5] = 2
    assert store.totals("receiver") == [receiver_totals(count=1, buckets={5: 1})]


def test_totals_written_again_replace(store: Store) -> None:
    write(store, totals=[receiver_totals(count=1, buckets={5: 1})])
    write(store, totals=[receiver_totals(count=3, buckets={5: 2, 6: 1})])
    assert store.totals("receiver") == [receiver_totals(count=3, buckets={5: 2, 6: 1})]


def test_totals_add_up_processes(store: Store) -> None:
    store.write(
        Batch(
            process("p1"),
            totals=[
                receiver_totals(
                    count=2, failures=1, total_ns=20, max_ns=15, buckets={5: 2}, last_at=NOW, last_failure="new",
                    last_failure_at=NOW, last_failure_dispatch="d2",
                ),
            ],
        )
    )  # fmt: skip
    store.write(
        Batch(
            process("p2"),
            totals=[
                receiver_totals(
                    count=3, failures=1, total_ns=30, max_ns=10, buckets={5: 1, 7: 2}, last_at=NOW - 9,
                    last_failure="old", last_failure_at=NOW - 9, last_failure_dispatch="d1",
                ),
                receiver_totals("shop.receivers.other", count=1),
                Totals("signal", "shop.receivers.mail", count=50),
            ],
        )
    )  # fmt: skip
    assert store.totals("receiver", key="shop.receivers.mail") == [
        receiver_totals(
            count=5, failures=2, total_ns=50, max_ns=15, buckets={5: 3, 7: 2}, last_at=NOW, last_failure="new",
            last_failure_at=NOW, last_failure_dispatch="d2",
        )
    ]  # fmt: skip
    assert {row.key for row in store.totals("receiver")} == {"shop.receivers.mail", "shop.receivers.other"}


def write_windows(store: Store) -> None:
    """Counts 1, 2, 4 and 8 in four windows, the newest last, from two processes, and 100 over their lives."""
    for name in ("p1", "p2"):
        rows = [
            receiver_totals(window=WINDOW - 60 * age, count=count, max_ns=count)
            for age, count in ((3, 1), (2, 2), (1, 4), (0, 8))
        ]
        store.write(Batch(process(name), totals=[*rows, receiver_totals(window=LIFE, count=100)]))


@pytest.mark.parametrize(
    ("since", "count"),
    [(None, 200), (WINDOW, 16), (WINDOW - 1, 24), (WINDOW - 60, 24), (WINDOW - 61, 28), (0.0, 30)],
)
def test_totals_since(store: Store, since: float | None, count: int) -> None:
    write_windows(store)
    assert [row.count for row in store.totals("receiver", since=since)] == [count]


def test_history_window_by_window(store: Store) -> None:
    write_windows(store)
    write(store, totals=[receiver_totals("shop.receivers.other", window=WINDOW, count=1)])
    rows = store.history("receiver", "shop.receivers.mail", WINDOW - 120)
    assert [(row.window, row.count, row.max_ns) for row in rows] == [
        (WINDOW - 120, 4, 2),
        (WINDOW - 60, 8, 4),
        (WINDOW, 16, 8),
    ]


def test_old_windows_are_deleted(store: Store) -> None:
    write(store, totals=[receiver_totals(window=WINDOW, count=1), receiver_totals(count=1)])
    write(store, process=process(seen_at=NOW + 12 * 60 * 60 + 600))
    assert store.totals("receiver", since=0.0) == []
    assert store.totals("receiver") == [receiver_totals(count=1)]


def test_process_comes_back_whole(store: Store) -> None:
    write(store, process=whole_process())
    assert store.processes() == [whole_process()]


def test_processes_newest_report_first(store: Store) -> None:
    for name, seen_at in (("p1", NOW), ("p2", NOW + 2), ("p1", NOW + 1)):
        write(store, process=process(name, seen_at=seen_at))
    assert [(item.id, item.seen_at) for item in store.processes()] == [("p2", NOW + 2), ("p1", NOW + 1)]


def test_processes_long_gone_are_deleted_with_their_totals(store: Store) -> None:
    write(store, process=process("gone"), totals=[receiver_totals(count=1)])
    write(store, process=process("here", seen_at=NOW + 24 * 60 * 60 + 1), totals=[receiver_totals(count=2)])
    assert [item.id for item in store.processes()] == ["here"]
    assert [row.count for row in store.totals("receiver")] == [2]


def test_requests_of_a_view(store: Store) -> None:
    rows = [
        ("r1", "GET", "shop:cart"),
        ("r2", "POST", "shop:cart"),
        ("r3", "GET", "shop:cart_again"),
        ("r4", "HACK", None),
    ]
    write(store, requests=[Request(name, method, "/", NOW, 1, view=view) for name, method, view in rows])

    def found(view: str) -> set[str]:
        return {item.id for item in store.requests(view=view)}

    assert found("=GET shop:cart") == {"r1"}
    assert found("cart") == {"r1", "r2", "r3"}
    assert found("=(other) (no view)") == {"r4"}
    assert found("") == {"r1", "r2", "r3", "r4"}


@pytest.mark.parametrize("kind", ["view", "task"])
def test_old_windows_of_views_and_tasks_are_deleted(store: Store, kind: SubjectKind) -> None:
    write(store, totals=[Totals(kind, "GET shop:cart", window=WINDOW, count=1), Totals(kind, "GET shop:cart", count=1)])
    write(store, process=process(seen_at=NOW + 12 * 60 * 60 + 600))
    assert store.totals(kind, since=0.0) == []
    assert store.totals(kind) == [Totals(kind, "GET shop:cart", count=1)]
