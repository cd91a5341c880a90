"""Async receivers, observed step by step.

Django 6.1 runs the async receivers of one dispatch in one shared context, so what is current can not be set around
``await receiver()``: the receivers would see each other's, and the caller would keep the last. It is set here while the
coroutine is being stepped, and only then, which is right on every version. What the receiver itself makes current is
taken up again at its next step.
"""

from __future__ import annotations

import asyncio
import types
import weakref
from collections.abc import Awaitable, Coroutine, Generator
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

from signal_monitor.faults import contained

from .cells import Cell, enter_cell, leave_cell
from .places import Position

if TYPE_CHECKING:
    from signal_monitor.records import Outcome

    from .dispatch import ActiveDispatch

_begun: weakref.WeakValueDictionary[int, Cell] = weakref.WeakValueDictionary()


@types.coroutine
def steps(coroutine: Any, call: Position) -> Generator[Any, Any, Any]:  # noqa: ANN401 - any coroutine
    """Run a receiver's coroutine, with its call as the current one whenever it runs; for ``await`` only."""
    dispatch, trace, left = call.dispatch, call.dispatch.trace, None
    cell = _begun[id(call)] = Cell.at(call, dispatch.origin)
    call.awaited = coroutine
    step, argument = coroutine.send, None
    dispatch.starts[call.index] = perf_counter_ns()
    try:
        while True:
            previous = enter_cell(cell)
            outer = trace.resume(call.index, left) if trace is not None else None
            try:
                awaited = step(argument)
            except StopIteration as stop:
                _end(call, "ok")
                return stop.value
            except BaseException as error:
                _fail(call, error)
                raise
            finally:
                cell = leave_cell(previous)  # the receiver's own, or one of a block that it suppresses
                if trace is not None:
                    left = trace.pause(outer)
            try:
                argument = yield awaited
                step = coroutine.send
            except GeneratorExit as error:
                coroutine.close()
                _fail(call, error)
                raise
            except BaseException as error:  # noqa: BLE001 - it is raised in the receiver
                step, argument = coroutine.throw, error
    finally:
        call.awaited = None
        _begun.pop(id(call), None)


class _Held:
    """A coroutine that is closed if it is let go of before it was begun.

    A task that is cancelled before its first step throws into what it was given, so that nobody complains of a
    coroutine that was never awaited; given ours, it would leave the receiver's behind.
    """

    __slots__ = ("coroutine",)

    def __init__(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        self.coroutine: Coroutine[Any, Any, Any] | None = coroutine

    def take(self) -> Coroutine[Any, Any, Any]:
        """The coroutine, which is now the caller's to run."""
        coroutine, self.coroutine = self.coroutine, None
        assert coroutine is not None  # noqa: S101 - for the type checker: a coroutine begins once
        return coroutine

    def __del__(self) -> None:
        if self.coroutine is not None:
            self.coroutine.close()


async def _as_coroutine(held: _Held, call: Position) -> Any:  # noqa: ANN401
    return await steps(held.take(), call)


def as_coroutine(coroutine: Any, call: Position) -> Coroutine[Any, Any, Any]:  # noqa: ANN401 - any coroutine
    """A coroutine that runs a receiver's, and goes by its name; for tasks, which take no other awaitable."""
    ours: Any = _as_coroutine(_Held(coroutine), call)
    ours.__name__, ours.__qualname__ = coroutine.__name__, coroutine.__qualname__
    return ours  # type: ignore[no-any-return]


@contained("the end of an async receiver", None, in_send=True)
def _fail(call: Position, error: BaseException) -> None:
    outcome = _outcome(error, call.dispatch)
    call.dispatch.close(call.index, outcome, error if outcome in {"raised", "swallowed"} else None)


@contained("the end of an async receiver", None, in_send=True)
def _end(call: Position, outcome: Outcome) -> None:
    call.dispatch.close(call.index, outcome)


def _outcome(error: BaseException, dispatch: ActiveDispatch) -> Outcome:
    if isinstance(error, asyncio.CancelledError | GeneratorExit):
        return "cancelled"
    return "swallowed" if dispatch.is_robust and isinstance(error, Exception) else "raised"


def begun_cells() -> list[Cell]:
    """The cells of async receivers that have begun and not ended."""
    return list(_begun.values())


def forget_begun() -> None:
    """Let go of them, in a forked child: they go on in the parent."""
    _begun.clear()


async def awaited(awaitable: Awaitable[Any]) -> Any:  # noqa: ANN401
    """A coroutine for an awaitable of another kind, so that it can be stepped."""
    return await awaitable
