"""Receivers of every kind. What they do when they are called is the world's to know."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from asgiref.sync import markcoroutinefunction

from .hostile import Hostile

Run = Callable[[dict[str, Any]], Any]
ARun = Callable[[dict[str, Any]], Coroutine[Any, Any, Any]]


@dataclass
class Holder:
    """The program's reference to a receiver: to the object itself, or to the one whose method it is."""

    held: Any
    attribute: str | None = None

    def receiver(self) -> Any:
        return self.held if self.attribute is None else getattr(self.held, self.attribute)


class _Callable:
    def __init__(self, run: Run) -> None:
        self.run = run

    def __call__(self, **named: Any) -> Any:
        return self.run(named)

    def handle(self, **named: Any) -> Any:
        return self.run(named)


class _HostileCallable(_Callable, Hostile):
    pass


class _SlottedCallable:
    """Can only be connected strongly: there is no weak reference to it."""

    __slots__ = ("run",)

    def __init__(self, run: Run) -> None:
        self.run = run

    def __call__(self, **named: Any) -> Any:
        return self.run(named)


class _Uncallable:
    pass


class _ACallable:
    """Called, it answers a coroutine; Django takes it for synchronous unless it is marked."""

    def __init__(self, run: ARun) -> None:
        self.run = run

    async def __call__(self, **named: Any) -> Any:
        return await self.run(named)

    async def handle(self, **named: Any) -> Any:
        return await self.run(named)


class _Awaitable:
    def __init__(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        self.coroutine = coroutine

    def __await__(self) -> Any:
        return self.coroutine.__await__()


def _function(run: Run) -> Any:
    def receiver(**named: Any) -> Any:
        return run(named)

    return receiver


def _decorated(run: Run) -> Any:
    @functools.wraps(_function(run))
    def wrapper(**named: Any) -> Any:
        return run(named)

    return wrapper


def _class(run: Run) -> Any:
    class Receiver:
        def __init__(self, **named: Any) -> None:
            run(named)

    return Receiver


def _narrow(run: Run) -> Any:
    def narrow(sender: object) -> Any:
        return run({"sender": sender})

    return narrow


def _afunction(run: ARun) -> Any:
    async def areceiver(**named: Any) -> Any:
        return await run(named)

    return areceiver


def _marked_function(run: ARun) -> Any:
    def answers_coroutine(**named: Any) -> Any:
        return run(named)

    return markcoroutinefunction(answers_coroutine)


def _answers_awaitable(run: ARun) -> Any:
    def answers_awaitable(**named: Any) -> Any:
        return _Awaitable(run(named))

    return markcoroutinefunction(answers_awaitable)


def _answers_task(run: ARun) -> Any:
    def answers_task(**named: Any) -> Any:
        return asyncio.ensure_future(run(named))

    return markcoroutinefunction(answers_task)


def _refusing(run: Run) -> Any:
    """Marked as async, and does all it does when it is called; what it answers can then not be awaited."""

    def refusing(**named: Any) -> Any:
        return run(named)

    return markcoroutinefunction(refusing)


SYNC: dict[str, Callable[[Run], Holder]] = {
    "function": lambda run: Holder(_function(run)),
    "decorated": lambda run: Holder(_decorated(run)),
    "method": lambda run: Holder(_Callable(run), "handle"),
    "callable": lambda run: Holder(_Callable(run)),
    "hostile": lambda run: Holder(_HostileCallable(run)),
    "slotted": lambda run: Holder(_SlottedCallable(run)),
    "partial": lambda run: Holder(functools.partial(_function(run), bound=1)),
    "class": lambda run: Holder(_class(run)),
    "narrow": lambda run: Holder(_narrow(run)),
    "uncallable": lambda _run: Holder(_Uncallable()),
    "refusing": lambda run: Holder(_refusing(run)),
}
ASYNC: dict[str, Callable[[ARun], Holder]] = {
    "afunction": lambda run: Holder(_afunction(run)),
    "amethod": lambda run: Holder(_ACallable(run), "handle"),
    "acallable": lambda run: Holder(_ACallable(run)),
    "marked acallable": lambda run: Holder(markcoroutinefunction(_ACallable(run))),
    "apartial": lambda run: Holder(functools.partial(_afunction(run), bound=1)),
    "marked": lambda run: Holder(_marked_function(run)),
    "awaitable": lambda run: Holder(_answers_awaitable(run)),
    "task": lambda run: Holder(_answers_task(run)),
}
