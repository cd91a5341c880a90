"""Nested dispatches that wait for the outermost one around them: a tree with nothing to tell is added up as a whole."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from signal_monitor.instrumentation.current import Record
from signal_monitor.instrumentation.record import (
    duration_of_times,
    has_only_times,
    info_of,
    lineage_of,
    outermost_of,
    sent_in,
)

HOLD_SECONDS = 0.25
MOST_HELD = 1_000
"""So many dispatches of one tree wait; a tree that has more is delivered one by one."""


class Member(NamedTuple):
    """A dispatch of a tree, and how many seconds each of its calls has spent in what it sent; empty if it sent none."""

    record: Record
    nested: Sequence[float]


@dataclass(slots=True)
class _Tree:
    """The nested dispatches of one outermost one, in the order of their ends."""

    since: float
    records: list[Record] = field(default_factory=list)


class Trees:
    """Holds the nested dispatches of each outermost one that runs."""

    def __init__(self) -> None:
        self._held: dict[int, _Tree] = {}

    def __len__(self) -> int:
        return sum(len(tree.records) for tree in list(self._held.values()))

    def forget(self) -> None:
        """Hold nothing: this is a forked child."""
        self._held.clear()

    def hold(self, record: Record) -> bool:
        """Hold a nested dispatch that has ended; False if it, or what it is part of, is delivered one by one."""
        if not has_only_times(record):
            return False
        outermost = outermost_of(record)
        if outermost is None or lineage_of(outermost) is not None:
            return False
        tree = self._held.get(id(outermost))
        if tree is None:
            tree = self._held[id(outermost)] = _Tree(time.monotonic())
        elif len(tree.records) >= MOST_HELD:
            return False
        tree.records.append(record)
        return True

    def release(self, record: Record) -> list[Record]:
        """Hold the dispatches around and beside a dispatch no longer, and return them."""
        outermost = outermost_of(record) if self._held else None
        tree = self._held.pop(id(outermost), None) if outermost is not None else None
        return tree.records if tree is not None else []

    def release_old(self, seconds: float = HOLD_SECONDS) -> list[Record]:
        """The dispatches that have been held for so long: what is around them may run for a long time."""
        before = time.monotonic() - seconds
        due = [key for key, tree in self._held.items() if tree.since <= before]
        return [record for key in due for record in self._held.pop(key).records]


def members_of(records: Sequence[Record]) -> list[Member] | None:
    """The dispatches of a tree, its outermost one last; None if a receiver has run inside itself.

    The time of such a receiver is not what its calls add up to.
    """
    sent: dict[int, list[float]] = {}
    around: dict[int, tuple[str, ...]] = {}
    for record in reversed(records):
        place = sent_in(record)
        if place is None:
            around[id(record)] = ()
            continue
        parent, position = place
        receivers = info_of(parent).receivers
        names = around[id(record)] = (*around[id(parent)], receivers[position].name)
        if not info_of(record).receiver_names.isdisjoint(names):
            return None
        seconds = sent.get(id(parent))
        if seconds is None:
            seconds = sent[id(parent)] = [0.0] * len(receivers)
        seconds[position] += duration_of_times(record)
    return [Member(record, sent.get(id(record), _NONE)) for record in records]


_NONE: Sequence[float] = ()
