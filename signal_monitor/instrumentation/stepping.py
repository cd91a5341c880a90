"""Async receivers, observed step by step.

Django 6.1 runs the async receivers of one dispatch in one shared context, so what is current can not be set around
``await receiver()``: the receivers would see each other's, and the caller would keep the last. It is set here while the
coroutine is being stepped, and only then, which is right on every version. What the receiver itself makes current is
taken up again at its next step.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

from signal_monitor.faults import contained

from .cells import Cell, enter_cell, leave_cell

if TYPE_CHECKING:
    from signal_monitor.records import Outcome

    from .dispatch import ActiveDispatch
    from .places import Position


class SteppedCoroutine(Coroutine[Any, Any, Any]):
    """A receiver's coroutine with its call as the current one whenever it runs."""

    __slots__ = ("__weakref__", "_call", "_cell", "_coroutine", "_left")

    def __init__(self, coroutine: Coroutine[Any, Any, Any], call: Position) -> None:
        self._coroutine = coroutine
        self._call = call
        self._cell: Cell | None = None
        self._left: object = None
        call.awaited = coroutine

    def send(self, value: Any) -> Any:  # noqa: ANN401
        """Run the receiver to its next await."""
        entered = self._enter()
        try:
            return self._coroutine.send(value)
        except BaseException as error:
            self._end(error)
            raise
        finally:
            self._leave(entered)

    def throw(self, *error: Any) -> Any:  # noqa: ANN401
        """Raise an exception where the receiver awaits."""
        entered = self._enter()
        try:
            return self._coroutine.throw(*error)
        except BaseException as raised:
            self._end(raised)
            raise
        finally:
            self._leave(entered)

    def close(self) -> None:
        """End the receiver where it awaits."""
        self._coroutine.close()
        if self._cell is not None:
            self._end(GeneratorExit())

    def __await__(self) -> SteppedCoroutine:
        return self

    def __iter__(self) -> SteppedCoroutine:
        return self

    def __next__(self) -> Any:  # noqa: ANN401
        return self.send(None)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        # cr_frame, cr_code, __qualname__ and the like, which asyncio reads to print a task.
        return getattr(self._coroutine, name)

    @contained("a step of an async receiver", None, in_send=True)
    def _enter(self) -> tuple[Cell, object] | None:
        dispatch, index = self._call.dispatch, self._call.index
        if self._cell is None:
            self._cell = Cell(dispatch.origin, self._call.outer)
            self._cell.top = self._call
            dispatch.starts[index] = perf_counter_ns()
        outer = dispatch.trace.resume(index, self._left) if dispatch.trace is not None else None
        return enter_cell(self._cell), outer

    @contained("a step of an async receiver", None, in_send=True)
    def _leave(self, entered: tuple[Cell, object] | None) -> None:
        if entered is None:
            return
        previous, outer = entered
        self._cell = leave_cell(previous)  # the receiver's own, or one of a block that it suppresses
        trace = self._call.dispatch.trace
        if trace is not None:
            self._left = trace.pause(outer)

    @contained("the end of an async receiver", None, in_send=True)
    def _end(self, error: BaseException) -> None:
        call = self._call
        call.awaited = None
        outcome = _outcome(error, call.dispatch)
        call.dispatch.close(call.index, outcome, error if outcome in {"raised", "swallowed"} else None)


def _outcome(error: BaseException, dispatch: ActiveDispatch) -> Outcome:
    if isinstance(error, StopIteration):
        return "ok"
    if isinstance(error, asyncio.CancelledError | GeneratorExit):
        return "cancelled"
    return "swallowed" if dispatch.is_robust and isinstance(error, Exception) else "raised"


async def awaited(awaitable: Awaitable[Any]) -> Any:  # noqa: ANN401
    """A coroutine for an awaitable of another kind, so that it can be stepped."""
    return await awaitable
