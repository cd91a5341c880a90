"""Where a thread or task stands: on its ground, or in a receiver call of a dispatch, inside another place.

A planned dispatch is a place itself, while it is under way: its record is a list, and which receiver call it is in is
told by how many have ended. Any other has a position of its own for each receiver call.
"""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections.abc import Coroutine, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from .cells import Ground, standing_cell

if TYPE_CHECKING:
    from .dispatch import ActiveDispatch
    from .origins import Origin
    from .plans import Record

# The entries of a planned dispatch's record: its shape, the place that sent it, its number (0 while nobody has asked),
# when it began, when each receiver call ended, and at the very end what was out of the ordinary, if anything.
SHAPE, PLACE, NUMBER, STARTED, FIRST_END = range(5)

FOLDED = -1
"""The number of a dispatch that was added up with others: no record is its own, and none is its child."""
_numbers = itertools.count(1)
next_number = _numbers.__next__
_claims: dict[int, int] = {}


class Position:
    """In which receiver call of which dispatch a thread or task stands, inside which other place."""

    __slots__ = ("awaited", "dispatch", "index", "outer")

    def __init__(self, dispatch: ActiveDispatch, index: int, outer: Place) -> None:
        self.dispatch = dispatch
        self.index = index
        self.outer = outer
        self.awaited: Coroutine[Any, Any, Any] | None = None


class Counted:
    """The place of a planned dispatch whose receivers run queries: ``queries`` has their number and time by index."""

    __slots__ = ("outer", "queries")

    def __init__(self, outer: Place) -> None:
        self.outer = outer
        self.queries: dict[int, tuple[int, int]] = {}


Place = Ground | Position | Counted | list[Any]


class Lineage(NamedTuple):
    """Whose child a dispatch is: the receiver call that sent it, the outermost dispatch, and for what."""

    origin: Origin | None
    thread_name: str
    depth: int = 0
    parent_number: int | None = None
    parent_index: int | None = None
    root_number: int | None = None


def calls_around(place: Place) -> Iterator[Position | Record]:
    """The receiver calls that a place is in, innermost first."""
    step: Place | None = place
    while step is not None:
        if isinstance(step, list):
            yield step
            step = step[PLACE]
        else:
            if isinstance(step, Position):
                yield step
            step = step.outer


def ground_of(place: Place) -> Ground:
    """What a place stands on: the innermost ground around it."""
    while not isinstance(place, Ground):
        place = place[PLACE] if isinstance(place, list) else place.outer
    return place


def lineage(place: Place, started: float) -> Lineage:
    """Whose child a dispatch is that was sent from a place, at a reading of ``time.perf_counter``."""
    ground = ground_of(place)
    around = [call for call in calls_around(place) if not (isinstance(call, list) and call[NUMBER] == FOLDED)]
    if not around:
        return Lineage(ground.origin, ground.thread_name)
    parent, root = around[0], around[-1]
    return Lineage(
        ground.origin,
        ground.thread_name,
        len(around),
        number_of(parent),
        running_at(parent, started) if isinstance(parent, list) else parent.index,
        number_of(root),
    )


def running_at(record: Record, reading: float) -> int:
    """Which receiver call of a planned dispatch was running then; the last one, if all had ended."""
    count = len(record[SHAPE].receivers)
    return min(bisect_right(ends_of(record), reading), count - 1)


def ends_of(record: Record) -> list[float]:
    """When the receiver calls of a planned dispatch ended, as far as they have."""
    return [end for end in record[FIRST_END : FIRST_END + len(record[SHAPE].receivers)] if type(end) is float]


def is_under_way(record: Record) -> bool:
    """Whether a planned dispatch still runs: it has receivers to call, and nothing was added to its times."""
    return type(record[-1]) is float and len(record) < FIRST_END + len(record[SHAPE].receivers)


def number_of(call: Position | Record) -> int:
    """The number of the dispatch that a receiver call is in; a planned one gets its own when somebody first asks."""
    if not isinstance(call, list):
        return call.dispatch.number
    number: int = call[NUMBER]
    if not number:
        claimed = _claims.setdefault(id(call), next_number())
        # Who claims after the number was settled, and the claim let go, finds it in the record.
        number = call[NUMBER] = call[NUMBER] or claimed
        _claims.pop(id(call), None)
    return number


def forget_claims() -> None:
    """Let go of claims under way, in a forked child: their threads are the parent's."""
    _claims.clear()


def number_all_around(record: Record) -> None:
    """Give their numbers to the dispatches around one, so that none of them is folded: it is their child."""
    for call in calls_around(record[PLACE]):
        number_of(call)


def standing_call() -> Position | Record | None:
    """The receiver call that this thread or task is in, if it is one of a dispatch that has not ended."""
    call = next(calls_around(standing_cell().top), None)
    if call is None:
        return None
    under_way = is_under_way(call) if isinstance(call, list) else not call.dispatch.ended_ns
    return call if under_way else None


def note_query(call: Position | Record, duration_ns: int) -> None:
    """Count a query that a receiver call ran itself."""
    if isinstance(call, list):
        if not isinstance(call[PLACE], Counted):
            call[PLACE] = Counted(call[PLACE])
        queries, index = call[PLACE].queries, len(call) - FIRST_END
    else:
        queries, index = call.dispatch.queries, call.index
    count, total_ns = queries.get(index, (0, 0))
    queries[index] = (count + 1, total_ns + duration_ns)
