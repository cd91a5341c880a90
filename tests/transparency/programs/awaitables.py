"""What async receivers may answer: awaitables of every kind, some of them twice, and what cannot be awaited."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import inspect
import re
import sys
import warnings
from collections.abc import Callable
from typing import Any

from asgiref.sync import markcoroutinefunction
from django.dispatch import Signal

from signal_monitor.instrumentation.django_versions import ASYNC_AFTER_SYNC
from tests.transparency.awaitable_kinds import KINDS, Nameless, answer
from tests.transparency.calls import ASYNC, METHODS, Sender, call, connected, first
from tests.transparency.scenario import at_most_more, outcome, scenario, shown


def receiver_of(make: Callable[[], Any]) -> Any:
    """A receiver that counts as async and answers what the function makes."""

    def receiver(**named: Any) -> Any:
        return make()

    return markcoroutinefunction(receiver)


def answered(method: str, *receivers: Any) -> Any:
    """What sends answer, twice each, and what Python warns of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        made = connected(*receivers, first)
        seen = [outcome(call, made, method, Sender, value=1) for _ in range(2)]
        gc.collect()
    return [seen, sorted(str(item.message) for item in caught)]


def apart_from_asyncios_words(plain: Any, observed: Any) -> bool:
    """Whether two outcomes are the same; asyncio of Python 3.11 has its own words for what returns no iterator."""
    return sys.version_info < (3, 12) and _without_words(plain) == _without_words(observed)


def _without_words(seen: Any) -> str:
    return re.sub("TypeError: .*? iterable|TypeError: .*? type 'int'", "TypeError", str(seen))


@scenario({f"{kind}-{method}": (kind, method) for kind in KINDS for method in METHODS}, same=apart_from_asyncios_words)
def every_kind(row: tuple[str, str]) -> Any:
    kind, method = row
    return answered(method, receiver_of(KINDS[kind]))


def shared(make: Callable[[], Any], count: int) -> Any:
    """A function that answers one object this many times, then the next."""
    made: list[Any] = []

    def get() -> Any:
        if not made:
            made.extend([make()] * count)
        return made.pop()

    return get


@scenario({f"{kind}-{method}": (kind, method) for kind in KINDS for method in METHODS}, same=apart_from_asyncios_words)
def one_for_two_receivers(row: tuple[str, str]) -> Any:
    kind, method = row
    get = shared(KINDS[kind], 2)
    return answered(method, receiver_of(get), receiver_of(get))


@scenario(METHODS)
def receivers_fail_before_they_await(method: str) -> Any:
    def failing(**named: Any) -> Any:
        raise LookupError("at once")

    async def later(**named: Any) -> Any:
        return await answer()

    both = [markcoroutinefunction(failing), later]
    return [answered(method, *both), answered(method, *reversed(both))]


@scenario(METHODS)
def a_failing_sync_receiver(method: str) -> Any:
    def failing(**named: Any) -> Any:
        raise LookupError("sync")

    async def later(**named: Any) -> Any:
        return await answer()

    return answered(method, failing, later)


@scenario(METHODS)
def closed_or_finished(method: str) -> Any:
    made = [Nameless(), Nameless()]
    kept = list(made)
    seen = answered(method, receiver_of(lambda: made.pop() if made else None))
    return [seen, [item.closed for item in kept]]


class Noting:
    """An awaitable that notes which of its attributes are read."""

    def __init__(self, names: list[str]) -> None:
        object.__setattr__(self, "names", names)

    def __getattribute__(self, name: str) -> Any:
        object.__getattribute__(self, "names").append(name)
        return object.__getattribute__(self, name)

    def __await__(self) -> Any:
        return answer().__await__()


@scenario(METHODS, same=lambda plain, observed: set(observed) <= set(plain))
def attributes_read(method: str) -> Any:
    names: list[str] = []
    answered(method, receiver_of(lambda: Noting(names)))
    return names


async def say_task(**named: Any) -> Any:
    task: Any = asyncio.current_task()
    base = _number(asyncio.get_running_loop().create_task(answer()))
    coroutine = task.get_coro()
    return [
        _number(task) - base,
        type(coroutine).__name__,
        coroutine.__name__,
        coroutine.__qualname__,
        len(asyncio.all_tasks()),
        inspect.getcoroutinestate(coroutine),
    ]


def _number(task: asyncio.Task[Any]) -> int:
    return int(task.get_name().removeprefix("Task-"))


@scenario(METHODS)
def tasks(method: str) -> Any:
    made = connected(say_task, say_task)
    return [shown(call(made, method, Sender)) for _ in range(2)]


@scenario(METHODS, same=at_most_more(1 if ASYNC_AFTER_SYNC else 2))
def frames_above_an_async_receiver(method: str) -> Any:
    async def receiver(**named: Any) -> Any:
        frame: Any = sys._getframe(1)
        files = []
        while frame is not None and "asyncio" not in frame.f_code.co_filename:
            files.append(frame.f_code.co_name)
            frame = frame.f_back
        return len(files)

    ((_, count),) = call(connected(receiver), method, Sender)
    return count


@scenario(ASYNC)
def order_of_steps(method: str) -> Any:
    steps: list[str] = []

    def stepping(name: str) -> Any:
        async def receiver(**named: Any) -> Any:
            for number in range(3):
                steps.append(f"{name}{number}")
                await asyncio.sleep(0)

        return receiver

    made = connected(stepping("a"), lambda **named: steps.append("sync"), stepping("b"))

    async def beside() -> None:
        for number in range(8):
            steps.append(f"-{number}")
            await asyncio.sleep(0)

    async def run() -> None:
        task = asyncio.ensure_future(beside())
        await getattr(made, method)(Sender)
        await task

    made.disconnect(made.receivers[1][1])
    asyncio.run(run())
    return [step for step in steps if step != "sync"]


@scenario(METHODS)
def kinds_of_async_functions(method: str) -> Any:
    class Caller:
        async def __call__(self, **named: Any) -> Any:
            return await answer()

        async def method(self, **named: Any) -> Any:
            return await answer()

    caller, marked = Caller(), markcoroutinefunction(Caller())
    partial = functools.partial(caller.method)
    made = connected(marked, caller.method, partial)
    return [outcome(call, made, method, Sender) for _ in range(2)]


@scenario(ASYNC)
def stepped_without_a_loop(method: str) -> Any:
    """With nobody to wait for it answers at once; anything else needs a loop."""

    def stepped(made: Signal) -> Any:
        with contextlib.closing(getattr(made, method)(Sender)) as sent:
            try:
                sent.send(None)
            except StopIteration as stop:
                return shown(stop.value)
        return "suspended"

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        seen = [outcome(stepped, made) for made in (Signal(), Signal(use_caching=True), connected(answer))]
        gc.collect()
    return [seen, [str(item.message) for item in caught]]
