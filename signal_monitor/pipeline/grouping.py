"""Decides which dispatches are delivered one by one, and which are added up with others."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence

from signal_monitor.instrumentation.current import Record
from signal_monitor.instrumentation.info import DispatchInfo
from signal_monitor.instrumentation.record import (
    info_of,
    is_outermost,
    is_routine,
    mark_aggregated,
    shared_failure,
)

from .chunks import weight_of
from .lineages import give_lineage
from .routine import Group, RoutineDispatches
from .trees import Trees, members_of


class Grouping:
    """Takes what is queued, in chunks, and returns what is to be delivered: groups and single items.

    Routine dispatches without spans wait for more of their kind, and nested ones for the outermost one around them.
    """

    def __init__(self) -> None:
        self._routine = RoutineDispatches()
        self._trees = Trees()

    def __len__(self) -> int:
        return len(self._routine) + len(self._trees)

    def forget(self) -> None:
        """Hold nothing: this is a forked child."""
        self._routine.forget()
        self._trees.forget()

    def add(self, items: Sequence[object], wanted: int) -> list[object]:
        """What is delivered now of some more items, of which observers want so many one by one."""
        chunk = _Chunk(wanted)
        for item in items:
            if not isinstance(item, list):
                chunk.single.append(item)
            elif is_outermost(item):
                self._add_outermost(item, chunk)
            elif not self._trees.hold(item):
                chunk.single += one_by_one([*self._trees.release(item), item])
        held = self._routine
        groups = [Group(info, records) for info, records in chunk.routine.items() if not held.hold(info, records)]
        groups += [Group(info_of(several[0]), several) for several in chunk.alike.values()]
        return [*groups, *chunk.single]

    def _add_outermost(self, record: Record, chunk: _Chunk) -> None:
        nested = self._trees.release(record)
        if is_routine(record):
            if chunk.wanted > 0:
                chunk.wanted -= sum(map(weight_of, nested), weight_of(record))
            elif not nested:
                chunk.routine[mark_aggregated(record)].append(record)
                return
            elif (members := members_of([*nested, record])) is not None:
                self._routine.hold_tree(members)
                return
        elif not nested and (shared := shared_failure(record)) is not None and not shared.admits(chunk.began):
            mark_aggregated(record)
            chunk.alike[id(shared)].append(record)
            return
        chunk.single += one_by_one([*nested, record])

    def due(self, *, all_routine: bool = False) -> list[object]:
        """What has waited for long enough; ``all_routine`` dispatches do not wait for more, because none come."""
        groups = self._routine.take() if all_routine or self._routine.are_due else []
        return [*groups, *one_by_one(self._trees.release_old())]

    def take_routine(self) -> list[Group]:
        """All dispatches that wait for more of their kind."""
        return self._routine.take()

    def take_all(self) -> list[object]:
        """Everything that waits."""
        nested = one_by_one(self._trees.release_old(0.0))
        return [*self._routine.take(), *nested]


class _Chunk:
    """Items that were taken from the queue together, as far as they are delivered now."""

    def __init__(self, wanted: int) -> None:
        self.wanted = wanted
        self.began = time.monotonic()
        self.single: list[object] = []
        self.routine: defaultdict[DispatchInfo, list[Record]] = defaultdict(list)
        self.alike: defaultdict[int, list[Record]] = defaultdict(list)


def one_by_one(records: list[Record]) -> list[Record]:
    """The same dispatches; those around a nested one, which come later, are not added up then."""
    for record in records:
        if not is_outermost(record):
            give_lineage(record)
    return records
