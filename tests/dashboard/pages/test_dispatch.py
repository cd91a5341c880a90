"""The page of a dispatch: its waterfall, and the time that no receiver took."""

from __future__ import annotations

import time
from typing import Any

import pytest
from django.dispatch import Signal
from django.test import Client
from pytest_django.fixtures import Settings

from signal_monitor.dashboard.pages import render_parts, view_of
from signal_monitor.dashboard.serializers import dispatch_json
from signal_monitor.records import Outside
from signal_monitor.stores import get_store
from signal_monitor.stores.base import Batch, Store
from signal_monitor.testing import capture_dispatches
from tests.dashboard.drawing import draw, get_json, parts
from tests.dashboard.examples import (
    ARGUMENTS,
    ERROR_MARKUP,
    ORDER_PLACED,
    call_at,
    dispatch,
    failed_order,
    process,
    waited,
)


def test_dispatch_page_draws_nested_dispatches_and_what_was_not_run(shop: Store) -> None:
    text = parts("dispatch", dispatch_id="failed").text.partition("Timeline")[2]

    assert text.index("reserve_stock") < text.index("pre_save") < text.index("write_entry") < text.index("not run")


def test_dispatch_page_warns_of_a_blocked_event_loop(quiet_store: Store) -> None:
    quiet_store.write(Batch(process(), dispatches=[dispatch("d1", blocked_loop=True), dispatch("d2")]))

    assert "blocked it" in parts("dispatch", dispatch_id="d1").text
    assert "blocked it" not in parts("dispatch", dispatch_id="d2").text


def test_trace_is_a_link_where_a_trace_url_is_set(quiet_store: Store, settings: Settings) -> None:
    settings.SIGNAL_MONITOR = {**settings.SIGNAL_MONITOR, "TRACE_URL": "https://traces.example/{trace_id}"}
    get_store().write(Batch(process(), dispatches=[failed_order(trace_id="ab" * 16)]))

    assert f'href="https://traces.example/{"ab" * 16}"' in render_parts(view_of("dispatch", ARGUMENTS["dispatch"]))


@pytest.mark.parametrize(
    ("sent_by", "told"), [("log handlers", "by a log handler"), ("send method", "by the send method")]
)
def test_who_sent_a_nested_dispatch_if_no_receiver(quiet_store: Store, sent_by: Outside, told: str) -> None:
    sent = dispatch("sent", root_id="around", parent_id="around", parent_index=None, sent_by=sent_by, depth=1)
    quiet_store.write(Batch(process(), dispatches=[dispatch("around"), sent]))

    assert told in parts("dispatch", dispatch_id="around").text
    assert told.replace("the send", "its send") in parts("dispatch", dispatch_id="sent").text
    answer = dispatch_json(sent)
    assert (answer["sent_by"], answer["parent_id"], answer["parent_index"]) == (sent_by, "around", None)


def test_two_dispatches_of_one_send_method(client: Client) -> None:
    """Each shows its part of the method's time, and the page of a receiver around shows both."""

    class Repeating(Signal):
        def send(self, sender: object, **named: object) -> Any:
            time.sleep(0.02)
            super().send("first", **named)
            time.sleep(0.02)
            return super().send("second", **named)

    repeating, around = Repeating(), Signal()
    repeating.connect(quick)
    around.connect(lambda **_kwargs: repeating.send(None), weak=False)
    with capture_dispatches() as captured:
        around.send("around")
    get_store().write(Batch(process(), dispatches=captured.dispatches))
    (outer,) = [one for one in captured.dispatches if one.sender == "around"]

    text = parts("dispatch", dispatch_id=outer.id).text

    assert "2 other dispatches around or inside" in text
    assert "in the send method itself" in text
    for one in captured.dispatches:
        if one is not outer:
            assert one.outside["send method"] >= 20_000_000
            assert "in the send method itself" in parts("dispatch", dispatch_id=one.id).text


def quick(**_kwargs: object) -> None: ...


@pytest.mark.parametrize(("outside_ms", "told"), [(129, True), (1, True), (0, False)])
def test_time_outside_the_receivers_is_named(quiet_store: Store, outside_ms: int, *, told: bool) -> None:
    slow = waited(call_at(outside_ms, 1), duration_ms=outside_ms + 1, outside_ms=outside_ms)
    quiet_store.write(Batch(process(), dispatches=[slow]))

    html = render_parts(view_of("dispatch", {"dispatch_id": "waited"}))

    assert ("Outside its receivers" in html) == told
    assert ("waiting for a thread of sync_to_async" in html) == told
    assert ("waiting for a thread of sync_to_async" in draw("signal", name=ORDER_PLACED)) == told


def test_dispatch_has_its_tree_and_failure(shop: Store, client: Client) -> None:
    dispatch = get_json(client, "dispatch")

    assert dispatch["duration_ms"] == 200
    assert [nested["id"] for nested in dispatch["tree"]] == ["failed", "inner"]
    assert dispatch["calls"][1]["failure"]["message"] == ERROR_MARKUP
