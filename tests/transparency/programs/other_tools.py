"""Beside other tools: frames above receivers, what is put on and taken off in any order, context variables."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import itertools
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.dispatch import Signal

from tests.transparency.calls import ASYNC, METHODS, SYNC, Sender, call, connected, first, third
from tests.transparency.own_signals import Super
from tests.transparency.scenario import at_most_more, monitor, outcome, scenario, shown


def wrapper_of(original: Any, name: str, seen: list[str]) -> Any:
    """A wrapper as tools write it."""
    if name.startswith("a"):

        @functools.wraps(original)
        async def awrapper(self: Any, *args: Any, **named: Any) -> Any:
            seen.append(name)
            return await original(self, *args, **named)

        return awrapper

    @functools.wraps(original)
    def wrapper(self: Any, *args: Any, **named: Any) -> Any:
        seen.append(name)
        return original(self, *args, **named)

    return wrapper


@contextmanager
def wrapped(seen: list[str], *names: str, cls: type[Signal] = Signal) -> Iterator[None]:
    """A tool that wraps send methods for a block."""
    before = {name: vars(cls)[name] for name in names}
    for name, original in before.items():
        setattr(cls, name, wrapper_of(original, name, seen))
    yield
    for name, original in before.items():
        setattr(cls, name, original)


def depth_of(made: Any, method: str) -> int:
    """How many frames are between a receiver and who sends."""
    frame: Any = call(made, method, Sender)[0][1]
    return int(frame)


def counting(**named: Any) -> int:
    """Answer how many frames are above this receiver."""
    frame: Any = sys._getframe(1)
    count = 0
    while frame is not None and frame.f_code.co_name != "call":
        count += 1
        frame = frame.f_back
    return count


@scenario(SYNC, same=at_most_more(1))
def frames_under_a_tool_from_before(method: str) -> Any:
    with monitor.taken_off(), wrapped([], method):
        monitor.put_on()
        made = [connected(counting, use_caching=caching) for caching in (False, True)]
        depths = [depth_of(item, method) for item in made for _ in range(3)]
        monitor.take_off()
    return depths


@scenario(SYNC)
def frames_under_a_later_tool(method: str) -> Any:
    with wrapped([], method):
        made = [connected(counting, use_caching=caching) for caching in (False, True)]
        return [depth_of(item, method) for item in made for _ in range(3)]


@scenario(SYNC, same=at_most_more(1))
def frames_under_a_tool_on_a_subclass(method: str) -> Any:
    with wrapped([], method, cls=Super):
        made = connected(counting, cls=Super)
        return [depth_of(made, method) for _ in range(3)]


ORDERS = {
    "before": ("tool", "monitor", "work", "-monitor", "-tool", "work"),
    "after": ("monitor", "tool", "work", "-tool", "work", "-monitor"),
    "crossed": ("tool", "monitor", "work", "-tool", "work", "-monitor", "work"),
    "crossed_after": ("monitor", "tool", "work", "-monitor", "work", "-tool", "work"),
    "twice": ("monitor", "monitor", "tool", "work", "-monitor", "monitor", "work", "-tool", "-monitor", "work"),
}


@scenario({f"{order}-{method}": (ORDERS[order], method) for order in ORDERS for method in METHODS})
def put_on_in_any_order(row: Any) -> Any:
    order, method = row
    seen: list[str] = []
    tool = wrapped(seen, method)
    steps: dict[str, Callable[[], Any]] = {
        "tool": tool.__enter__,
        "-tool": lambda: tool.__exit__(None, None, None),
        "monitor": monitor.put_on,
        "-monitor": monitor.take_off,
        "work": lambda: seen.append(str(outcome(call, connected(first, third), method, Sender, value=1))),
    }
    with monitor.taken_off():
        for step in order:
            steps[step]()
        monitor.take_off()
        functions = [vars(Signal)[name].__code__.co_filename.rpartition("/")[2] for name in METHODS]
    return [seen, functions]


@contextmanager
def live_receivers(replacement: Callable[..., Any]) -> Iterator[None]:
    """A tool that replaces the look-up of receivers, as Sentry's does."""
    cls: Any = Signal
    original = cls._live_receivers
    wrapper: Any = lambda self, sender: replacement(self, original, sender)  # noqa: E731 - it is given the other's name
    cls._live_receivers = functools.wraps(original)(wrapper)
    yield
    cls._live_receivers = original


def wrapping_each(self: Any, original: Any, sender: Any) -> Any:
    def wrap(receiver: Any) -> Any:
        return functools.wraps(receiver)(lambda **named: ("wrapped", receiver(**named)))

    sync, others = original(self, sender)
    return [wrap(receiver) for receiver in sync], others


def answering_iterators(self: Any, original: Any, sender: Any) -> Any:
    sync, others = original(self, sender)
    return iter(sync), tuple(others)


def leaving_out(self: Any, original: Any, sender: Any) -> Any:
    sync, others = original(self, sender)
    return sync[1:], others


def answering_a_list(self: Any, original: Any, sender: Any) -> Any:
    return list(original(self, sender))


def failing(self: Any, original: Any, sender: Any) -> Any:
    raise LookupError("tool")


LOOKUPS = {item.__name__: item for item in (wrapping_each, answering_iterators, leaving_out, answering_a_list, failing)}


@scenario({f"{name}-{method}": (name, method) for name in LOOKUPS for method in METHODS})
def receivers_looked_up_by_a_tool(row: Any) -> Any:
    name, method = row
    seen = []
    for caching in (False, True):
        made = connected(first, first, third, use_caching=caching)
        seen.append(outcome(call, made, method, Sender, value=1))
        with live_receivers(LOOKUPS[name]):
            seen.extend(outcome(call, made, method, Sender, value=1) for _ in range(2))
        seen.append(outcome(call, made, method, Sender, value=1))
    return seen


def changed(before: contextvars.Context, after: contextvars.Context) -> list[int]:
    """How many variables were added, and how many have another value."""
    return [len(after) - len(before), sum(before[name] is not after[name] for name in before if name in after)]


def at_most_one_variable(plain: Any, observed: Any) -> bool:
    """Allow one variable to be added by the first dispatch, and no more."""
    return len(plain) == len(observed) and all(
        other[0] - one[0] <= (1 if first_one else 0) and other[1] == one[1]
        for first_one, one, other in zip((True, *[False] * len(plain)), plain, observed, strict=False)
    )


PLACES = {"loop": True, "thread": False}


def contexts_of(send: Callable[[], Any]) -> list[contextvars.Context]:
    contexts = [contextvars.copy_context()]
    for _ in range(4):
        send()
        contexts.append(contextvars.copy_context())
    return contexts


async def acontexts_of(send: Callable[[], Any]) -> list[contextvars.Context]:
    contexts = [contextvars.copy_context()]
    for _ in range(4):
        await send()
        contexts.append(contextvars.copy_context())
    return contexts


GROUPS: dict[str, Any] = {"sync": (first,), "async": (third,), "both": (first, third), "nobody": ()}


@scenario({f"{group}-{method}": (group, method) for group in GROUPS for method in METHODS}, same=at_most_one_variable)
def context_variables(row: Any) -> Any:
    group, method = row
    made = connected(*GROUPS[group])

    def send() -> Any:
        return getattr(made, method)(Sender)

    if method in ASYNC:
        contexts = contextvars.Context().run(asyncio.run, acontexts_of(send))
    else:
        contexts = contextvars.Context().run(contexts_of, send)
    return [changed(one, other) for one, other in itertools.pairwise(contexts)]


@scenario({f"{group}-{method}": (group, method) for group in GROUPS for method in METHODS}, same=at_most_one_variable)
def context_variables_in_a_receiver(row: Any) -> Any:
    """A receiver that sends in its turn."""
    group, method = row
    inner = connected(*GROUPS[group])
    contexts: list[contextvars.Context] = []

    def receiver(**named: Any) -> None:
        contexts.extend(contexts_of(lambda: getattr(inner, method)(Sender)))

    async def areceiver(**named: Any) -> None:
        contexts.extend(await acontexts_of(lambda: getattr(inner, method)(Sender)))
        await asyncio.sleep(0)
        contexts.append(contextvars.copy_context())

    outer = connected(areceiver if method in ASYNC else receiver)
    contextvars.Context().run(call, outer, method, Sender)
    return [changed(one, other) for one, other in itertools.pairwise(contexts)]


@scenario(ASYNC, same=at_most_one_variable)
def context_variables_of_tasks_at_once(method: str) -> Any:
    made = connected(third, third)

    async def run() -> Any:
        contexts = [contextvars.copy_context()]
        for _ in range(3):
            await asyncio.gather(*(getattr(made, method)(Sender) for _ in range(3)))
            await getattr(made, method)(Sender)
            contexts.append(contextvars.copy_context())
        return contexts

    contexts = contextvars.Context().run(asyncio.run, run())
    return [changed(one, other) for one, other in itertools.pairwise(contexts)]


own: contextvars.ContextVar[Any] = contextvars.ContextVar("own", default="unset")


@scenario({f"{group}-{method}": (group, method) for group in GROUPS for method in METHODS})
def the_applications_variables(row: Any) -> Any:
    """What a receiver sets is seen by the others and by the sender as Django has it."""
    group, method = row

    def sets(**named: Any) -> Any:
        before = own.get()
        own.set("sync")
        return before

    async def asets(**named: Any) -> Any:
        before = own.get()
        own.set("async")
        await asyncio.sleep(0)
        return before, own.get()

    made = connected(sets, asets, *GROUPS[group], asets, sets)

    async def run() -> Any:
        own.set("sender")
        return [shown(await getattr(made, method)(Sender)), own.get(), shown(await getattr(made, method)(Sender))]

    def run_plainly() -> Any:
        own.set("sender")
        return [shown(getattr(made, method)(Sender)), own.get(), shown(getattr(made, method)(Sender))]

    if method in ASYNC:
        return contextvars.Context().run(asyncio.run, run())
    return contextvars.Context().run(run_plainly)


@scenario(METHODS)
def contexts_in_threads(method: str) -> Any:
    made = connected(lambda **named: threading.current_thread().name == "MainThread", third)
    return [outcome(call, made, method, Sender) for _ in range(2)]
