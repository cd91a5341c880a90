"""The timeline of a dispatch and of a request."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from signal_monitor.dashboard.waterfall import DEEPEST_INDENT, WATERFALL_ROWS, request_waterfall, waterfall
from signal_monitor.records import Dispatch, ReceiverCall, Request
from signal_monitor.stores.base import Batch, Store
from tests.dashboard.drawing import parts
from tests.dashboard.examples import MS, ORDER_PLACED, RESERVE_STOCK, SEND_MAIL, dispatch, failed_order, process


def test_waterfall_puts_a_nested_dispatch_under_the_call_that_sent_it() -> None:
    outer = failed_order(started_at=1000.0)
    inner = dispatch("inner", parent_id="failed", parent_index=1, depth=1, started_at=1000.16)

    rows = waterfall([outer, inner]).rows

    shown = [(row.dispatch.id, row.call.index if row.call else None, row.depth) for row in rows]
    assert shown == [
        ("failed", None, 0),
        ("failed", 0, 1),
        ("failed", 1, 1),
        ("inner", None, 2),
        ("inner", 0, 3),
        ("failed", 2, 1),
    ]


def test_waterfall_bars_follow_the_clock() -> None:
    rows = waterfall([failed_order(started_at=1000.0)]).rows

    assert [(row.x, row.width) for row in rows[:3]] == [(0, 1000), (0, 750), (750, 250)]


def test_waterfall_of_a_late_receiver_reaches_to_its_end() -> None:
    late = ReceiverCall(SEND_MAIL, 0, "late", duration_ns=400 * MS)
    drawn = waterfall([dispatch("d1", late, duration_ns=100 * MS)])

    assert drawn.span_ns == 400 * MS
    assert [row.width for row in drawn.rows] == [250, 1000]


def test_waterfall_shows_a_dispatch_whose_parent_was_not_stored() -> None:
    rows = waterfall([dispatch("d2", parent_id="not stored", depth=3)]).rows

    assert [(row.dispatch.id, row.depth) for row in rows] == [("d2", 0), ("d2", 1)]


def test_waterfall_of_deep_nesting_needs_no_recursion() -> None:
    chain = [
        dispatch(f"d{depth}", parent_id=f"d{depth - 1}" if depth else None, parent_index=0, depth=depth)
        for depth in range(2000)
    ]

    drawn = waterfall(chain)

    assert len(drawn.rows) == WATERFALL_ROWS
    assert drawn.left_out == 4000 - WATERFALL_ROWS
    assert max(row.indent for row in drawn.rows) == DEEPEST_INDENT


def alike(number: int, count: int, **fields: object) -> list[Dispatch]:
    """Dispatches to one receiver, 10 ms apart, of which the last is the longest."""
    calls = [ReceiverCall(SEND_MAIL, 0, duration_ns=(index + 1) * MS) for index in range(count)]
    return [
        dispatch(f"{number}-{index}", call, started_at=1000 + number + index / 100, **fields)
        for index, call in enumerate(calls)
    ]


REQUEST = Request("r", "POST", "/orders/", 1000.0, 3_000 * MS, 200, "orders", dispatch_count=24)


def test_alike_siblings_of_a_request_are_one_row() -> None:
    drawn = request_waterfall(REQUEST, [*alike(0, 22), *alike(1, 2, sender="shop.models.Line")])

    shown = [(row.dispatch.id, row.call is not None, row.alike) for row in drawn.rows]
    assert shown == [
        ("0-21", False, 0),
        ("0-21", True, 0),
        ("0-21", False, 21),
        *[(f"1-{index}", is_call, 0) for index in range(2) for is_call in (False, True)],
    ]
    assert drawn.rows[2].duration_ns == sum(range(1, 22)) * MS
    assert drawn.span_ns == REQUEST.duration_ns


@pytest.mark.parametrize("fields", [{"severity": "slow"}, {"severity": "critical"}])
def test_slow_ones_are_never_hidden_behind_others(fields: dict[str, object]) -> None:
    drawn = request_waterfall(REQUEST, [*alike(0, 10), *alike(1, 5, **fields)])

    assert [row.dispatch.id for row in drawn.rows if row.call is None and not row.alike] == [
        "0-9",
        *[f"1-{index}" for index in range(5)],
    ]


def test_failed_ones_are_never_hidden_behind_others() -> None:
    failed = [replace(failed_order(), id=f"failed-{number}", started_at=1000.5 + number / 100) for number in range(5)]
    drawn = request_waterfall(REQUEST, [*alike(0, 10), *failed])

    assert len({row.dispatch.id for row in drawn.rows if row.dispatch.failed}) == 5


def test_alike_dispatches_inside_a_receiver_are_grouped_under_it() -> None:
    outer = dispatch("outer", ReceiverCall(RESERVE_STOCK, 0, duration_ns=500 * MS), started_at=1000.0)
    inner = alike(0, 9, parent_id="outer", parent_index=0, depth=1, root_id="outer")
    drawn = request_waterfall(REQUEST, [outer, *inner])

    assert [(row.depth, row.alike) for row in drawn.rows] == [(0, 0), (1, 0), (2, 0), (3, 0), (2, 8)]


@pytest.mark.parametrize(
    ("count", "expected"),
    [(22, "21 more like this"), (160, "21 more like this in the sample")],
    ids=["all stored", "a sample stored"],
)
def test_request_page_has_the_timeline(quiet_store: Store, count: int, expected: str) -> None:
    sent = alike(0, 22, origin_kind="request", origin_id="r")
    quiet_store.write(Batch(process(), dispatches=sent, requests=[replace(REQUEST, dispatch_count=count)]))

    text = parts("request", request_id="r").text
    assert re.findall(r"\d+ more like this(?: in the sample)?", text) == [expected]
    assert f"send {ORDER_PLACED}" in text


@pytest.mark.parametrize(
    ("span_ms", "labels"),
    [
        (268, ["0", "50 ms", "100 ms", "150 ms", "200 ms", "250 ms"]),
        (1000, ["0", "200 ms", "400 ms", "600 ms", "800 ms", "1 s"]),
        (4.6, ["0", "1 ms", "2 ms", "3 ms", "4 ms"]),
        (31_962, ["0", "10 s", "20 s", "30 s"]),
        (0.0121, ["0", "2.5 µs", "5 µs", "7.5 µs", "10 µs"]),
    ],
)
def test_the_axis_of_a_timeline_has_round_times(span_ms: float, labels: list[str]) -> None:
    drawn = waterfall([dispatch("d1", ReceiverCall(SEND_MAIL, 0), duration_ns=round(span_ms * MS))])
    assert [tick.label for tick in drawn.ticks] == labels
    assert all(0 <= tick.x <= 100 for tick in drawn.ticks)
