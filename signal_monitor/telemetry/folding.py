"""Spans that stand for many dispatches: those for which their traces had no room, or that were too quick.

One span stands for the ordinary dispatches of one signal, sender and method under one parent. It begins with the first
of them, ends with the last, and says how many there were and how long they took. Elastic's agents call such a span
composite.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from opentelemetry.trace import SpanContext

from signal_monitor.instrumentation.places import FIRST_END, SHAPE, STARTED

from .content import (
    AGGREGATED_DISPATCHES,
    AGGREGATED_DISPATCHES_TIME,
    FAILED,
    METHOD,
    RECEIVERS,
    SENDER,
    SIGNAL,
    Attributes,
    aggregated_attributes,
    dispatch_name,
)
from .ordinary import hand_over, limited, make_span

if TYPE_CHECKING:
    from collections.abc import Sequence

    from signal_monitor.instrumentation.plans import Record
    from signal_monitor.records import Dispatch

    from .parents import Parent

WAIT_SECONDS = 1.0
MAX_WAITING = 1_000


class Folded(NamedTuple):
    """Dispatches of one kind to be folded: their names, when the first began and the last ended, and their times.

    Times are in nanoseconds, ``started_ns`` and ``ended_ns`` since the epoch.
    """

    names: tuple[str, str, str]
    started_ns: int
    ended_ns: int
    dispatches: int
    total_ns: int
    calls: int
    calls_ns: int


def folded_dispatch(dispatch: Dispatch, started_ns: int) -> Folded:
    """A single dispatch, of which none of the calls is late or failed."""
    return Folded(
        (dispatch.signal, dispatch.sender, dispatch.method),
        started_ns,
        started_ns + dispatch.duration_ns,
        1,
        dispatch.duration_ns,
        len(dispatch.calls),
        sum(call.duration_ns for call in dispatch.calls),
    )


def folded_records(records: Sequence[Record], epoch_ns: int) -> Folded:
    """Ordinary dispatches of one shape, straight from their records; one receiver begins when the last has ended."""
    shape = records[0][SHAPE]
    started, *ends = list(zip(*records, strict=False))[STARTED : FIRST_END + len(shape.receivers)]
    total_ns = round((sum(ends[-1]) - sum(started)) * 1e9)
    return Folded(
        (shape.signal.name, shape.sender, shape.method),
        epoch_ns + round(min(started) * 1e9),
        epoch_ns + round(max(ends[-1]) * 1e9),
        len(records),
        total_ns,
        len(records) * len(shape.receivers),
        total_ns,
    )


@dataclass(slots=True)
class Sum:
    """The dispatches folded so far under one parent."""

    parent: Parent
    names: tuple[str, str, str]
    started_ns: int
    began: float
    ended_ns: int = 0
    dispatches: int = 0
    total_ns: int = 0
    calls: int = 0
    calls_ns: int = 0

    def add(self, folded: Folded) -> None:
        """Take in more."""
        self.started_ns = min(self.started_ns, folded.started_ns)
        self.ended_ns = max(self.ended_ns, folded.ended_ns)
        self.dispatches += folded.dispatches
        self.total_ns += folded.total_ns
        self.calls += folded.calls
        self.calls_ns += folded.calls_ns

    def attributes(self) -> Attributes:
        """What the span says."""
        signal, sender, method = self.names
        return {
            SIGNAL: signal,
            METHOD: method,
            SENDER: sender,
            RECEIVERS: self.calls,
            FAILED: 0,
            **aggregated_attributes(self.calls, self.calls_ns),
            AGGREGATED_DISPATCHES: self.dispatches,
            AGGREGATED_DISPATCHES_TIME: self.total_ns / 1e9,
        }

    def write(self) -> None:
        """Make the span."""
        name, parent = dispatch_name(self.names[0]), self.parent
        if not parent.light:
            span = parent.start_span(name, self.started_ns)
            span.set_attributes(self.attributes())
            span.end(self.ended_ns)
            return
        tracer, above = parent.tracer, parent.ids
        span_id = tracer.id_generator.generate_span_id()
        ids = SpanContext(above.trace_id, span_id, False, above.trace_flags, above.trace_state)  # noqa: FBT003
        attributes = limited(self.attributes(), tracer)
        finished = make_span(name, ids, above, tracer.resource, attributes, self.started_ns, self.ended_ns)
        hand_over(tracer.span_processor.on_end, finished)


class Folding:
    """Adds up what is folded, and writes it when WAIT_SECONDS have passed."""

    def __init__(self) -> None:
        self._sums: dict[tuple[int, int, str, str, str], Sum] = {}

    def add(self, parent: Parent, folded: Folded) -> None:
        """Aggregate dispatches that were to hang under a parent."""
        place = (parent.ids.trace_id, parent.ids.span_id, *folded.names)
        known = self._sums.get(place)
        if known is None:
            if len(self._sums) >= MAX_WAITING:
                self.write(0)
            known = self._sums[place] = Sum(parent, folded.names, folded.started_ns, time.monotonic())
        known.add(folded)

    def write(self, wait_seconds: float = WAIT_SECONDS) -> None:
        """Write what has waited so long."""
        before = time.monotonic() - wait_seconds
        for place in [place for place, known in self._sums.items() if known.began <= before]:
            self._sums.pop(place).write()

    def forget(self) -> None:
        """Write nothing of it: it is the parent process's."""
        self._sums.clear()
