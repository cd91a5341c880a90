"""Gives dispatches their lineage: numbers of their own, and what they are nested in."""

from __future__ import annotations

import itertools

from signal_monitor.instrumentation.current import Record
from signal_monitor.instrumentation.record import (
    Lineage,
    custom_sends_around,
    lineage_of,
    parent_of,
    root_of,
    set_lineage,
)

_numbers = itertools.count(1)


def give_lineage(record: Record) -> None:
    """Give a dispatch its lineage, and before it to those around it that have none yet."""
    chain = []
    step: Record | None = record
    while step is not None and lineage_of(step) is None:
        chain.append(step)
        parent = parent_of(step)
        step = parent.record if parent is not None else None
    for step in reversed(chain):
        _set_lineage(step)


def _set_lineage(record: Record) -> None:
    """Give a dispatch its lineage: that of the custom send that has made it, if no other dispatch has taken it."""
    around = custom_sends_around(record)
    lineage = lineage_of(around[-1]) if around else None
    if lineage is None or lineage.shared:
        lineage = _new_lineage(record)
    set_lineage(record, lineage._replace(base=root_of(record)))
    for custom in around:
        set_lineage(custom, lineage._replace(base=root_of(custom), shared=True))


def _new_lineage(record: Record) -> Lineage:
    parent, number = parent_of(record), next(_numbers)
    around = lineage_of(parent.record) if parent is not None else None
    if parent is None or around is None:
        return Lineage(number, number)
    return Lineage(number, around.root, around.depth + 1, around.number, parent.position, sent_by=parent.sent_by)


def unshare_lineage(record: Record) -> None:
    """Give a custom send a lineage of its own: it is delivered beside the dispatches that it has made."""
    lineage = lineage_of(record)
    if lineage is not None and lineage.shared:
        set_lineage(record, _new_lineage(record)._replace(base=root_of(record)))
