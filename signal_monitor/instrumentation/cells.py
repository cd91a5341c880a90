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
    from .dispatch import Position


class Cell:
    """The innermost receiver call of one thread or task, and what else holds for all it dispatches."""

    __slots__ = ("__weakref__", "suppressed", "thread", "thread_name", "top")

    def __init__(self, top: Position | None = None, *, suppressed: bool = False) -> None:
        self.top = top
        self.suppressed = suppressed
        self.thread = get_ident()
        self.thread_name = threading.current_thread().name
        _live[id(self)] = _LiveCell(self, _forget)


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
_cell: ContextVar[Cell | None] = ContextVar("signal_monitor_cell", default=None)


standing_cell = _cell.get
"""The cell of this context, be it another thread's; None where nothing was dispatched yet. One C call."""


def current_cell() -> Cell:
    """This thread's cell, made on first use."""
    cell = _cell.get()
    if cell is None:
        cell = Cell()
        _cell.set(cell)
    elif cell.thread != get_ident():
        cell = Cell(cell.top, suppressed=cell.suppressed)
        _cell.set(cell)
    return cell


def standing_position() -> Position | None:
    """The receiver call that this thread or task is in, if it is one of a dispatch that has not ended."""
    cell = _cell.get()
    if cell is None or cell.suppressed:
        return None
    position = cell.top
    return None if position is None or position.dispatch.ended_ns else position


def enter_cell(cell: Cell) -> Cell | None:
    """Make a cell the current one; answers the cell to put back."""
    previous = _cell.get()
    _cell.set(cell)
    return previous


def leave_cell(previous: Cell | None) -> Cell | None:
    """Put back what enter_cell answered; answers the cell that was left."""
    left = _cell.get()
    _cell.set(previous)
    return left


def renew_cell() -> None:
    """Give this thread or task a cell that no other shares: a request begins.

    A cell that was made before tasks were parted is in all their contexts. A thread that such a task hands work to
    would take what another task's send is doing at that moment for its own parent.
    """
    cell = current_cell()
    _cell.set(Cell(cell.top, suppressed=cell.suppressed))


@contextlib.contextmanager
def suppress() -> Iterator[None]:
    """Leave the signals dispatched in a block unobserved, those of receivers and of tasks started there included."""
    cell = Cell(suppressed=True)
    token = _cell.set(cell)
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
    if mine is not None:
        _live[id(mine)] = _LiveCell(mine, _forget)
