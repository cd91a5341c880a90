"""The line at which a receiver call was when it had run beyond its limit is stored with the call."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.dispatch import Signal
from django.test import Client
from pytest_django.fixtures import Settings

from signal_monitor import pipeline
from signal_monitor.records import ReceiverCall
from signal_monitor.stores import get_store
from signal_monitor.stores.filters import DispatchFilter
from tests.support.servers import wait_until

SLOW = 0.4
pytestmark = pytest.mark.django_db


@pytest.fixture(params=["memory", "sqlite"])
def _stored(request: pytest.FixtureRequest, settings: Settings, tmp_path: Path) -> Iterator[None]:
    store = "memory" if request.param == "memory" else f"sqlite:///{tmp_path / 'slow.sqlite3'}"
    settings.SIGNAL_MONITOR = {"STORE": store, "ACCESS": "tests.dashboard.examples.everybody", "SLOW_MS": 100}
    first = Signal()
    first.connect(lambda **_kwargs: None, weak=False)
    first.send("so that the worker runs")
    pipeline.flush()
    yield
    pipeline.flush()


def called(sender: str) -> dict[str, ReceiverCall]:
    """The stored calls of a dispatch, by the last part of their receivers' names."""
    pipeline.flush()
    (dispatch,) = get_store().dispatches(DispatchFilter(sender=sender))
    return {call.receiver.rpartition(".")[2]: call for call in dispatch.calls}


def blocking(**_kwargs: Any) -> None:
    in_a_function()


def in_a_function() -> None:
    time.sleep(SLOW)


async def awaiting(**_kwargs: Any) -> None:
    await in_a_coroutine()


async def in_a_coroutine() -> None:
    await asyncio.sleep(SLOW)


async def holding_the_loop(**_kwargs: Any) -> None:
    in_a_function()


def quick(**_kwargs: Any) -> None: ...


def signal_of(*receivers: Any) -> Signal:
    signal = Signal()
    signal.send("so that its name is known: to find it takes a while")
    for receiver in receivers:
        signal.connect(receiver, weak=False)
    return signal


@pytest.mark.usefixtures("_stored")
@pytest.mark.parametrize(
    ("receiver", "function"),
    [(blocking, "in_a_function"), (awaiting, "in_a_coroutine"), (holding_the_loop, "in_a_function")],
)
@pytest.mark.parametrize("method", ["send", "asend"])
def test_innermost_line_of_the_project_is_stored(client: Client, receiver: Any, function: str, method: str) -> None:
    signal = signal_of(receiver, quick)
    if method == "send":
        signal.send("slow")
    else:
        asyncio.run(signal.asend("slow"))

    calls = called("slow")
    slow = calls[receiver.__name__]
    assert slow.slow_line is not None
    assert (Path(slow.slow_line.path).name, slow.slow_line.function) == ("test_slow_line.py", function)
    assert slow.slow_stack[0].function == receiver.__name__
    assert slow.slow_seen_ns is not None
    assert slow.slow_seen_ns < slow.duration_ns
    assert calls["quick"].slow_line is None


@pytest.mark.usefixtures("_stored")
def test_slow_line_is_on_the_page_and_in_json(client: Client) -> None:
    signal_of(blocking).send("shown")
    pipeline.flush()
    (dispatch,) = get_store().dispatches(DispatchFilter(sender="shown"))

    (call,) = client.get(f"/signals/api/dispatches/{dispatch.id}/").json()["calls"]
    html = client.get(f"/signals/dispatches/{dispatch.id}/").content.decode()

    assert call["slow_line"]["function"] == "in_a_function"
    assert call["slow_stack"][-1] == call["slow_line"]
    assert f"test_slow_line.py:{call['slow_line']['line']}" in html


@pytest.mark.usefixtures("_stored")
def test_receiver_that_is_slow_only_by_what_it_sends_keeps_no_line() -> None:
    inner = signal_of(blocking)

    def sending(**_kwargs: Any) -> None:
        inner.send("inside")

    signal_of(sending).send("around")

    assert called("around")["sending"].slow_line is None
    assert called("inside")["blocking"].slow_line is not None


@pytest.mark.usefixtures("_stored")
def test_deep_recursion_is_watched_at_little_cost() -> None:
    signal = signal_of()

    def recursive(depth: int, **_kwargs: Any) -> None:
        if depth:
            signal.send("deep", depth=depth - 1)
        else:
            time.sleep(SLOW)

    signal.connect(recursive)
    signal.send("deep", depth=150)
    pipeline.flush()

    def slow_lines() -> list[ReceiverCall]:
        dispatches = get_store().dispatches(DispatchFilter(sender="deep"), 500)
        return [call for dispatch in dispatches for call in dispatch.calls if call.slow_line is not None]

    assert wait_until(lambda: len(slow_lines()) == 1, 5)
