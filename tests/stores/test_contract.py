"""What every store does, whichever it is."""

from __future__ import annotations

from typing import Any

import pytest

from signal_monitor.records import Amendment
from signal_monitor.stores import Store
from signal_monitor.stores.base import Totals
from signal_monitor.stores.filters import REQUEST_SIGNALS, DispatchFilter
from tests.stores.making import (
    FAILURE,
    NOW,
    call,
    dispatch,
    ids,
    request,
    whole_dispatch,
    write,
)

EVERYTHING = DispatchFilter()


def test_dispatch_comes_back_whole(store: Store) -> None:
    write(store, whole_dispatch())
    assert store.dispatch("whole") == whole_dispatch()


def test_dispatch_unknown(store: Store) -> None:
    assert store.dispatch("nowhere") is None


def test_dispatch_written_twice_is_stored_once(store: Store) -> None:
    write(store, dispatch(duration_ns=1))
    write(store, dispatch(duration_ns=2), dispatch(duration_ns=3))
    assert [item.duration_ns for item in store.dispatches(EVERYTHING)] == [3]


def test_arrivals_are_numbered_as_they_are_stored_and_keep_their_number(store: Store) -> None:
    write(store, dispatch("late", started_at=NOW), dispatch("early", started_at=NOW - 60))
    seen = store.last_arrival()
    write(store, amendments=[Amendment("late", 0, 5, "ok")])
    write(store, dispatch("old", started_at=NOW - 3600), dispatch("new", signal="shop.other", started_at=NOW))

    assert [item.id for _, item in store.arrivals(EVERYTHING, seen, 10)] == ["new", "old"]
    assert [item.id for _, item in store.arrivals(EVERYTHING, seen, 1)] == ["new"]
    assert [item.id for _, item in store.arrivals(DispatchFilter(signal="shop.other"), 0, 10)] == ["new"]
    assert store.arrivals(EVERYTHING, store.last_arrival(), 10) == []
    assert store.arrivals(EVERYTHING, seen, 10)[0][0] == store.last_arrival()


def test_dispatches_newest_first_up_to_a_limit(store: Store) -> None:
    write(store, *(dispatch(f"d{age}", started_at=NOW - age) for age in (2, 0, 3, 1)))
    assert ids(store.dispatches(EVERYTHING, limit=3)) == ["d0", "d1", "d2"]


ODD_NAME = "shop.Größe_100%"
ODD = dispatch(
    "odd",
    signal="shop.signals.GEZÄHLT",
    sender=ODD_NAME,
    duration_ns=30_000_000,
    severity="slow",
    origin_id="b1-r9",
    process="p9",
    trace_id="ab" * 16,
    calls=(
        call("stock.receivers.take", app="stock", outcome="raised", failure=FAILURE),
        call("stock.receivers.log", index=1),
    ),
)


@pytest.mark.parametrize(
    "values",
    [
        {"signal": "gezähl"},
        {"signal": "*.gezählt"},
        {"sender": "größe_100%"},
        {"sender": "SHOP.GR*%"},
        {"receiver": "RECEIVERS.T"},
        {"receiver": "stock*take"},
        {"exact_receiver": "stock.receivers.take"},
        {"exact_signal": "shop.signals.GEZÄHLT"},
        {"app": "stock"},
        {"outcome": "raised"},
        {"outcome": "failed"},
        {"min_ms": 30.0},
        {"slow": True},
        {"failed": True},
        {"origin_id": "b1-r9"},
        {"browser": "b1"},
        {"process": "p9"},
        {"trace_id": "ab" * 16},
        {"receiver": "take", "outcome": "raised", "app": "stock", "slow": True, "signal": "GEZ"},
    ],
    ids=lambda values: "-".join(f"{name}={value}" for name, value in values.items()),
)
def test_filter_keeps_what_matches(store: Store, values: dict[str, Any]) -> None:
    write(store, dispatch("plain"), ODD)
    assert ids(store.dispatches(DispatchFilter(**values))) == ["odd"]


@pytest.mark.parametrize(
    "values",
    [
        {"before": NOW},
        {"sender": "größe%100"},
        {"sender": "größe_1__"},
        {"sender": "größe"[:4] + "?e"},
        {"sender": "*größe"},
        {"signal": "gezählt*x"},
        {"signal": "*gezählt*gezählt*"},
        {"exact_receiver": "stock.receivers"},
        {"exact_signal": "shop.signals.gezählt"},
        {"min_ms": 30.001},
        {"receiver": "log", "outcome": "raised"},
        {"outcome": "late"},
    ],
    ids=lambda values: "-".join(f"{name}={value}" for name, value in values.items()),
)
def test_filter_drops_what_does_not_match(store: Store, values: dict[str, Any]) -> None:
    write(store, ODD)
    assert store.dispatches(DispatchFilter(**values)) == []


def test_filter_leaves_out_ordinary_request_signals(store: Store) -> None:
    finished, started = REQUEST_SIGNALS
    failing = (call(outcome="raised", failure=FAILURE),)
    write(
        store,
        dispatch("started", signal=started),
        dispatch("finished", signal=finished),
        dispatch("slow", signal=started, severity="slow"),
        dispatch("failed", signal=finished, calls=failing),
        dispatch("other"),
    )
    assert set(ids(store.dispatches(DispatchFilter(without_request_signals=True)))) == {"slow", "failed", "other"}
    assert len(store.dispatches(EVERYTHING)) == 5


def test_dispatches_and_requests_before_a_time(store: Store) -> None:
    ages = (0.25, 0.5, 0.75)
    write(
        store,
        *(dispatch(f"d{age}", started_at=NOW - age) for age in ages),
        requests=[request(f"r{age}", started_at=NOW - age) for age in ages],
    )
    assert ids(store.dispatches(DispatchFilter(before=NOW - 0.25))) == ["d0.5", "d0.75"]
    assert [item.id for item in store.requests(before=NOW - 0.5)] == ["r0.75"]


def test_filter_with_many_stars_ends(store: Store) -> None:
    write(store, dispatch(sender="a" * 2_000))
    assert store.dispatches(DispatchFilter(sender="*a" * 40 + "*b")) == []


def test_names_that_utf8_cannot_carry(store: Store) -> None:
    write(store, dispatch(signal="odd\udc80", origin_id="\udc81"), totals=[Totals("sender", "odd\udc80", count=1)])
    assert ids(store.dispatches(DispatchFilter(exact_signal="odd\udc80", origin_id="\udc81"))) == ["d1"]
    assert [row.count for row in store.totals("sender", key="odd\udc80")] == [1]


def test_tree_in_order_of_start(store: Store) -> None:
    write(
        store,
        dispatch("inner", root_id="root", depth=2, started_at=NOW),
        dispatch("child", root_id="root", depth=1, started_at=NOW),
        dispatch("root", started_at=NOW - 1),
        dispatch("other"),
    )
    assert ids(store.tree("root")) == ["root", "child", "inner"]
    assert ids(store.tree("root", limit=1)) == ["root"]


def test_amendment_changes_call_and_dispatch(store: Store) -> None:
    write(store, dispatch(calls=(call(), call("shop.receivers.pay", index=1, outcome="late"))))
    write(store, amendments=[Amendment("d1", 1, 9_000, "raised", "critical", FAILURE)])
    amended = store.dispatch("d1")
    assert amended is not None
    assert amended.calls == (
        call(),
        call("shop.receivers.pay", index=1, duration_ns=9_000, outcome="raised", severity="critical", failure=FAILURE),
    )
    assert amended.severity == "critical"


def test_amendment_is_seen_by_filters(store: Store) -> None:
    write(store, dispatch(), amendments=[Amendment("d1", 0, 9_000, "swallowed", "slow", FAILURE)])
    assert ids(store.dispatches(DispatchFilter(outcome="swallowed", slow=True, failed=True))) == ["d1"]
    assert store.dispatches(DispatchFilter(outcome="ok")) == []


def test_amendment_never_makes_a_dispatch_less_severe(store: Store) -> None:
    write(store, dispatch(severity="critical"), amendments=[Amendment("d1", 0, 1, "late")])
    assert ids(store.dispatches(DispatchFilter(slow=True))) == ["d1"]


def test_amendment_of_unknown_dispatch_is_passed_over(store: Store) -> None:
    write(store, dispatch(), amendments=[Amendment("nowhere", 0, 1, "raised", failure=FAILURE)])
    assert store.dispatch("d1") == dispatch()


def test_request_comes_back_whole(store: Store) -> None:
    whole = request(dispatch_count=3, receiver_count=4, failed_count=1, slow_count=2, process="p1", trace_id="ab")
    write(store, requests=[whole])
    assert store.request("r1") == whole
    assert store.request("r2") is None


def test_requests_by_path_and_duration(store: Store) -> None:
    write(
        store, requests=[request("slow", duration_ns=50_000_000), request("fast"), request("other", path="/50%_off/")]
    )
    assert [item.id for item in store.requests(path="KÄSE", slow_ms=50)] == ["slow"]
    assert [item.id for item in store.requests(path="%_")] == ["other"]
    assert len(store.requests(limit=2)) == 2


def test_cursor_changes_with_each_write_only(store: Store) -> None:
    seen = [store.cursor()]
    for _ in range(3):
        write(store)
        seen.append(store.cursor())
    store.clear()
    seen.append(store.cursor())
    assert len(set(seen)) == 5
    store.dispatches(EVERYTHING)
    assert store.cursor() == seen[-1]


def test_clear_forgets_everything(store: Store) -> None:
    write(store, dispatch(), requests=[request()], totals=[Totals("receiver", "mail", count=1)])
    store.clear()
    assert store.dispatches(EVERYTHING) == []
    assert (store.requests(), store.totals("receiver"), store.processes()) == ([], [], [])


def test_store_works_after_close(store: Store) -> None:
    store.close()
    write(store, dispatch())
    assert store.dispatch("d1") == dispatch()
