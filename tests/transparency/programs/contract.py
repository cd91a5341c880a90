"""What every send answers: receivers, responses, errors, frames, order, and what it keeps alive."""

from __future__ import annotations

import asyncio
import functools
import gc
import sys
import traceback
import weakref
from collections.abc import Callable
from typing import Any

from asgiref.sync import markcoroutinefunction
from django.db.models.signals import ModelSignal
from django.dispatch import Signal

from tests.transparency.calls import METHODS, SYNC, Sender, call, connected, first, second, third
from tests.transparency.scenario import outcome, scenario, shown

SENDERS: dict[str, Any] = {"class": Sender, "none": None, "string": "sender", "instance": Sender(), "number": 1.5}
ROWS = {f"{method}-{name}": (method, sender) for method in METHODS for name, sender in SENDERS.items()}


def failing(**named: Any) -> Any:
    raise LookupError("failing")


async def failing_later(**named: Any) -> Any:
    await asyncio.sleep(0)
    raise LookupError("later")


class Listener:
    """Has receivers that are methods, and is one."""

    def method(self, **named: Any) -> Any:
        return "method"

    @classmethod
    def of_class(cls, **named: Any) -> Any:
        return "classmethod"

    @staticmethod
    def static(**named: Any) -> Any:
        return "staticmethod"

    def __call__(self, **named: Any) -> Any:
        return "called"


class AsyncListener:
    """A receiver that is async, if it is marked."""

    async def __call__(self, **named: Any) -> Any:
        return "awaited"


GROUPS: dict[str, tuple[Any, ...]] = {
    "nobody": (),
    "sync": (first, second),
    "async": (third,),
    "mixed": (third, first, third, second),
    "failing": (first, failing, second),
    "failing_later": (first, failing_later, third),
    "failing_both": (failing, failing_later),
    "callables": (Listener(), Listener().method, Listener.of_class, Listener.static),
    "partials": (functools.partial(first, 3), functools.partial(third)),
    "failing_partial": (functools.partial(failing),),
    "marked": (markcoroutinefunction(AsyncListener()),),
    "builtin": (dict,),
}


@scenario({f"{group}-{method}": (GROUPS[group], method) for group in GROUPS for method in METHODS})
def answers(row: tuple[tuple[Any, ...], str]) -> Any:
    receivers, method = row
    signals = [connected(*receivers, use_caching=caching) for caching in (False, True)]
    return [outcome(call, made, method, Sender, value=[1], name=2) for made in signals for _ in range(3)]


@scenario(ROWS)
def senders(row: tuple[str, Any]) -> Any:
    method, sender = row
    signals = [connected(first, cls=cls, use_caching=caching) for cls in (Signal, ModelSignal) for caching in (0, 1)]
    seen = [outcome(call, made, method, sender, value=7) for made in signals for _ in range(3)]
    return [*seen, [outcome(made.has_listeners, sender) for made in signals]]


ARGUMENTS: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
    "unhashable": (([],), {}),
    "no_sender": ((), {}),
    "two": ((Sender, Sender), {}),
    "signal": ((Sender,), {"signal": 5}),
    "self": ((Sender,), {"self": 5}),
    "keyword": ((), {"sender": Sender, "receiver": 1, "method": 2, "named": 3, "record": 4, "responses": 5}),
}


@scenario({f"{name}-{method}": (ARGUMENTS[name], method) for name in ARGUMENTS for method in METHODS})
def arguments(row: Any) -> Any:
    (args, named), method = row
    signals = [connected(*receivers, use_caching=caching) for receivers in ((), (first,)) for caching in (False, True)]
    return [outcome(call, made, method, *args, **named) for made in signals for _ in range(2)]


@scenario(SYNC)
def frames_between(method: str) -> Any:
    def receiver(**named: Any) -> Any:
        return [item.name for item in traceback.extract_stack(limit=4)]

    signals = [connected(receiver, *more, use_caching=caching) for more in ((), (first,)) for caching in (False, True)]
    return [shown(getattr(made, method)(Sender)[0][1]) for made in signals for _ in range(3)]


@scenario(SYNC)
def traceback_frames(method: str) -> Any:
    signals = [connected(failing, use_caching=caching) for caching in (False, True)]
    return [_frames_of(getattr(made, method)) for made in signals for _ in range(3)]


def _frames_of(send: Callable[..., Any]) -> list[str]:
    try:
        ((_, error),) = send(Sender)
    except LookupError as raised:
        error = raised
    return [frame.name for frame in traceback.extract_tb(error.__traceback__)]


@scenario(METHODS)
def the_same_exception(method: str) -> Any:
    error = ValueError("boom")
    caught: Any = None

    def raising(**named: Any) -> None:
        raise error

    try:
        ((_, caught),) = call(connected(raising), method, Sender)
    except ValueError as raised:
        caught = raised
    return [caught is error, shown(error.__cause__), shown(error.__context__), vars(error)]


@scenario(SYNC)
def weak_receivers(method: str) -> Any:
    made, listener = Signal(), Listener()
    made.connect(listener)
    made.connect(listener.method)
    before = outcome(call, made, method, Sender), outcome(call, made, method, Sender)
    reference = weakref.ref(listener)
    del listener
    return [*map(len, before), reference() is None, made.has_listeners(Sender), outcome(call, made, method, Sender)]


@scenario(METHODS)
def changes_while_sending(method: str) -> Any:
    made = Signal()

    def disconnecting(**named: Any) -> Any:
        made.connect(second)
        return made.disconnect(first)

    made.connect(disconnecting)
    made.connect(first)
    return [outcome(call, made, method, Sender) for _ in range(3)]


class Precious:
    """Something that must be freed at once."""


@scenario({f"{method}-{receiver.__name__}": (method, receiver) for method in SYNC for receiver in (first, failing)})
def freed_at_once(row: Any) -> Any:
    method, receiver = row
    alive = []
    gc.disable()
    for caching in (False, True):
        made = connected(receiver, use_caching=caching)
        for _ in range(3):
            sender, value = Precious(), Precious()
            references = [weakref.ref(sender), weakref.ref(value)]
            outcome(call, made, method, sender, value=value)
            del sender, value
            alive.append([reference() is not None for reference in references])
        gone = weakref.ref(made)
        del made
        alive.append([gone() is not None])
    gc.enable()
    return alive


@scenario(SYNC)
def the_answer_is_the_callers(method: str) -> Any:
    made = connected(first, second)
    answers = [call(made, method, Sender) for _ in range(3)]
    answers[0].clear()
    references = [sys.getrefcount(answer) for answer in answers]
    return [len(call(made, method, Sender)), type(answers[1]).__name__, answers[1] is not answers[2], references]
