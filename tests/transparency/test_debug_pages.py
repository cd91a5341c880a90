"""What a page for debugging shows of the frames of a send: nothing that refers to the dispatches around it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import TracebackType
from typing import Any

import pytest
from django.dispatch import Signal
from django.test import RequestFactory
from django.views.debug import technical_500_response

from signal_monitor.instrumentation.info import DispatchInfo


class OwnSend(Signal):
    def send(self, sender: Any, **named: Any) -> Any:
        return [(one, one(signal=self, sender=sender)) for one in self._live_receivers(sender)[0]]


def raise_exit(**_kwargs: Any) -> None:
    raise SystemExit


def locals_of(traceback: TracebackType | None, name: str) -> list[dict[str, Any]]:
    found = []
    while traceback is not None:
        if traceback.tb_frame.f_code.co_name == name:
            found.append(traceback.tb_frame.f_locals)
        traceback = traceback.tb_next
    return found


@pytest.mark.parametrize(
    ("make", "method", "frame"),
    [(Signal, "send", "send"), (Signal, "send_robust", "send_robust"), (OwnSend, "send", "observed")],
)
def test_a_traceback_keeps_no_record(make: Callable[[], Signal], method: str, frame: str) -> None:
    signal = make()
    signal.connect(raise_exit)
    with pytest.raises(SystemExit) as raised:
        getattr(signal, method)(None)
    (values,) = locals_of(raised.tb, frame)
    assert set(values).isdisjoint({"info", "outer", "plan", "record", "spans", "state", "token"})


def test_the_page_of_a_recursion_is_not_slow() -> None:
    """Each level was shown inside the next one: a save in post_save took minutes instead of seconds."""
    signal, depth = Signal(), 60

    def recurse(level: int, **_kwargs: Any) -> None:
        if level == depth:
            raise RecursionError
        signal.send(None, level=level + 1)

    signal.connect(recurse)
    try:
        signal.send(None, level=0)
    except RecursionError:
        page = technical_500_response(RequestFactory().get("/"), *sys.exc_info())
    shown = f"{DispatchInfo.__name__} object".encode()  # the page has this line too
    assert page.content.count(shown) == 0
