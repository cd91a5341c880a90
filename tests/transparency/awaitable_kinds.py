"""What an async receiver may answer: awaitables of every kind, and what cannot be awaited."""

from __future__ import annotations

import asyncio
import collections.abc
import concurrent.futures
import types
from collections.abc import Callable, Generator
from typing import Any


async def answer() -> str:
    await asyncio.sleep(0)
    return "answer"


class Nameless(collections.abc.Coroutine[Any, Any, Any]):
    """A coroutine without a name, as compiled code may have."""

    def __init__(self) -> None:
        self._steps = iter((None, None))
        self.closed = False

    def send(self, value: Any) -> Any:
        for step in self._steps:
            return step
        raise StopIteration("nameless")

    def throw(self, *args: Any) -> Any:
        raise args[0] if isinstance(args[0], BaseException) else args[0]()

    def close(self) -> None:
        self.closed = True

    def __await__(self) -> Generator[Any, Any, Any]:
        yield from ()
        return (yield from answer().__await__())


class Awaitable:
    """An object that can be awaited, and no more than that."""

    def __await__(self) -> Any:
        return answer().__await__()


class Broken:
    """One that cannot be awaited when it comes to it."""

    def __await__(self) -> Any:
        raise LookupError("broken")


class NoIterator:
    """One whose ``__await__`` answers something else."""

    def __await__(self) -> Any:
        return 5


class Slotted:
    """One that nobody can refer to weakly or add an attribute to."""

    __slots__ = ()
    __await__ = Awaitable.__await__


@types.coroutine
def generator_based() -> Any:
    yield
    return "generator"


def future(*, done: bool) -> Any:
    loop = asyncio.get_running_loop()
    made = loop.create_future()
    if done:
        made.set_result("future")
    else:
        loop.call_soon(made.set_result, "future")
    return made


def failed_future() -> Any:
    made = asyncio.get_running_loop().create_future()
    made.set_exception(LookupError("failed"))
    return made


def wrapped_future() -> Any:
    made: concurrent.futures.Future[str] = concurrent.futures.Future()
    made.set_result("thread")
    return asyncio.wrap_future(made)


def closed_coroutine() -> Any:
    made = answer()
    made.close()
    return made


async def generator() -> Any:
    yield 1


KINDS: dict[str, Callable[[], Any]] = {
    "coroutine": answer,
    "nameless": Nameless,
    "generator_based": generator_based,
    "object": Awaitable,
    "slotted": Slotted,
    "broken": Broken,
    "no_iterator": NoIterator,
    "future": lambda: future(done=False),
    "done_future": lambda: future(done=True),
    "failed_future": failed_future,
    "wrapped_future": wrapped_future,
    "task": lambda: asyncio.ensure_future(answer()),
    "named_task": lambda: asyncio.get_running_loop().create_task(answer(), name="named"),
    "gather": lambda: asyncio.gather(answer(), answer()),
    "shield": lambda: asyncio.shield(answer()),
    "wait_for": lambda: asyncio.wait_for(answer(), 5),
    "closed": closed_coroutine,
    "async_generator": generator,
    "asend": lambda: generator().__anext__(),
    "none": lambda: None,
    "number": lambda: 7,
    "generator": lambda: (yield),
    "class": lambda: Awaitable,
}
