"""Async receivers, observed step by step.

Django 6.1 runs the async receivers of one dispatch in one shared context, so what is current can not be set around
``await receiver()``: the receivers would see each other's, and the caller would keep the last. It is set here while the
coroutine is being stepped, and only then, which is right on every version. What the receiver itself makes current is
taken up again at its next step.

A step is a hot path of its own: its faults are contained by hand, since the decorator would double what it costs.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Awaitable, Coroutine
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

from signal_monitor.faults import note_in_send

from .cells import Cell, enter_cell, leave_cell
from .places import Position

if TYPE_CHECKING:
    from signal_monitor.records import Outcome

    from .dispatch import ActiveDispatch

_begun: dict[int, weakref.ref[SteppedCoroutine]] = {}


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
        cell, trace, outer = self._cell, self._call.dispatch.trace, None
        try:
            if cell is None:
                cell = self._begin()
            if trace is not None:
                outer = trace.resume(self._call.index, self._left)
            previous = enter_cell(cell)
        except Exception as error:  # noqa: BLE001 - as contained does
            note_in_send("a step of an async receiver", error)
            return self._coroutine.send(value)
        try:
            return self._coroutine.send(value)
        except BaseException as error:
            self._end(error)
            raise
        finally:
            self._leave(previous, outer)

    def throw(self, *error: Any) -> Any:  # noqa: ANN401
        """Raise an exception where the receiver awaits."""
        cell, trace, outer = self._cell, self._call.dispatch.trace, None
        try:
            if cell is None:
                cell = self._begin()
            if trace is not None:
                outer = trace.resume(self._call.index, self._left)
            previous = enter_cell(cell)
        except Exception as fault:  # noqa: BLE001 - as contained does
            note_in_send("a step of an async receiver", fault)
            return self._coroutine.throw(*error)
        try:
            return self._coroutine.throw(*error)
        except BaseException as raised:
            self._end(raised)
            raise
        finally:
            self._leave(previous, outer)

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

    def _begin(self) -> Cell:
        """The receiver is about to take its first step."""
        call, dispatch = self._call, self._call.dispatch
        cell = self._cell = Cell.at(call, dispatch.origin)
        _begun[id(self)] = weakref.ref(self)
        dispatch.starts[call.index] = perf_counter_ns()
        return cell

    def _leave(self, previous: Cell, outer: object) -> None:
        try:
            self._cell = leave_cell(previous)  # the receiver's own, or one of a block that it suppresses
            trace = self._call.dispatch.trace
            if trace is not None:
                self._left = trace.pause(outer)
        except Exception as error:  # noqa: BLE001 - as contained does
            note_in_send("a step of an async receiver", error)

    def _end(self, error: BaseException) -> None:
        try:
            call = self._call
            call.awaited = None
            _begun.pop(id(self), None)
            outcome = _outcome(error, call.dispatch)
            call.dispatch.close(call.index, outcome, error if outcome in {"raised", "swallowed"} else None)
        except Exception as fault:  # noqa: BLE001 - as contained does
            note_in_send("the end of an async receiver", fault)


def _outcome(error: BaseException, dispatch: ActiveDispatch) -> Outcome:
    if isinstance(error, StopIteration):
        return "ok"
    if isinstance(error, asyncio.CancelledError | GeneratorExit):
        return "cancelled"
    return "swallowed" if dispatch.is_robust and isinstance(error, Exception) else "raised"


def begun_cells() -> list[Cell]:
    """The cells of async receivers that have begun and not ended."""
    found = []
    for key, reference in list(_begun.items()):
        stepped = reference()
        if stepped is None:  # dropped where it awaited
            _begun.pop(key, None)
        elif stepped._cell is not None:  # noqa: SLF001 - its own
            found.append(stepped._cell)  # noqa: SLF001
    return found


async def awaited(awaitable: Awaitable[Any]) -> Any:  # noqa: ANN401
    """A coroutine for an awaitable of another kind, so that it can be stepped."""
    return await awaitable
