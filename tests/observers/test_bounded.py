"""A signal with thousands of receivers: what is stored of each dispatch stays small, and every number stays true."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.dispatch import Signal
from django.test import Client
from pytest_django.fixtures import Settings

from signal_monitor import pipeline
from signal_monitor.observers.bounded import MAX_CALLS, MAX_TRACEBACKS, bounded
from signal_monitor.records import Dispatch, Failure, Frame, ReceiverCall
from signal_monitor.stores import get_store
from signal_monitor.stores.filters import DispatchFilter
from tests.dashboard.drawing import get_json

COUNT = 2_000


def calls(**odd: dict[str, Any]) -> Iterator[ReceiverCall]:
    """Calls one after the other, of a microsecond more each."""
    offset = 0
    for index in range(COUNT):
        fields: dict[str, Any] = {"offset_ns": offset, "duration_ns": 1000 * (COUNT - index)}
        call = ReceiverCall(f"shop.r{index}", index, **(fields | odd.get(f"r{index}", {})))
        offset += call.duration_ns
        yield call


def dispatch(*several: ReceiverCall) -> Dispatch:
    duration_ns = sum(call.duration_ns for call in several) + 500
    return Dispatch("d", "d", "shop.paid", "None", "send", 1.0, duration_ns, several, outside={"send method": 500})


def test_the_calls_that_matter_are_kept() -> None:
    failed = {"outcome": "swallowed", "failure": Failure("ValueError")}
    whole = dispatch(*calls(r1999=failed, r1500={"severity": "slow"}))

    stored = bounded(whole)

    assert len(stored.calls) == MAX_CALLS
    assert [call.index for call in stored.calls] == [*range(MAX_CALLS - 2), 1500, 1999]
    assert (stored.call_count, stored.calls_left_out) == (COUNT, COUNT - MAX_CALLS)
    assert (stored.outcome, stored.failed) == ("swallowed", True)
    assert stored.outside_receivers_ns == whole.outside_receivers_ns == 500


def test_few_tracebacks_are_kept() -> None:
    failure = Failure("ValueError", "no", (Frame("/shop.py", 1, "f"),) * 30)
    several = (ReceiverCall(f"shop.r{index}", index, "swallowed", failure=failure) for index in range(50))

    stored = bounded(dispatch(*several))

    assert sum(1 for call in stored.calls if call.failure and call.failure.traceback) == MAX_TRACEBACKS
    assert all(call.failure and call.failure.message == "no" for call in stored.calls)


def test_an_ordinary_dispatch_stays_as_it_is() -> None:
    ordinary = dispatch(*list(calls())[:MAX_CALLS])

    assert bounded(ordinary) is ordinary


@pytest.fixture
def crowded(settings: Settings) -> Signal:
    """A signal with 2,000 receivers, one of which fails."""
    settings.SIGNAL_MONITOR = {"STORE": "memory", "ACCESS": "tests.dashboard.examples.everybody"}
    signal = Signal()
    for index in range(COUNT):
        signal.connect(_receiver(index), weak=False)
    return signal


def _receiver(index: int) -> Any:
    def receive(**_kwargs: Any) -> None:
        if index == 1234:
            raise ValueError("one of many")

    receive.__qualname__ = f"receive_{index}"
    return receive


@pytest.mark.django_db
def test_pages_of_such_a_signal_stay_small(crowded: Signal, client: Client) -> None:
    for _ in range(60):
        crowded.send_robust("crowd")
    pipeline.flush()

    stored = get_store().dispatches(DispatchFilter(sender="crowd"), 100)
    assert {len(row.calls) for row in stored} == {MAX_CALLS}
    before = time.perf_counter()
    html = client.get("/signals/live/?sender=crowd").content.decode()
    assert time.perf_counter() - before < 5
    assert "and 1,999 more" in html
    assert len(html) < 500_000
    answer = get_json(client, "live", 200, sender="crowd")
    assert {row["call_count"] for row in answer["dispatches"]} == {COUNT}
    assert len(json.dumps(answer)) < 5_000_000
    page = client.get(f"/signals/dispatches/{stored[0].id}/").content.decode()
    assert "1,900 more receiver calls are not stored" in page
    assert "one of many" in page
    assert {row.count for row in get_store().totals("signal", key=stored[0].signal)} == {60}
