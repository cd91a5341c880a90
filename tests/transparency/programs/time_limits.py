"""An exception that the monitor has not raised reaches the application, wherever it strikes."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

from billiard.exceptions import SoftTimeLimitExceeded
from django.dispatch import Signal

from tests.transparency.calls import call
from tests.transparency.scenario import outcome, scenario
from tests.transparency.striking import (
    SoftLimitError,
    by_async_exc,
    by_celery,
    by_handler,
    by_installed_handler,
    handler,
    installed_handler,
    lost_strikes,
)

WAYS: dict[str, Any] = {
    "handler": by_handler,
    "installed_handler": by_installed_handler,
    "celery": by_celery,
    "async_exc": by_async_exc,
}
KINDS = (TimeoutError, RuntimeError, OSError, KeyboardInterrupt, SystemExit, GeneratorExit)
METHODS = ("send", "send_robust")


class Sender:
    """Sends."""


class OwnSend(Signal):
    """Runs its receivers itself."""

    def send(self, sender: Any, **named: Any) -> Any:
        return [(receiver, receiver(signal=self, sender=sender, **named)) for receiver in self._live(sender)]

    def _live(self, sender: Any) -> list[Any]:
        found: Any = self._live_receivers(sender)
        return found[0]  # type: ignore[no-any-return]


class InheritedSend(Signal):
    """Ends in Django's send."""

    def send(self, sender: Any, **named: Any) -> Any:
        return super().send(sender, **named)


def echo(**named: Any) -> Any:
    return named.get("value")


def sends_again(signal: Any, **named: Any) -> Any:
    return inner.send(Sender)


inner = Signal()
inner.connect(echo)


def dispatch(
    cls: type[Signal] = Signal,
    *receivers: Any,
    sender: Callable[[], Any] = lambda: Sender,
    method: str = "send",
    warm: int = 2,
    **options: Any,
) -> Callable[[], Callable[[], Any]]:
    """What makes a signal with receivers, and answers its send."""

    def prepare() -> Callable[[], Any]:
        made = cls(**options)
        for receiver in receivers:
            made.connect(receiver)
        call = getattr(made, method)
        for _ in range(warm):
            call(sender())
        return lambda: call(sender())

    return prepare


DISPATCHES = {
    "plain": dispatch(Signal, echo, sends_again),
    "one_receiver": dispatch(Signal, echo),
    "caching": dispatch(Signal, echo, sends_again, use_caching=True),
    "first": dispatch(Signal, echo, warm=0),
    "first_caching": dispatch(Signal, echo, warm=0, use_caching=True),
    "second_caching": dispatch(Signal, echo, warm=1, use_caching=True),
    "instances": dispatch(Signal, echo, sender=Sender),
    "strings": dispatch(Signal, echo, sender=lambda: "sender"),
    "nested": dispatch(Signal, sends_again),
    "robust": dispatch(Signal, echo, sends_again, method="send_robust"),
    "no_receiver": dispatch(Signal),
    "not_for_sender": dispatch(Signal, use_caching=True),
    "has_listeners": dispatch(Signal, echo, method="has_listeners"),
    "own_send": dispatch(OwnSend, echo),
    "inherited_send": dispatch(InheritedSend, echo),
}
ROWS = {
    **{f"{way}-{name}": (way, name, SoftLimitError) for way in WAYS if way != "celery" for name in DISPATCHES},
    **{f"celery-{name}": ("celery", name, SoftTimeLimitExceeded) for name in ("first", "instances", "caching")},
    **{f"{way}-{kind.__name__}": (way, "first", kind) for way in WAYS if way != "celery" for kind in KINDS},
    **{f"warm_{way}-{kind.__name__}": (way, "instances", kind) for way in WAYS if way != "celery" for kind in KINDS},
}


@scenario(ROWS)
def every_point(row: tuple[str, str, type[BaseException]]) -> Any:
    way, name, kind = row
    return lost_strikes(DISPATCHES[name], WAYS[way](kind), kind)


@scenario({name: name for name in ("plain", "first", "instances", "own_send")})
def every_point_in_a_thread(name: str) -> Any:
    lost: list[list[str]] = []
    thread = threading.Thread(
        target=lambda: lost.append(lost_strikes(DISPATCHES[name], by_async_exc(SoftLimitError), SoftLimitError))
    )
    thread.start()
    thread.join()
    return lost


@scenario({kind.__name__: kind for kind in (SoftLimitError, *KINDS)})
def raised_by_receivers(kind: type[BaseException]) -> Any:
    def failing(**named: Any) -> None:
        raise kind("limit")

    signals = [dispatch(cls, failing, method=method, warm=0) for cls in (Signal, InheritedSend) for method in METHODS]
    return [outcome(make()) for make in signals]


async def later(**named: Any) -> Any:
    await asyncio.sleep(0)
    return named.get("value")


HANDLERS: dict[str, Any] = {"handler": handler, "installed_handler": installed_handler}
ASYNC_ROWS = {f"{method}-{way}": (method, way) for method in ("asend", "asend_robust", "send") for way in HANDLERS}


@scenario(ASYNC_ROWS)
def every_point_of_a_dispatch_to_async_receivers(row: tuple[str, str]) -> Any:
    """Struck in Django's dispatcher, in the monitor and in receivers: what strikes asyncio may be lost without us.

    A handler is called by the tracer itself, so that it raises in the very frame.
    """
    method, way = row

    def prepare() -> Callable[[], Any]:
        made = Signal()
        made.connect(later)
        made.connect(areceiver_of_two)
        return lambda: call(made, method, Sender)

    return lost_strikes(
        prepare, HANDLERS[way](SoftLimitError), SoftLimitError, ("django/dispatch", "signal_monitor", __file__)
    )


async def areceiver_of_two(**named: Any) -> Any:
    return await later(**named)
