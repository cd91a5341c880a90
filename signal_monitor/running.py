"""What has begun and not ended: read from the live cells of every thread, while it still runs."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterator

from .expansion import Expander
from .instrumentation.cells import Cell, live_cells
from .instrumentation.dispatch import ActiveDispatch
from .instrumentation.places import FIRST_END, PLACE, SHAPE, Position, calls_around, is_under_way, number_of
from .instrumentation.plans import Record
from .instrumentation.stepping import begun_cells
from .records import RunningCall

NOTABLE_NS = 50_000_000
"""From how long on a running receiver call is worth a row."""


def running_calls(expander: Expander) -> tuple[RunningCall, ...]:
    """The receiver calls of this process that have been running for a while, longest first."""
    standing = [
        (position, cell)
        for cell in (*live_cells(), *begun_cells())
        for position in _positions(cell)
        if _is_notable(position)
    ]
    if not standing:
        return ()
    threads = sys._current_frames()  # noqa: SLF001 - the documented way to another thread's stack
    try:
        calls = [expander.running(position, cell, threads) for position, cell in standing]
    finally:
        threads.clear()  # it holds this very frame too: a circle that would keep the application's locals alive
    found = {(call.dispatch_id, call.index): call for call in calls if call is not None}
    return tuple(sorted(found.values(), key=lambda call: call.running_ns, reverse=True))


def _positions(cell: Cell) -> Iterator[Position]:
    """The receiver calls that a thread or task stands in, innermost first."""
    for call in calls_around(cell.top):
        if isinstance(call, Position):
            yield call
        else:
            number_of(call)  # of the record itself: what is read here is a copy, while it goes on
            dispatch = ActiveDispatch.of(list(call))
            yield Position(dispatch, sum(1 for end in dispatch.ends if end), call[PLACE])


def _is_notable(position: Position) -> bool:
    dispatch, index = position.dispatch, position.index
    if not 0 <= index < len(dispatch.starts) or dispatch.ends[index] or not dispatch.starts[index]:
        return False
    return time.perf_counter_ns() - dispatch.starts[index] >= NOTABLE_NS


def count_running() -> Counter[tuple[str, str]]:
    """How many calls of each receiver have begun and not ended: by the names of signal and receiver."""
    standing = {(id(call), names) for cell in (*live_cells(), *begun_cells()) for call, names in _named(cell)}
    return Counter(names for _, names in standing)


def _named(cell: Cell) -> Iterator[tuple[Position | Record, tuple[str, str]]]:
    for call in calls_around(cell.top):
        if isinstance(call, Position):
            dispatch, index = call.dispatch, call.index
            if 0 <= index < len(dispatch.starts) and dispatch.starts[index] and not dispatch.ends[index]:
                yield call, (dispatch.signal.name, dispatch.receivers[index].name)
        elif is_under_way(call):
            shape, index = call[SHAPE], len(call) - FIRST_END
            if index < len(shape.receivers):  # else it has ended this moment
                yield call, (shape.signal.name, shape.receivers[index].name)
