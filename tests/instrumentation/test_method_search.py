"""Which methods of a subclass are observed as send methods, however they reach the receivers, and which are not."""

from __future__ import annotations

import functools
import json
import pathlib
import subprocess
import sys
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.dispatch import Signal

from signal_monitor.instrumentation.method_search import unobserved_methods
from signal_monitor.testing import capture_dispatches


def receiver(**_kwargs: Any) -> int:
    return 1


def live(signal: Signal, sender: Any) -> list[Any]:
    receivers: list[Any] = signal._live_receivers(sender)[0]
    return receivers


class Helping:
    """A mixin whose method reaches the receivers."""

    def each(self, sender: Any) -> list[Any]:
        return [one(signal=self) for one in self._live_receivers(sender)[0]]  # type: ignore[attr-defined]


def tracing(method: Any) -> Any:
    """A decorator that does not say what it wraps."""

    def traced(self: Any, *args: Any) -> Any:
        return method(self, *args)

    return traced


class Reaching(Helping, Signal):
    def through_a_private_method(self, sender: Any) -> list[Any]:
        return self._call_each(self._find(sender))

    def _find(self, sender: Any) -> list[Any]:
        return self._live_receivers(sender)[0]  # type: ignore[attr-defined,no-any-return,unused-ignore]

    def _call_each(self, receivers: list[Any]) -> list[Any]:
        return [one(signal=self) for one in receivers]

    def through_a_function(self, sender: Any) -> list[Any]:
        return [one(signal=self) for one in live(self, sender)]

    @property
    def found(self) -> list[Any]:
        return self._live_receivers(None)[0]  # type: ignore[attr-defined,no-any-return,unused-ignore]

    def through_a_property(self, _sender: Any) -> list[Any]:
        return [one(signal=self) for one in self.found]

    @functools.cached_property
    def found_once(self) -> Any:
        return lambda sender: self._live_receivers(sender)[0]

    def through_a_cached_property(self, sender: Any) -> list[Any]:
        return [one(signal=self) for one in self.found_once(sender)]

    def through_a_mixin(self, sender: Any) -> list[Any]:
        return self.each(sender)

    def through_getattr(self, sender: Any) -> list[Any]:
        return [one(signal=self) for one in getattr(self, "_live_receivers")(sender)[0]]  # noqa: B009

    def through_a_lambda(self, sender: Any) -> list[Any]:
        return list(map(lambda one: one(signal=self), (lambda: self._live_receivers(sender)[0])()))  # noqa: C417

    @tracing
    def through_a_decorator(self, sender: Any) -> list[Any]:
        return self.each(sender)

    def through_a_thread(self, sender: Any) -> list[Any]:
        async def found() -> Any:
            return await sync_to_async(self._live_receivers)(sender)

        return [one(signal=self) for one in async_to_sync(found)()[0]]

    def through_send(self, sender: Any) -> list[Any]:
        return [answer for _, answer in self.send(sender)]

    def __call__(self, sender: Any) -> list[Any]:
        return [one(signal=self) for one in self._live_receivers(sender)[0]]


@pytest.mark.parametrize("name", [*(name for name in vars(Reaching) if name.startswith("through")), "each", "__call__"])
def test_observed_however_it_reaches_the_receivers(name: str) -> None:
    signal = Reaching()
    signal.connect(receiver)
    with capture_dispatches() as captured:
        assert getattr(signal, name)("sender") == [1]
    (dispatch,) = captured.dispatches
    assert [call.receiver for call in dispatch.calls] == [f"{__name__}.receiver"]


def test_all_of_these_are_observed() -> None:
    assert unobserved_methods(Reaching) == []


class Fine(Signal):
    """Looks at what it has, and has other things whose names begin alike."""

    sender_name, send_limit = "sender", 5

    def has_receivers(self) -> bool:
        return bool(self.receivers)

    def send(self, sender: Any, **named: Any) -> Any:
        return super().send(sender, **named) if self.receivers else []

    @classmethod
    def send_both(cls, one: Signal, other: Signal) -> None:
        one.send(cls)
        other.send(cls)

    @property
    def sends(self) -> int:
        return 1


def test_nothing_is_told_of_these() -> None:
    assert unobserved_methods(Fine) == []


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    """What a process tells that has methods which are not observed; the checks of this one stay silent."""
    program = pathlib.Path(__file__).with_name("not_observed_program.py")
    return dict(json.loads(subprocess.run([sys.executable, program], check=True, capture_output=True).stdout))


def test_what_is_not_observed_is_told_by_a_check(told: dict[str, Any]) -> None:
    assert told["ids"] == ["signal_monitor.I002"] * 5
    for name, reason in {
        "send": "its receivers come from Signal.receivers",
        "run": "its receivers come from Signal.receivers",
        "send_each": "it is a generator",
        "send_all": "it is a classmethod",
        "send_with": "it is an object of Sender",
    }.items():
        assert any(f"NotObserved.{name}() are not observed: {reason}." in text for text in told["texts"]), name


def test_health_page_tells_it_too(told: dict[str, Any]) -> None:
    assert "; receivers not observed in __main__.NotObserved.send" in told["mode"]
    assert told["mode"].endswith(" and 2 more")


def test_methods_that_are_not_observed_do_as_before(told: dict[str, Any]) -> None:
    assert told["answers"] == [1, 1, 1, 1]
    assert told["dispatches"] == [[0, ["send method"]]]


def test_a_public_method_that_fails_before_it_asks_is_no_dispatch() -> None:
    class Stopping(Signal):
        def stop(self, socket: Any) -> None:
            socket.send(b"stop")

    with capture_dispatches() as captured, pytest.raises(AttributeError):
        Stopping().stop(None)
    assert captured.dispatches == []
