"""The verdicts: each for a guilty and an innocent case."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from signal_monitor.dashboard.verdicts import (
    FailingReceiver,
    HangingCall,
    Link,
    Situation,
    Verdict,
    judge,
    judge_request,
)
from signal_monitor.dashboard.view_times import ViewTimes
from signal_monitor.observers.totals import OTHER
from signal_monitor.records import ReceiverSum, Request

MS = 1_000_000


def view(
    name: str = "POST /reports/", count: int = 30, each_ms: int = 400, receivers: float = 0.9, **fields: Any
) -> ViewTimes:
    """Slow requests to a view, of which receivers take a share, and one receiver most of that."""
    total_ns, slow = count * each_ms * MS, fields.pop("slow", count)
    values: dict[str, Any] = {
        "receivers_ns": int(receivers * total_ns),
        "slow": slow,
        "slow_ns": slow * each_ms * MS,
        "slow_receivers_ns": int(receivers * slow * each_ms * MS),
        "worst_receiver": "shop.receivers.render_report",
        "worst_ns": int(receivers * slow * each_ms * MS),
        **fields,
    }
    return ViewTimes(name, count, total_ns, **values)


QUICK = view("GET /", each_ms=10, receivers=0.04, slow=0)


def text_of(verdict: Verdict) -> str:
    return "".join(part.text if isinstance(part, Link) else part for part in verdict.text)


def judged(*views: ViewTimes, **fields: Any) -> tuple[str, str, str]:
    verdict = judge(Situation(views=views, **fields))
    return verdict.kind, verdict.heading, text_of(verdict)


def test_request_that_hangs() -> None:
    call = HangingCall("shop.supplier.wait_for_supplier", 14.2e9, "POST /orders/", "shop/supplier.py:36")
    assert judged(QUICK, hanging=[call]) == (
        "hangs",
        "A request hangs: wait_for_supplier has been running for 14 s",
        "POST /orders/ waits for wait_for_supplier, at shop/supplier.py:36. Give the call a timeout.",
    )


@pytest.mark.parametrize(
    "call",
    [
        HangingCall("shop.tasks.import_all", 600e9, None),  # nobody waits for a task
        HangingCall("shop.supplier.wait", 0.9e9, "POST /orders/"),  # under ten times the limit
    ],
)
def test_call_that_holds_nobody_up_is_not_a_hanging_request(call: HangingCall) -> None:
    assert judged(QUICK, hanging=[call])[0] == "innocent"


def test_two_requests_hang() -> None:
    calls = [HangingCall("a.wait", 5e9, "GET /a/"), HangingCall("b.wait_longer", 65e9, "GET /b/")]
    assert judged(hanging=calls)[1:] == (
        "2 requests hang: wait_longer has been running for 1 min 5 s",
        "GET /b/ waits for wait_longer. Give the call a timeout.",
    )


@pytest.mark.parametrize(
    ("dropped", "heading"),
    [
        (4_120, "These pages show only a part: 4,120 of 31,300 records were lost"),
        (1, "These pages show only a part: 1 of 27,181 records was lost"),
    ],
)
def test_records_were_lost(dropped: int, heading: str) -> None:
    assert judged(view(), records=27_180, dropped=dropped)[:2] == ("partial", heading)


def test_receivers_cost_time() -> None:
    sign_up = view("POST /sign-up/", 9, 212, 0.03)
    assert judged(view(), sign_up, QUICK) == (
        "receivers",
        "Receivers take 77 % of all request time",
        "30 of 39 slow requests are slow because of them: render_report in POST /reports/. "
        "The other 9, POST /sign-up/, are slow without them.",
    )


def test_one_slow_request_of_few() -> None:
    assert judged(view(count=1), view("GET /", 2, 10, 0.0, slow=0)) == (
        "receivers",
        "The slow request is slow because of receivers",
        "render_report in POST /reports/.",
    )


def test_many_receivers_of_one_view_are_not_blamed_on_one() -> None:
    chain = view(worst_ns=30 * 40 * MS)
    assert text_of(judge(Situation(views=[chain]))).endswith("because of them: receivers in POST /reports/.")


def test_a_sentence_begins_with_a_capital() -> None:
    chain = view(count=1, worst_ns=40 * MS)
    assert judged(chain)[1:] == ("The slow request is slow because of receivers", "Receivers in POST /reports/.")


@pytest.mark.parametrize("share", [0.0, 0.01, 0.04, 0.049])
def test_never_names_a_receiver_under_five_percent(share: float) -> None:
    verdict = judge(Situation(views=[view(receivers=share), QUICK]))
    assert verdict.kind == "innocent"
    assert "render_report" not in verdict.heading + text_of(verdict)


def test_innocent_receivers() -> None:
    assert judged(view("POST /sign-up/", 9, 212, 0.03), QUICK) == (
        "innocent",
        "Receivers are not why pages are slow",
        "They took 3 % of the time of 39 requests; POST /sign-up/ is slow without them.",
    )
    assert judged(QUICK)[1:] == ("No request was slow or failed", "Receivers took 4 % of the time of 30 requests.")
    assert judged(replace(QUICK, failed=1))[1] == "No request was slow"


def test_receivers_fail() -> None:
    swallowed = FailingReceiver("shop.receivers.archive_leftovers", 6, 6, 6)
    assert judged(QUICK, failing=[swallowed]) == (
        "failing",
        "Pages are fast, but 6 errors of receivers were swallowed",
        "archive_leftovers failed in each of its 6 calls.",
    )
    once = FailingReceiver("shop.receivers.charge", 1, 1)
    assert judged(failing=[once])[1:] == ("1 error of receivers was raised", "charge failed in its only call.")
    both = [once, FailingReceiver("shop.receivers.mail", 40, 3)]
    assert judged(failing=both)[2] == "mail failed in 3 of its 40 calls, and 1 more receiver failed."


def test_receivers_that_are_counted_together_are_not_named() -> None:
    together = FailingReceiver(OTHER, 90, 9)
    assert judged(failing=[together])[1:] == (
        "9 errors of receivers were raised",
        "There are too many receivers to tell which.",
    )
    both = [together, FailingReceiver("shop.receivers.mail", 40, 3)]
    assert judged(failing=both)[1:] == (
        "12 errors of receivers were raised",
        "mail failed in 3 of its 40 calls.",
    )


def test_requests_wait_for_threads() -> None:
    held_up = view("GET /", 30, 90, 0.04, slow=0, waiting_ns=int(0.31 * 30 * 90 * MS))
    assert judged(held_up) == (
        "waiting",
        "Requests wait for a thread or the event loop, 31 % of their time",
        "Receivers took 4 %. Add threads or processes.",
    )


def test_too_few_requests() -> None:
    assert judged(replace(QUICK, count=3), period="15 minutes") == (
        "too few",
        "3 requests in 15 minutes are too few to judge",
        "None was slow, none failed.",
    )
    assert judged(replace(QUICK, count=1), period="15 minutes")[1] == "1 request in 15 minutes is too few to judge"


def test_nothing_yet() -> None:
    assert judged(period="the last hour")[:2] == ("nothing", "No requests in the last hour")


def test_shares_add_up() -> None:
    situation = Situation(views=[view(waiting_ns=10), QUICK])
    assert situation.receivers_share + situation.waiting_share + situation.rest_share == pytest.approx(1)
    assert Situation().rest_share == 0


def one_request(*receivers: ReceiverSum, receivers_ms: int, waiting_ms: int = 0, **fields: Any) -> Request:
    """A request of 400 ms."""
    signal_ns = (receivers_ms + waiting_ms) * MS
    outside: dict[str, Any] = {"outside": {"thread": waiting_ms * MS}} if waiting_ms else {}
    return Request("r", "POST", "/", 0, 400 * MS, 200, signal_ns=signal_ns, receivers=receivers, **outside, **fields)


@pytest.mark.parametrize(
    ("request_", "heading"),
    [
        (
            one_request(ReceiverSum("shop.receivers.render", 12, 352 * MS, 352 * MS), receivers_ms=352),
            "Receivers took 352 ms of 400 ms, mostly render",
        ),
        (
            one_request(*[ReceiverSum(f"shop.r{n}", 1, 30 * MS, 30 * MS) for n in range(10)], receivers_ms=300),
            "10 receivers took 300 ms of 400 ms",
        ),
        (
            one_request(ReceiverSum("shop.receivers.render", 1, MS, MS), receivers_ms=1, waiting_ms=300),
            "It waited for a thread or the event loop: 300 ms of 400 ms",
        ),
        (
            one_request(ReceiverSum("shop.receivers.render", 1, MS, MS), receivers_ms=1),
            "Receivers are not why it took 400 ms: they took under 1 %",
        ),
        (one_request(receivers_ms=0, running=True), "Receivers are not why it took 400 ms so far: they took 0 %"),
    ],
)
def test_one_request(request_: Request, heading: str) -> None:
    assert judge_request(request_, 100 * MS).heading == heading


def test_quick_request() -> None:
    for slow_ns in (500 * MS, None):
        assert judge_request(one_request(receivers_ms=8), slow_ns).heading == "It took 400 ms, 2 % of it in receivers"
