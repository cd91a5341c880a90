"""Which dispatch and receiver this thread or task stands in.

A cell is set once per context, because setting a context variable on every dispatch would cost more than all else.
Contexts are copied into threads and tasks, and with them the reference to the cell: a thread that finds another
thread's cell makes its own. Tasks of one thread may share a cell, because a plain send never yields to them, and an
async receiver is given a cell of its own while it is being stepped.
"""

from __future__ import annotations

import contextlib
import threading
import weakref
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from threading import get_ident
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .origins import Origin
    from .places import Place


class Ground:
    """What a thread or task stands on where it is in no receiver call: its request or task, and its thread's name.

    ``outer`` is the receiver call that it was begun in, if any: a request that a test client makes inside a receiver, a
    thread that a receiver starts.
    """

    __slots__ = ("origin", "outer", "thread_name")

    def __init__(self, origin: Origin | None, outer: Place | None, thread_name: str) -> None:
        self.origin = origin
        self.outer = outer
        self.thread_name = thread_name


class Cell:
    """The innermost place of one thread or task, and what else holds for all that it dispatches.

    ``thread`` is 0 where nothing is to be observed: no thread has that number, so no plan is followed there.
    ``untraced`` is the OpenTelemetry context that was last found to have no recording span, ``traced`` what is known of
    the last one that has.
    """

    __slots__ = ("__weakref__", "origin", "suppressed", "thread", "top", "traced", "untraced")

    top: Place

    def __init__(self, origin: Origin | None = None, outer: Place | None = None, *, suppressed: bool = False) -> None:
        self.origin = origin
        self.suppressed = suppressed
        self.thread = 0 if suppressed else get_ident()
        self.untraced: object = None
        self.traced: object = None
        self.top = Ground(origin, outer, threading.current_thread().name)
        _live[id(self)] = _LiveCell(self, _forget)

    @classmethod
    def at(cls, place: Place, origin: Origin | None) -> Cell:
        """A cell that begins at a place; it is not among the live ones."""
        self = cls.__new__(cls)
        self.origin = origin
        self.suppressed = False
        self.thread = get_ident()
        self.untraced = self.traced = None
        self.top = place
        return self


class _LiveCell(weakref.ref["Cell"]):
    """A weak reference that knows where it is kept."""

    __slots__ = ("key",)

    def __init__(self, cell: Cell, callback: Callable[[weakref.ref[Cell]], None]) -> None:
        super().__init__(cell, callback)  # type: ignore[call-arg] # typeshed gives weak references no __init__
        self.key = id(cell)


def _forget(reference: weakref.ref[Cell]) -> None:
    key = reference.key  # type: ignore[attr-defined]
    if _live.get(key) is reference:
        _live.pop(key, None)


_live: dict[int, _LiveCell] = {}
NO_CELL = Cell()
"""Stands for the cell of a context that has dispatched nothing yet; no thread's own."""
NO_CELL.thread = 0
_cell: ContextVar[Cell] = ContextVar("signal_monitor_cell", default=NO_CELL)


standing_cell = _cell.get
"""The cell of this context, be it another thread's; NO_CELL where nothing was dispatched yet. One C call."""


def current_cell() -> Cell:
    """This thread's cell, made on first use."""
    cell = _cell.get()
    if cell.thread != get_ident() and not cell.suppressed:
        cell = Cell(cell.origin, _inside(cell.top))
        _cell.set(cell)
    return cell


def _inside(place: Place) -> Place | None:
    """A place as the outer one of what is begun there; None where nothing is around it."""
    return place.outer if type(place) is Ground else place


def current_origin() -> Origin | None:
    """The request or task that this context dispatches for."""
    return _cell.get().origin


def begin_origin(origin: Origin) -> None:
    """Dispatch for a request or task from now on, in a cell that no other context shares.

    A cell that was made before tasks were parted is in all their contexts. A thread that such a task hands work to
    would take what another task's send is doing at that moment for its own parent.
    """
    before = _cell.get()
    origin.before = before
    _cell.set(Cell(origin, _inside(before.top), suppressed=before.suppressed))


def end_origin(origin: Origin) -> None:
    """Dispatch again for what was there before; what this request or task has left running goes on in its name."""
    _cell.set(origin.before or NO_CELL)
    origin.before = None


def enter_cell(cell: Cell) -> Cell:
    """Make a cell the current one; answers the cell to put back."""
    previous = _cell.get()
    _cell.set(cell)
    return previous


def leave_cell(previous: Cell) -> Cell:
    """Put back what enter_cell answered; answers the cell that was left."""
    left = _cell.get()
    _cell.set(previous)
    return left


@contextlib.contextmanager
def suppress() -> Iterator[None]:
    """Leave the signals dispatched in a block unobserved, those of receivers and of tasks started there included."""
    token = _cell.set(Cell(_cell.get().origin, suppressed=True))
    try:
        yield
    finally:
        _cell.reset(token)


def live_cells() -> list[Cell]:
    """Every cell that some context still holds, from whatever thread."""
    return [cell for reference in list(_live.values()) if (cell := reference()) is not None]


def forget_other_threads() -> None:
    """Drop the cells of threads that a fork has left behind in the parent."""
    mine = _cell.get()
    _live.clear()
    _live[id(mine)] = _LiveCell(mine, _forget)
