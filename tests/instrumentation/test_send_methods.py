"""Send methods of a subclass: receivers that they leave out, and methods that have other names."""

from __future__ import annotations

from typing import Any

from django.dispatch import Signal

from signal_monitor.records import Dispatch
from signal_monitor.stores.sqlite.encoding import decode, encode
from signal_monitor.testing import capture_dispatches


def chosen(**kwargs: Any) -> int:
    return 1


def left_out(**kwargs: Any) -> None:
    pass


class Choosing(Signal):
    def send(self, sender: Any, **named: Any) -> list[tuple[Any, Any]]:
        self._live_receivers(sender)
        return [(r, r(signal=self)) for r in self._live_receivers(sender)[0] if r.__name__ == "chosen"]

    def send_to_nobody(self, sender: Any) -> None:
        self._live_receivers(sender)

    def run_filters(self, sender: Any) -> int:
        return sum(receiver(signal=self) or 0 for receiver in self._live_receivers(sender)[0])

    def listed(self, sender: Any) -> list[Any]:
        return list(self._live_receivers(sender)[0])


def _signal() -> Any:
    signal = Choosing()
    signal.connect(chosen)
    signal.connect(left_out)
    return signal


def test_receivers_that_a_send_method_leaves_out_are_told_once() -> None:
    with capture_dispatches() as captured:
        _signal().send(None)
    (dispatch,) = captured.dispatches
    assert [call.receiver for call in dispatch.calls] == [f"{__name__}.chosen"]
    assert (dispatch.skipped, dispatch.skipped_count) == ((f"{__name__}.left_out",), 1)
    assert decode(Dispatch, encode(dispatch)) == dispatch


def test_a_send_method_that_calls_nobody_tells_whom_it_left_out() -> None:
    with capture_dispatches() as captured:
        _signal().send_to_nobody(None)
    (dispatch,) = captured.dispatches
    assert (dispatch.calls, dispatch.skipped_count) == ((), 2)


def test_a_public_method_that_runs_receivers_is_observed_whatever_its_name() -> None:
    with capture_dispatches() as captured:
        assert _signal().run_filters(None) == 1
    (dispatch,) = captured.dispatches
    assert [call.receiver for call in dispatch.calls] == [f"{__name__}.chosen", f"{__name__}.left_out"]
    assert dispatch.skipped == ()


def test_a_method_that_only_looks_at_receivers_is_no_dispatch() -> None:
    with capture_dispatches() as captured:
        assert _signal().listed(None) == [chosen, left_out]
    assert captured.dispatches == []
