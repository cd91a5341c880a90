"""A request or a dispatch as a trace, and what an incident needs as Markdown."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace
from typing import Any

import pytest
from django.test import Client

from signal_monitor.dashboard.markdown import MARKDOWN, code, plain
from signal_monitor.dashboard.pages.finding import FindingState
from signal_monitor.dashboard.trace_events import trace_events
from signal_monitor.findings.rules import NotRun
from signal_monitor.records import Dispatch, ReceiverCall, Request
from signal_monitor.stores.base import Batch, Store
from tests.dashboard.drawing import url_of
from tests.dashboard.examples import ARGUMENTS, ERROR_MARKUP, MS, NOTIFY_PARTNER, SEND_MAIL, dispatch, process

Events = list[dict[str, Any]]


def complete(answer: dict[str, Any]) -> Events:
    """The complete events, which must have what the format demands and nest on each track."""
    events = [event for event in answer["traceEvents"] if event["ph"] == "X"]
    named = {(event["pid"], event["tid"]) for event in answer["traceEvents"] if event["name"] == "thread_name"}
    assert {event["ph"] for event in answer["traceEvents"]} <= {"X", "M"}
    assert {(event["pid"], event["tid"]) for event in events} <= named
    assert all(event["dur"] >= 0 and event["name"] and isinstance(event["pid"], int) for event in events)
    for one, other in itertools.combinations(events, 2):
        if (one["pid"], one["tid"]) == (other["pid"], other["tid"]):
            first, second = sorted((one, other), key=lambda event: (event["ts"], -event["dur"]))
            assert second["ts"] >= first["ts"] + first["dur"] or (
                second["ts"] + second["dur"] <= first["ts"] + first["dur"]
            )
    return events


def test_trace_of_a_request_has_its_dispatches_receivers_and_what_they_sent(shop: Store, client: Client) -> None:
    response = client.get("/signals/api/requests/r1/trace.json")
    events = complete(response.json())
    failed, reserved = (next(event for event in events if event["name"].startswith(name)) for name in ("order", "res"))
    tree = complete(client.get("/signals/api/dispatches/failed/trace.json").json())
    inner, around = (next(event for event in tree if event["name"].startswith(name)) for name in ("pre_save", "res"))

    assert "attachment" in response["Content-Disposition"]
    assert [event["cat"] for event in events] == ["request", "dispatch", "receiver", "receiver"]
    assert (failed["ts"], failed["dur"], reserved["ts"]) == (0, 200_000, 150_000)
    assert (reserved["tid"], inner["tid"]) == (failed["tid"], around["tid"])
    assert inner["ts"] == pytest.approx(160_000, abs=1)
    assert client.get("/signals/api/requests/unknown/trace.json").status_code == 404


def waiting() -> Dispatch:
    """An ``asend`` that waits 30 ms for a thread, and whose two async receivers then run at once."""
    calls = (
        ReceiverCall(SEND_MAIL, 0, offset_ns=30 * MS, duration_ns=50 * MS, is_async=True),
        ReceiverCall(NOTIFY_PARTNER, 1, offset_ns=30 * MS, duration_ns=40 * MS, is_async=True),
        ReceiverCall("shop.receivers.never", 2, "not_run"),
    )
    return dispatch("waited", *calls, method="asend", duration_ns=80 * MS, outside={"thread": 30 * MS})


def test_what_overlaps_and_what_waits_have_tracks_of_their_own() -> None:
    answer = trace_events([waiting()], [process()], Request("r1", "GET", "/", waiting().started_at, 90 * MS))
    events = complete(answer)
    by_name = {event["name"]: event for event in events}
    tracks = {event["args"]["name"] for event in answer["traceEvents"] if event["name"] == "thread_name"}

    assert by_name["send_mail"]["tid"] != by_name["notify_partner"]["tid"]
    assert by_name["waiting for the thread"]["dur"] == pytest.approx(30_000, abs=1)
    assert by_name["waiting for the thread"]["cat"] == "waiting"
    assert "never" not in by_name
    assert {"request", "waiting"} < tracks


@pytest.mark.parametrize("page", ["request", "dispatch", "receiver"])
def test_page_as_markdown_has_its_numbers_and_no_markup_of_others(shop: Store, client: Client, page: str) -> None:
    answer = client.get(url_of(page).removesuffix("/") + ".md")
    outside_code = re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", answer.content.decode(), flags=re.DOTALL)

    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.content.decode().startswith("# ")
    assert f"<http://testserver{url_of(page)}>" in answer.content.decode()
    assert ERROR_MARKUP not in outside_code
    assert "<script" not in outside_code


def test_finding_as_markdown_says_what_to_do() -> None:
    finding = replace(NotRun().finding("receiver", "shop.<lambda>", "Of `shop.a_b`, *none*."), path="a_b.py", line=3)
    text = MARKDOWN["finding"]({"finding": finding, "state": FindingState(finding)}, "https://shop.example/")

    assert "Of `shop.a_b`, \\*none\\*." in text
    assert "**What to do:** " in text
    assert "- Line: `a_b.py:3`" in text


@pytest.mark.parametrize("text", ["a`b", "``", "`x`", "<b>*x*</b>", "a\nb", ""])
def test_code_ends_where_it_should(text: str) -> None:
    fence, inside, end = re.fullmatch(r"(`+)(?!`)(.*?)(?<!`)(`+)", code(text)).groups()  # type: ignore[union-attr]

    assert fence == end
    assert fence not in inside
    assert inside.strip() == text.replace("\n", " ").strip()


def test_sentence_keeps_its_code_and_loses_its_markup() -> None:
    assert plain("Call `a_b` in <b>*x*</b>") == r"Call `a_b` in \<b\>\*x\*\</b\>"


@pytest.mark.parametrize("page", ["request", "dispatch", "receiver"])
def test_page_links_to_its_exports_and_the_list_has_them(shop: Store, client: Client, page: str) -> None:
    html = client.get(url_of(page)).content.decode()
    listed = client.get("/signals/api/").json()

    (argument,) = ARGUMENTS[page].values()
    markdown = re.findall(r'<a [^>]*href="([^"]*)"[^>]*data-copy', html)
    traces = re.findall(r'href="([^"]*trace\.json)"', html)
    assert [client.get(url).status_code for url in markdown] == [200]
    assert [client.get(url).status_code for url in traces] == ([200] if page != "receiver" else [])
    assert argument in markdown[0]
    assert page in [row["page"] for row in listed["markdown"]]
    assert (page in [row["page"] for row in listed["traces"]]) == (page != "receiver")


def test_trace_of_a_request_without_dispatches(quiet_store: Store, client: Client) -> None:
    quiet_store.write(Batch(process(), requests=[Request("r9", "GET", "/", 1.0, MS)]))

    assert len(complete(client.get("/signals/api/requests/r9/trace.json").json())) == 1
