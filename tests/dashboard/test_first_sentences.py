"""The first sentences of the pages of a dispatch and of health, and of advice."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from signal_monitor.dashboard.dispatch_verdict import judge_dispatch
from signal_monitor.dashboard.health_verdict import judge_health
from signal_monitor.dashboard.processes import ProcessState
from signal_monitor.records import ReceiverCall
from signal_monitor.stores.base import Store
from signal_monitor.templatetags.signal_monitor import first_sentences
from tests.dashboard.drawing import parts, url_of, words
from tests.dashboard.examples import MS, NOTIFY_PARTNER, OUT_OF_STOCK, SEND_MAIL, dispatch, failed_order, process

QUICK = ReceiverCall(SEND_MAIL, 0, duration_ns=4 * MS)
SECOND = ReceiverCall(NOTIFY_PARTNER, 1, offset_ns=4 * MS, duration_ns=6 * MS)
SLOW = ReceiverCall(SEND_MAIL, 0, duration_ns=150 * MS, severity="slow")
MANY = [ReceiverCall(SEND_MAIL, each, offset_ns=30 * each * MS, duration_ns=30 * MS) for each in range(6)]
SWALLOWED = ReceiverCall(SEND_MAIL, 0, "swallowed", duration_ns=MS, failure=OUT_OF_STOCK)


@pytest.mark.parametrize(
    ("calls", "fields", "heading"),
    [
        ([QUICK], {}, "Nothing is wrong here: 1 receiver ran, for 4.00 ms"),
        ([QUICK, SECOND], {}, "Nothing is wrong here: 2 receivers ran, the longest for 6.00 ms"),
        ([SLOW], {"severity": "slow"}, "Receivers took 150 ms, mostly send_mail"),
        (MANY, {"severity": "slow"}, "6 receivers took 180 ms"),
        ([SWALLOWED], {"method": "send_robust"}, "OutOfStock in send_mail was swallowed"),
    ],
)
def test_a_dispatch_is_judged(calls: list[ReceiverCall], fields: dict[str, Any], heading: str) -> None:
    assert judge_dispatch(dispatch("d1", *calls, **fields)).heading == heading


def test_a_failure_names_who_raised_and_how_many_did_not_run() -> None:
    verdict = judge_dispatch(failed_order())
    assert verdict.heading == "reserve_stock raised OutOfStock"
    assert verdict.plain_text == "reserve_stock ended the dispatch, and 1 receiver after it did not run."


def test_the_pages_begin_with_them(shop: Store, client: Client) -> None:
    assert "reserve_stock raised OutOfStock." in parts("dispatch", dispatch_id="failed").text
    assert "7 of 7 records were lost" in words(client.get(url_of("health")).content.decode())
    assert client.get("/signals/api/health/").json()["verdict"] == "7 of 7 records were lost"


@pytest.mark.parametrize(
    ("fields", "heading", "text"),
    [
        (
            {"dispatches": 5, "worker_percent": 0.42},
            "Nothing was lost, and the monitor's threads take 0.4 % of a core",
            "1 process reports. 5 dispatches were recorded or counted.",
        ),
        (
            {"dropped": {"queue full": 1}},
            "1 of 1 record was lost",
            "a part. Why: 1 queue full. 1 process reports.",
        ),
        ({"errors": 2}, "The monitor itself failed 2 times", "missing from the pages. 1 process reports."),
        ({"ended_at": 9.0}, "No process reports any more", "what was recorded before."),
    ],
)
def test_health_is_judged(fields: dict[str, Any], heading: str, text: str) -> None:
    verdict = judge_health([ProcessState(process(seen_at=10.0, **fields), 10.0)])
    assert verdict.heading == heading
    assert text in verdict.plain_text


def test_without_a_process_health_says_so() -> None:
    assert judge_health([]).heading == "No process has reported"


REST = " This is not so important, and it is told on the page of the finding" + " and on" * 15 + "."


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("Send it after the commit. Or queue it.", "Send it after the commit. Or queue it."),
        (f"Send it after the commit. Or queue it.{REST}", "Send it after the commit. Or queue it."),
        (f"Use `a.b. C` here.{REST}", "Use `a.b. C` here."),
        (f"Call `f()`; or see e.g. the docs.{REST}", "Call `f()`; or see e.g. the docs."),
        (f"{REST}{REST}", REST),
        (f"No full stop{REST[:-1]}", f"No full stop{REST[:-1]}"),
    ],
)
def test_a_list_has_the_first_sentences_of_advice(text: str, first: str) -> None:
    assert first_sentences(text) == first
