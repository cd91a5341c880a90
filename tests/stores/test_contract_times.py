"""What every store does with times: it keeps them, filters by them, and leaves processes out of totals."""

from __future__ import annotations

import time

import pytest

from signal_monitor.records import (
    Amendment,
    Failure,
    Frame,
    ReceiverCall,
    ReceiverSum,
    Request,
)
from signal_monitor.stores.base import LIFE, Batch, Store, Totals
from signal_monitor.stores.filters import DispatchFilter
from tests.stores.making import dispatch, process, write

MS = 1_000_000
FRAME = Frame("/srv/shop/receivers.py", 12, "mail")
CALL = ReceiverCall(
    "shop.mail", 0, duration_ns=90 * MS, nested_ns=60 * MS, repeated_ns=MS, slow_line=FRAME, slow_stack=(FRAME,),
    slow_seen_ns=80 * MS,
)  # fmt: skip
REQUEST = Request(
    "r1", "GET", "/", 1.0, 90 * MS, 500, signal_ns=50 * MS, outside={"thread": 30 * MS}, after_count=1,
    after_receivers=2, after_ns=3, summed_count=4, receivers=(ReceiverSum("shop.mail", 3, 20, 10, 5, 1, 1),),
    receivers_left_out=6, failure=Failure("KeyError", "no", (FRAME,)),
)  # fmt: skip


def test_times_of_a_dispatch_are_kept(store: Store) -> None:
    waited = dispatch(
        "d1", calls=(CALL,), duration_ns=100 * MS, outside={"thread": 7 * MS}, nested_outside={"event loop": 3 * MS}
    )
    write(store, waited)

    found = store.dispatch("d1")
    assert found == waited
    assert found is not None
    assert (found.receivers_ns, found.waiting_ns, found.calls[0].self_ns) == (90 * MS, 10 * MS, 30 * MS)


def test_request_with_its_sums_and_failure_is_kept(store: Store) -> None:
    store.write(Batch(process(running_requests=(REQUEST,), serves=True), requests=[REQUEST]))

    assert store.request("r1") == REQUEST
    (kept,) = store.processes()
    assert (kept.running_requests, kept.serves) == ((REQUEST,), True)


def test_least_duration_is_that_in_receivers(store: Store) -> None:
    write(store, dispatch("waited", duration_ns=100 * MS, outside={"thread": 99 * MS}))
    write(store, dispatch("ran", duration_ns=100 * MS))

    assert [found.id for found in store.dispatches(DispatchFilter(min_ms=50))] == ["ran"]


def test_dispatches_are_counted_and_kept_apart_by_their_end(store: Store) -> None:
    now = time.time()
    write(store, dispatch("old", started_at=now - 100, duration_ns=10 * MS))
    write(store, dispatch("long", started_at=now - 100, duration_ns=95_000 * MS))

    assert store.count(DispatchFilter()) == 2
    assert store.count(DispatchFilter(ended_since=now - 50)) == 1
    assert [found.id for found in store.dispatches(DispatchFilter(ended_since=now - 50))] == ["long"]


def test_late_call_makes_its_dispatch_slow_by_its_own_time(store: Store) -> None:
    write(store, dispatch("d1", calls=(ReceiverCall("shop.mail", 0, "late"),)))
    amendment = Amendment("d1", 0, 500 * MS, "late", severity="slow", nested_ns=100 * MS)
    store.write(Batch(process(), amendments=[amendment]))

    assert store.count(DispatchFilter(slow=True)) == 1
    found = store.dispatch("d1")
    assert found is not None
    assert found.calls[0].self_ns == 400 * MS


@pytest.mark.parametrize("since", [None, 0.0])
def test_totals_of_some_processes(store: Store, since: float | None) -> None:
    window = LIFE if since is None else int(time.time()) // 60 * 60
    for process_id in ("site", "command"):
        row = Totals("receiver", "mail", window, count=2, request_calls=1, total_ns=5, self_ns=4, receivers_ns=3,
                     waiting_ns=2, other_ns=1)  # fmt: skip
        store.write(Batch(process(id=process_id), totals=[row]))

    (both,), (one,) = store.totals("receiver", since), store.totals("receiver", since, processes=["site"])
    assert (both.count, both.request_calls, both.self_ns, both.receivers_ns) == (4, 2, 8, 6)
    assert (one.count, one.total_ns, one.waiting_ns, one.other_ns) == (2, 5, 2, 1)
