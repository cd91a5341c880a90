"""One dispatch under way: what the send methods note while their receivers run.

Times are readings of ``time.perf_counter_ns``; 0 stands for "not yet".
"""

from __future__ import annotations

import asyncio
from time import perf_counter, perf_counter_ns
from typing import TYPE_CHECKING, Any, cast

from django.dispatch import dispatcher

from signal_monitor.records import Method, Outcome

from .capture import Lines, RawFailure, caller_lines, failure_of
from .catalogue import ReceiverInfo, SignalInfo, catalogue
from .cells import Cell, Ground
from .outbox import outbox
from .places import (
    FIRST_END,
    NUMBER,
    PLACE,
    SHAPE,
    STARTED,
    Counted,
    Lineage,
    calls_around,
    ends_of,
    lineage,
    next_number,
    number_of,
)
from .probes import probes
from .remarks import Remarks

if TYPE_CHECKING:
    from .plans import Record
    from .traces import DispatchTrace


class LateCall:
    """A receiver call that ended after its dispatch had."""

    __slots__ = ("dispatch", "ended_ns", "failure", "index")

    def __init__(self, dispatch: ActiveDispatch, index: int, ended_ns: int, failure: RawFailure | None) -> None:
        self.dispatch = dispatch
        self.index = index
        self.ended_ns = ended_ns
        self.failure = failure


class ActiveDispatch:
    """What is noted of one dispatch; it is queued for the worker when it ends.

    It holds names and numbers, never the signal, a sender, a receiver or an exception. ``starts`` and ``ends`` have
    one reading per receiver, synchronous receivers first; ``outcomes`` has those that are not ok. ``async_calls`` is
    set where the order is another: in a send method of the application's own.
    """

    __slots__ = (
        "async_calls",
        "blocked_loop",
        "depth",
        "ended_ns",
        "ends",
        "failure",
        "failures",
        "in_transaction",
        "lines",
        "method",
        "number",
        "origin",
        "outcomes",
        "parent_index",
        "parent_number",
        "queries",
        "receivers",
        "root_number",
        "sender",
        "signal",
        "started_ns",
        "starts",
        "sync_count",
        "thread",
        "trace",
    )

    def __init__(
        self,
        signal: SignalInfo,
        sender: str,
        method: Method,
        receivers: tuple[ReceiverInfo, ...],
        sync_count: int,
        cell: Cell,
    ) -> None:
        self.number = next_number()
        self.signal = signal
        self.sender = sender
        self.method = method
        self.receivers = receivers
        self.sync_count = sync_count
        self.async_calls: set[int] | None = None
        self.starts = [0] * len(receivers)
        self.ends = [0] * len(receivers)
        self.outcomes: dict[int, Outcome] = {}
        self.failures: dict[int, RawFailure] = {}
        self.failure: RawFailure | None = None
        self.lines: Lines = ()
        self.trace: DispatchTrace | None = None
        self.in_transaction: bool | None = None
        self.queries: dict[int, tuple[int, int]] = {}
        # A plain send on the thread of a running loop holds that loop up until its last receiver has returned.
        self.blocked_loop: bool | None = method in _PLAIN and asyncio._get_running_loop() is not None  # noqa: SLF001
        if type(cell.top) is Ground and cell.top.outer is None:
            self.origin, self.thread = cell.origin, cell.top.thread_name
            self.depth, self.root_number = 0, self.number
            self.parent_number: int | None = None
            self.parent_index: int | None = None
        else:
            self._place(lineage(cell.top, perf_counter()))
        self.ended_ns = 0
        self.started_ns = perf_counter_ns()

    def _place(self, around: Lineage) -> None:
        self.origin = around.origin
        self.thread = around.thread_name
        self.depth = around.depth
        self.parent_number, self.parent_index = around.parent_number, around.parent_index
        self.root_number = around.root_number or self.number

    @classmethod
    def of(cls, record: Record, *, numbered: bool = True) -> ActiveDispatch:
        """What the record of a planned dispatch says, be it under way or at its end.

        One that has no number yet stays ordinary if it is not ``numbered``; of what is around it, the depth is told.
        """
        self = cls.__new__(cls)
        shape, place, ends = record[SHAPE], record[PLACE], ends_of(record)
        self.number = number_of(record) if numbered else record[NUMBER]
        self.signal, self.sender, self.method, self.receivers = (
            shape.signal,
            shape.sender,
            shape.method,
            shape.receivers,
        )
        self.sync_count = count = len(shape.receivers)
        self.async_calls = None
        self.lines, self.failure, self.failures, self.outcomes = (), None, {}, {}
        self.trace = cast("DispatchTrace | None", None)
        self.in_transaction = self.blocked_loop = None
        self.queries = place.queries if type(place) is Counted else {}
        self._take(record[FIRST_END + len(ends) :])
        if numbered:
            self._place(lineage(place, record[STARTED]))
        else:
            self.depth = sum(1 for _ in calls_around(place))
        times = [round(reading * 1e9) for reading in (record[STARTED], *ends)]
        self.started_ns = times[0]
        self.starts = [*times, *[0] * count][:count]
        self.ends = [*times[1:], *[0] * count][:count]
        self.ended_ns = times[-1] if len(ends) == count or self.outcomes else 0
        if self.ended_ns and len(ends) < count:
            self.starts[len(ends) :] = [0] * (count - len(ends))
            self.outcomes.update(dict.fromkeys(range(len(ends), count), "not_run"))
        if self.trace is not None:
            self.trace.end(self)
        return self

    def _take(self, tail: list[Any]) -> None:
        """What stands after the times of a planned dispatch: its spans, and what was out of the ordinary."""
        for item in tail:
            if type(item) is not Remarks:
                self.trace = item
                continue
            self.outcomes, self.failures, self.failure = dict(item.outcomes), item.failures, item.failure
            self.lines, self.in_transaction, self.blocked_loop = item.lines, item.in_transaction, item.blocked_loop

    @property
    def is_robust(self) -> bool:
        """Whether exceptions of receivers are answered to the caller."""
        return self.method in _ROBUST

    def add(self, receiver: object, *, is_async: bool) -> int:
        """Note a receiver that was not known when the dispatch began; answers its position."""
        index = len(self.receivers)
        self.receivers += (catalogue.receiver(receiver),)
        self.starts.append(0)
        self.ends.append(0)
        if is_async and self.async_calls is not None:
            self.async_calls.add(index)
        return index

    def was_due(self, index: int) -> bool:
        """Whether a receiver was to be called; a send method of the application's own may pass over some."""
        return self.async_calls is None or self.starts[index] > 0

    def is_async(self, index: int) -> bool:
        """Whether a receiver call is one of an async receiver."""
        return index >= self.sync_count if self.async_calls is None else index in self.async_calls

    @property
    def failed(self) -> bool:
        """Whether any receiver raised."""
        return self.failure is not None or bool(self.failures)

    def called(self) -> list[int]:
        """The positions of the receivers that were called."""
        return [index for index, started in enumerate(self.starts) if started]

    def notable_calls(self) -> list[int]:
        """The positions of the receiver calls that were slow, or did not simply return."""
        return [
            index
            for index in self.called()
            if index in self.outcomes or self._time_of(index) >= self.receivers[index].slow_ns
        ]

    def late_calls(self) -> frozenset[int]:
        """The positions of the receiver calls that went on when the dispatch had ended, or may begin even then."""
        return frozenset(
            index
            for index, outcome in self.outcomes.items()
            if outcome == "late" or (outcome == "not_run" and self._may_begin(index))
        )

    def _may_begin(self, index: int) -> bool:
        """Whether a receiver that was not called yet may be called though its dispatch has ended."""
        if not BEGIN_LATER or self.method in _PLAIN:
            return False
        return self.is_async(index) or "raised" not in map(self.outcomes.get, range(self.sync_count))

    def _time_of(self, index: int) -> int:
        return (self.ends[index] or self.ended_ns) - self.starts[index]

    def is_slow(self) -> bool:
        """Whether the dispatch as a whole was slow."""
        return self.ended_ns - self.started_ns >= self.signal.slow_ns

    def close(self, index: int, outcome: Outcome = "ok", error: BaseException | None = None) -> None:
        """Note that a receiver call has ended, and how."""
        now = perf_counter_ns()
        if self.ended_ns:
            outbox.append(LateCall(self, index, now, failure_of(error) if error is not None else None), self.trace)
            return
        self.ends[index] = now
        if outcome != "ok":
            self.outcomes[index] = outcome
        if error is not None:
            self.failures[index] = failure_of(error)

    def finish(self) -> None:
        """Note that the dispatch has ended, and queue it."""
        signal = self.signal
        for index, ended in enumerate(self.ends):
            if not ended and (self.starts[index] or self.async_calls is None):
                self.outcomes.setdefault(index, "late" if self.starts[index] else "not_run")
        self.ended_ns = perf_counter_ns()
        if self.sender not in signal.seen or probes.looks_closely or self._is_notable():
            self.lines = caller_lines()
            if len(signal.seen) < MAX_SEEN:
                signal.seen.add(self.sender)
        if self.trace is not None:
            self.trace.end(self)
        if self.origin is None or self.origin.lets_go(self):
            outbox.append(self, self.trace)

    def _is_notable(self) -> bool:
        return self.failed or self.is_slow() or bool(catalogue.limits.by_pattern and self.notable_calls())


# Up to Django 6.0 the receivers of an asend go on, in their thread and tasks, whatever has become of the dispatch.
BEGIN_LATER = not hasattr(dispatcher, "_run_parallel")
_PLAIN = frozenset({"send", "send_robust"})
_ROBUST = frozenset({"send_robust", "asend_robust"})
MAX_SEEN = 1_000
