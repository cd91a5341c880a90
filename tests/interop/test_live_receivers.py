"""Who replaces ``_live_receivers``, as Sentry does, or empties ``receivers``, as test tools do, decides who is called.

Whatever was learned of a signal by the sends before, the next send asks anew, and is observed all the same.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from typing import Any

import pytest
from django.db.models.signals import ModelSignal
from django.dispatch import Signal

from signal_monitor.testing import Capture, capture_dispatches

SIGNALS = [
    pytest.param(functools.partial(Signal), id="plain"),
    pytest.param(functools.partial(Signal, use_caching=True), id="caching"),
    pytest.param(functools.partial(ModelSignal, use_caching=True), id="model"),
]
LiveReceivers = Callable[[Signal, Any], Any]


class Sender:
    """Can be weakly referenced, as caching signals want."""


def fine(**kwargs: Any) -> str:
    return "fine"


def later(**kwargs: Any) -> str:
    return "later"


async def afine(**kwargs: Any) -> str:
    return "afine"


def warmed(make: Callable[[], Signal], *receivers: Callable[..., Any]) -> Signal:
    """A signal that was sent often enough for anything to be known of it."""
    signal = make()
    for receiver in receivers or (fine,):
        signal.connect(receiver)
    for _ in range(3):
        signal.send(Sender)
    return signal


def wrapping(original: Any, wrapped: list[str]) -> Any:
    """Does as Sentry does: puts wrappers into the very list that it was given."""

    def _live_receivers(self: Signal, sender: Any) -> Any:
        sync_receivers, async_receivers = original(self, sender)
        for index, receiver in enumerate(sync_receivers):
            sync_receivers[index] = wrapper_of(receiver)
        return sync_receivers, async_receivers

    def wrapper_of(receiver: Any) -> Any:
        @functools.wraps(receiver)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            wrapped.append(receiver.__name__)
            return receiver(*args, **kwargs)

        return wrapper

    return _live_receivers


def names(captured: Capture) -> list[list[tuple[str, str]]]:
    """The receivers of each dispatch, and what became of their calls."""
    return [
        [(call.receiver.rpartition(".")[2], call.outcome) for call in record.calls] for record in captured.dispatches
    ]


@pytest.mark.parametrize("make", SIGNALS)
def test_tool_that_comes_after_the_first_sends_is_asked(
    make: Callable[[], Signal], monkeypatch: pytest.MonkeyPatch
) -> None:
    wrapped: list[str] = []
    with capture_dispatches() as captured:
        signal = warmed(make)
        monkeypatch.setattr(Signal, "_live_receivers", wrapping(Signal._live_receivers, wrapped))
        answers: list[Any] = [signal.send(Sender), signal.send_robust(Sender)]

    assert wrapped == ["fine", "fine"]
    assert [[response for _, response in answer] for answer in answers] == [["fine"], ["fine"]]
    assert names(captured) == [[("fine", "ok")]] * 5


@pytest.mark.parametrize("make", SIGNALS)
def test_async_sends_ask_it_too(make: Callable[[], Signal], monkeypatch: pytest.MonkeyPatch) -> None:
    wrapped: list[str] = []

    async def main(signal: Signal) -> list[Any]:
        return [await signal.asend(Sender), await signal.asend_robust(Sender)]

    with capture_dispatches() as captured:
        signal = warmed(make, fine, afine)
        monkeypatch.setattr(Signal, "_live_receivers", wrapping(Signal._live_receivers, wrapped))
        answers = asyncio.run(main(signal))

    assert wrapped == ["fine", "fine"]
    assert [[response for _, response in answer] for answer in answers] == [["fine", "afine"]] * 2
    assert names(captured) == [[("fine", "ok"), ("afine", "ok")]] * 5


@pytest.mark.parametrize("make", SIGNALS)
def test_tool_that_goes_again_leaves_the_receivers_bare(
    make: Callable[[], Signal], monkeypatch: pytest.MonkeyPatch
) -> None:
    wrapped: list[str] = []
    with capture_dispatches() as captured:
        signal = warmed(make)
        with monkeypatch.context() as patch:
            patch.setattr(Signal, "_live_receivers", wrapping(Signal._live_receivers, wrapped))
            signal.send(Sender)
        answer = signal.send(Sender)

    assert answer == [(fine, "fine")]
    assert answer[0][0] is fine
    assert wrapped == ["fine"]
    assert names(captured) == [[("fine", "ok")]] * 5


@pytest.mark.parametrize("make", SIGNALS)
def test_tool_on_the_signals_own_class_is_asked(make: Callable[[], Signal], monkeypatch: pytest.MonkeyPatch) -> None:
    wrapped: list[str] = []
    signal = warmed(make)
    cls = type(signal)
    with capture_dispatches() as captured:
        monkeypatch.setattr(cls, "_live_receivers", wrapping(cls._live_receivers, wrapped), raising=False)
        signal.send(Sender)

    assert wrapped == ["fine"]
    assert names(captured) == [[("fine", "ok")]]


@pytest.mark.parametrize("make", SIGNALS)
def test_replacement_on_one_signal_is_asked(make: Callable[[], Signal], monkeypatch: pytest.MonkeyPatch) -> None:
    signal = warmed(make)
    signal.send(Sender)
    monkeypatch.setattr(signal, "_live_receivers", lambda sender: ([later], []))

    assert signal.send(Sender) == [(later, "later")]


@pytest.mark.parametrize("make", SIGNALS)
def test_list_that_a_tool_was_given_is_its_own(make: Callable[[], Signal]) -> None:
    signal = warmed(make)
    sync_receivers, _ = signal._live_receivers(Sender)
    sync_receivers.append(later)
    sync_receivers[0] = later

    with capture_dispatches() as captured:
        assert signal.send(Sender) == [(fine, "fine")]

    assert names(captured) == [[("fine", "ok")]]


@pytest.mark.parametrize("make", SIGNALS)
def test_muted_signal_is_mute_and_heard_again(make: Callable[[], Signal]) -> None:
    """As factory_boy's ``mute_signals`` does it."""
    with capture_dispatches() as captured:
        signal = warmed(make)
        receivers, signal.receivers = signal.receivers, []
        signal.sender_receivers_cache.clear()
        assert signal.send(Sender) == []
        signal.connect(later)
        assert signal.send(Sender) == [(later, "later")]
        signal.receivers = receivers + signal.receivers
        signal.sender_receivers_cache.clear()
        assert signal.send(Sender) == [(fine, "fine"), (later, "later")]

    assert names(captured) == [[("fine", "ok")]] * 3 + [[("later", "ok")], [("fine", "ok"), ("later", "ok")]]
