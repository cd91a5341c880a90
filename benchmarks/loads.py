"""The scenarios in the child process: signals, receivers, and the loops that are timed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from itertools import cycle, islice, repeat
from time import thread_time_ns
from typing import Any

from asgiref.sync import sync_to_async
from django.dispatch import Signal

from .scenarios import Scenario
from .tools.base import Tool, Work

Receiver = Callable[..., Any]


class Sender:
    """A class of senders."""


class ExpectedError(Exception):
    """Raised by failing receivers."""


def _does_nothing() -> Receiver:
    def receiver(sender: object, **kwargs: object) -> None:
        pass

    return receiver


def _awaits_nothing() -> Receiver:
    async def receiver(sender: object, **kwargs: object) -> None:
        pass

    return receiver


def _raises() -> Receiver:
    def receiver(sender: object, **kwargs: object) -> None:
        raise ExpectedError("asked to")

    return receiver


def _sends(send: Receiver) -> Receiver:
    def receiver(sender: object, **kwargs: object) -> None:
        send(sender, instance=None, created=True)

    return receiver


def _gets() -> Receiver:
    from .shop.models import Item  # models can be imported after django.setup()

    pk = Item.objects.create(name="wanted").pk

    def receiver(sender: object, **kwargs: object) -> None:
        Item.objects.get(pk=pk)

    return receiver


def _creates() -> Receiver:
    from .shop.models import Item

    def receiver(sender: object, **kwargs: object) -> None:
        Item.objects.create(name="made")

    return receiver


def _connecting(signal: Signal, tools: list[Tool]) -> Receiver:
    """A send for which a receiver is made and connected, as in a request."""

    def send(sender: type, **named: object) -> object:
        receiver = _does_nothing()
        for tool in tools:
            receiver = tool.receiver(receiver)
        signal.connect(receiver, sender=sender)
        try:
            return signal.send(sender, **named)
        finally:
            signal.disconnect(receiver, sender=sender)

    return send


_QUERIES = {"": _does_nothing, "get": _gets, "create": _creates}


class Load:
    """The connected signals of a scenario, and the send method that the loop calls."""

    def __init__(self, scenario: Scenario, tools: list[Tool]) -> None:
        self.scenario = scenario
        self.calls = scenario.calls
        self._tools = tools
        self._kept: list[object] = []  # signals have weak references to their receivers
        self.send = self._build(scenario.depth)
        self._senders = _made_senders(scenario.senders)

    def _build(self, depth: int) -> Receiver:
        inner = self._build(depth - 1) if depth > 1 else None
        signal = Signal(use_caching=self.scenario.caching)
        connected_to: Any = ExpectedError if self.scenario.elsewhere else Sender
        if self.scenario.senders != "class":
            connected_to = None
        for receiver in self._receivers(inner) if not self.scenario.connects else ():
            for tool in self._tools:
                receiver = tool.receiver(receiver)
            self._kept.append(receiver)
            signal.connect(receiver, sender=connected_to)
        send: Receiver = (
            _connecting(signal, self._tools) if self.scenario.connects else getattr(signal, self.scenario.method)
        )
        for tool in self._tools:
            send = tool.send(send)
        return send

    def _receivers(self, inner: Receiver | None) -> list[Receiver]:
        scenario = self.scenario
        made = [_sends(inner) if inner else _QUERIES[scenario.query]() for _ in range(scenario.receivers)]
        if scenario.failing is not None:
            made[scenario.failing] = _raises()
        return made + [_awaits_nothing() for _ in range(scenario.async_receivers)]

    def work(self, sends: int) -> Work:
        """What this many sends do."""
        found = self.scenario.calls > 0
        return Work(
            dispatches=sends * self.scenario.depth * found,
            calls=sends * self.scenario.calls,
            sync_calls=sends * self.scenario.sync_calls,
            orphans=sends * (not found),
        )

    def run(self, sends: int) -> int:
        """Send this many times; returns the CPU time of the dispatching threads in nanoseconds."""
        if self.scenario.is_async:
            return asyncio.run(_timed(self.send, sends))
        loop = _send_raising if self.scenario.is_raising else _send
        senders = list(islice(cycle(self._senders), sends))
        before = thread_time_ns()
        loop(self.send, senders)
        return thread_time_ns() - before


def _made_senders(kind: str) -> list[Any]:
    """One class, or a few hundred senders of another kind."""
    makers: dict[str, Callable[[], list[Any]]] = {
        "class": lambda: [Sender],
        "classes": lambda: [type(f"Sender{number}", (Sender,), {}) for number in range(200)],
        "instances": lambda: [Sender() for _ in range(500)],
        "strings": lambda: [f"sender {number}" for number in range(200)],
    }
    return makers[kind]()


def _send(send: Receiver, senders: list[Any]) -> None:
    for sender in senders:
        send(sender, instance=None, created=True)


def _send_raising(send: Receiver, senders: list[Any]) -> None:
    for sender in senders:
        try:  # noqa: SIM105 - a context manager would be timed, too
            send(sender, instance=None, created=True)
        except ExpectedError:
            pass


async def _timed(send: Callable[..., Coroutine[Any, Any, Any]], sends: int) -> int:
    before = await _threads_time_ns()
    for _ in repeat(None, sends):
        await send(Sender, instance=None, created=True)
    return await _threads_time_ns() - before


async def _threads_time_ns() -> int:
    """CPU time of the thread of the event loop, and of the thread of its synchronous receivers."""
    return thread_time_ns() + await sync_to_async(thread_time_ns)()
