"""What a dispatch keeps alive once it is over: nothing that Django does not keep alive."""

from __future__ import annotations

import asyncio
import gc
import sys
import weakref
from collections.abc import Callable
from typing import Any

from django.dispatch import Signal

from tests.transparency.calls import ASYNC, METHODS, SYNC, call, connected
from tests.transparency.scenario import scenario


class Precious:
    """Something that must be freed at once."""


class FailedError(Exception):
    """What receivers raise."""


class Watched:
    """Weak references to what a receiver had in its hands."""

    def __init__(self) -> None:
        self.references: dict[str, weakref.ref[Any]] = {}

    def add(self, name: str, value: Any) -> Any:
        self.references[name] = weakref.ref(value)
        return value

    def alive(self) -> list[str]:
        return sorted(name for name, reference in self.references.items() if reference() is not None)


def nothing_more_alive(plain: Any, observed: Any) -> bool:
    """Allow less to be alive."""
    return len(plain) == len(observed) and all(
        set(one) <= set(other) for one, other in zip(observed, plain, strict=True)
    )


async def returns(watched: Watched) -> Any:
    local = watched.add("local", Precious())
    await asyncio.sleep(0)
    return watched.add("response", Precious()), local


async def raises(watched: Watched) -> Any:
    local = watched.add("local", Precious())
    await asyncio.sleep(0)
    raise watched.add("error", FailedError(local.__class__))


async def raises_at_once(watched: Watched) -> Any:
    local = watched.add("local", Precious())
    raise watched.add("error", FailedError(local.__class__))


async def raises_from_deep(watched: Watched) -> Any:
    local = watched.add("local", Precious())
    try:
        await raises(watched)
    except FailedError as error:
        raise watched.add("outer", FailedError(local.__class__)) from error


async def catches(watched: Watched) -> Any:
    try:
        await raises(watched)
    except FailedError:
        return None


async def cancels_itself(watched: Watched) -> Any:
    local = watched.add("local", Precious())
    await asyncio.sleep(0)
    raise watched.add("error", asyncio.CancelledError(local.__class__))


async def waits(watched: Watched) -> Any:
    local = watched.add("local", Precious())
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError as error:
        watched.add("error", error)
        raise
    return local


async def exits(watched: Watched) -> Any:
    local = watched.add("local", Precious())
    await asyncio.sleep(0)
    raise watched.add("error", GeneratorExit(local.__class__))


RECEIVERS: dict[str, Callable[[Watched], Any]] = {
    item.__name__: item
    for item in (returns, raises, raises_at_once, raises_from_deep, catches, cancels_itself, waits, exits)
}


def receiver_of(body: Callable[[Watched], Any], watched: Watched) -> Any:
    async def receiver(value: Any, **named: Any) -> Any:
        watched.add("value", value)
        return await body(watched)

    return receiver


async def send_and_let_go(made: Any, method: str, watched: Watched, *, cancel: bool = False) -> list[str]:
    """Send, forget what came of it, and say what is still alive."""
    sender = watched.add("sender", Precious())
    task = asyncio.ensure_future(getattr(made, method)(sender, value=watched.add("argument", Precious())))
    del sender
    for _ in range(5):
        await asyncio.sleep(0)
    if cancel:
        task.cancel()
    try:
        await task
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is let go of
        error.__traceback__ = None
        del error
    del task
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return watched.alive()


def run_each(bodies: list[Any], method: str, *, cancel: bool = False) -> Any:
    """What is alive after each of two sends by a signal of either kind."""
    seen = []
    gc.collect()
    gc.disable()
    for caching in (False, True):
        for _ in range(2):
            watched = Watched()
            made = connected(*(receiver_of(body, watched) for body in bodies), use_caching=caching)
            seen.append(asyncio.run(send_and_let_go(made, method, watched, cancel=cancel)))
    gc.enable()
    return seen


NAMES = [name for name in RECEIVERS if name not in {"waits", "exits"}]


@scenario({f"{name}-{method}": (name, method) for name in NAMES for method in ASYNC}, same=nothing_more_alive)
def async_receivers(row: Any) -> Any:
    name, method = row
    return run_each([RECEIVERS[name]], method)


@scenario({f"{name}-{method}": (name, method) for name in RECEIVERS for method in ASYNC}, same=nothing_more_alive)
def cancelled_while_waiting(row: Any) -> Any:
    name, method = row
    return run_each([RECEIVERS[name], waits], method, cancel=True)


@scenario({f"{name}-{method}": (name, method) for name in NAMES for method in ASYNC}, same=nothing_more_alive)
def two_receivers(row: Any) -> Any:
    name, method = row
    return run_each([RECEIVERS[name], returns], method)


@scenario({f"{name}-{method}": (name, method) for name in NAMES for method in SYNC}, same=nothing_more_alive)
def sent_from_a_thread_without_a_loop(row: Any) -> Any:
    name, method = row
    seen = []
    gc.collect()
    gc.disable()
    for caching in (False, True):
        watched = Watched()
        made = connected(receiver_of(RECEIVERS[name], watched), use_caching=caching)
        try:
            getattr(made, method)(watched.add("sender", Precious()), value=watched.add("argument", Precious()))
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is let go of
            error.__traceback__ = None
        seen.append(watched.alive())
    gc.enable()
    return seen


@scenario(ASYNC, same=nothing_more_alive)
def dropped_while_waiting(method: str) -> Any:
    """Nobody waits any more: the coroutine is closed by its last reference."""
    watched = Watched()
    gc.disable()
    made = connected(receiver_of(waits, watched))

    async def run() -> None:
        sent = getattr(made, method)(watched.add("sender", Precious()), value=watched.add("argument", Precious()))
        with_timeout = asyncio.wait_for(sent, 0.001)
        try:
            await with_timeout
        except TimeoutError as error:
            error.__traceback__ = None

    asyncio.run(run())
    alive = watched.alive()
    gc.enable()
    return [alive]


def sync_receiver(watched: Watched, *, fails: bool) -> Any:
    def receiver(value: Any, **named: Any) -> Any:
        local = watched.add("local", Precious())
        if fails:
            raise watched.add("error", FailedError(local.__class__))
        return watched.add("response", Precious())

    return receiver


ROWS = {f"{method}-{fails}": (method, fails) for method in SYNC for fails in (False, True)}


@scenario(ROWS, same=nothing_more_alive)
def sync_receivers(row: Any) -> Any:
    method, fails = row
    seen = []
    gc.disable()
    for caching in (False, True):
        for _ in range(3):
            watched = Watched()
            made = connected(sync_receiver(watched, fails=fails), use_caching=caching)
            try:
                getattr(made, method)(watched.add("sender", Precious()), value=watched.add("argument", Precious()))
            except FailedError as error:
                error.__traceback__ = None
            seen.append(watched.alive())
    gc.enable()
    return seen


@scenario(METHODS)
def references_to_receivers(method: str) -> Any:
    def receiver(**named: Any) -> Any:
        return None

    counts = []
    for caching in (False, True):
        made = Signal(use_caching=caching)
        made.connect(receiver)
        call(made, method, Precious)
        before = sys.getrefcount(receiver), sys.getrefcount(Precious)
        for _ in range(20):
            call(made, method, Precious)
        counts.append([sys.getrefcount(receiver) - before[0], sys.getrefcount(Precious) - before[1]])
        made.disconnect(receiver)
    reference = weakref.ref(receiver)
    del receiver
    return [counts if method in SYNC else [], reference() is None if method in SYNC else None]


@scenario({f"{method}-{caching}": (method, caching) for method in SYNC for caching in (False, True)})
def disconnected_receivers(row: Any) -> Any:
    method, caching = row
    made, watched = Signal(use_caching=caching), Watched()
    seen = []
    for weak in (True, False):
        receiver = watched.add("receiver", lambda **named: None)
        made.connect(receiver, weak=weak)
        for _ in range(3):
            getattr(made, method)(Precious)
        made.disconnect(receiver)
        del receiver
        seen.append(watched.alive())
    return seen
