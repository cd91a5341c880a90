"""Receiver calls that have begun and not ended, read from the state of every thread and task."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from types import FrameType

from signal_monitor.errors import attempt, done_for_each
from signal_monitor.instrumentation.current import ExecutionState, Record, live_states
from signal_monitor.instrumentation.plans import UNOBSERVED
from signal_monitor.instrumentation.record import ancestors, call_times, has_ended, info_of
from signal_monitor.records import RunningCall, Wait

from .converter import RecordConverter
from .intervals import nanoseconds
from .lineages import give_lineage
from .observer import Observer
from .stacks import is_in_thread, stack_of
from .waits import wait_of

CallKey = tuple[int, int]
Position = tuple[object, int]
"""The innermost line of a stack, and the instruction at which its frame is."""
MAX_RUNNING = 100
"""Running calls that a process reports at most: those that have been running longest."""
NOTABLE_NS = 50_000_000
"""The time from which a running receiver call is shown."""
MAX_NESTED = 100
"""The number of nested calls that are looked at in each thread and task, from the innermost one on."""


def running_calls(converter: RecordConverter) -> tuple[RunningCall, ...]:
    """The receiver calls of this process that have been running for a while, longest first."""
    running = [
        (record, index, state)
        for state in live_states()
        for record, index in _calls_of(state)
        if _running_ns(record, index) >= NOTABLE_NS
    ]
    if not running:
        return ()
    running.sort(key=lambda item: _running_ns(*item[:2]), reverse=True)
    del running[MAX_RUNNING:]
    for record, _, _ in running:
        give_lineage(record)
    threads = sys._current_frames()  # noqa: SLF001 - the documented way to another thread's stack
    try:
        calls = done_for_each("a running call", lambda call: converter.running(*call, threads), running)
    finally:
        threads.clear()  # it holds this very frame too: a cycle that would keep the application's locals alive
    found = {(call.dispatch_id, call.index): call for call in calls if call is not None}
    return tuple(sorted(found.values(), key=lambda call: call.running_ns, reverse=True))


class CallSampler(Observer):
    """Takes the stacks of receiver calls that run beyond their limit, so that the slow line is stored with the call.

    A call that goes on is seen again whenever it has run twice as long; the last stack is kept. What it waits for is
    known when it is at the same place a moment later: a single stack may be that of a call that has just been made.
    """

    def __init__(self, converter: RecordConverter) -> None:
        self._converter = converter
        self._maybe: dict[CallKey, tuple[Wait, Position]] = {}

    def forget(self) -> None:
        """Start again in a forked child."""
        self._maybe = {}

    def watch(self) -> None:
        """Take the stacks that are due."""
        due = [
            (record, index, state)
            for state in live_states()
            for record, index in _calls_of(state, most=1)  # the others do not run while this one does
            if self._is_due(record, index)
        ]
        if not due:
            self._maybe.clear()
            return
        maybe, self._maybe = self._maybe, {}
        threads = sys._current_frames()  # noqa: SLF001 - the documented way to another thread's stack
        try:
            for call in due:
                attempt("CallSampler", "watch", lambda one: self._see_one(*one, threads, maybe), call)
        finally:
            threads.clear()  # as in running_calls

    def _see_one(
        self,
        record: Record,
        index: int,
        state: ExecutionState,
        threads: Mapping[int, FrameType],
        maybe: Mapping[CallKey, tuple[Wait, Position]],
    ) -> None:
        give_lineage(record)
        self._see(record, index, state, threads.get(state.thread), maybe.get((id(record), index)))

    def _see(
        self,
        record: Record,
        index: int,
        state: ExecutionState,
        thread: FrameType | None,
        before: tuple[Wait, Position] | None,
    ) -> None:
        """Note the stack of a call; what it waits for, if it did so at the same place ``before``."""
        lines, is_running = stack_of(state.top, thread), is_in_thread(state.top)
        innermost = thread if is_running else None
        position = (lines[-1] if lines else None, innermost.f_lasti if innermost is not None else 0)
        wait = wait_of(lines, innermost)
        if before is None:
            self._converter.note_stack(record, index, lines)
            if wait is not None:
                self._maybe[id(record), index] = wait, position
        elif (wait, position) == before:
            self._converter.note_wait(record, index, before[0])

    def _is_due(self, record: Record, index: int) -> bool:
        if (id(record), index) in self._maybe:
            return True
        running_ns = _running_ns(record, index)
        return running_ns >= max(
            1, info_of(record).receivers[index].slow_ns, 2 * self._converter.seen_ns(record, index)
        )


def _calls_of(state: ExecutionState, most: int | None = None) -> Iterator[tuple[Record, int]]:
    """The receiver calls that a thread or task is in, innermost first."""
    if state.suppressed or (state.origin is not None and state.origin.ignored):
        return
    for record, index, _ in ancestors(state.top, time.perf_counter(), MAX_NESTED if most is None else most):
        if index is not None and info_of(record) is not UNOBSERVED and not has_ended(record):
            yield record, index


def _running_ns(record: Record, index: int) -> int:
    """How long a receiver call has been running; 0 if it has not begun, or has ended."""
    calls = call_times(record)
    if index >= len(calls) or calls[index].ended or not calls[index].started:
        return 0
    return nanoseconds(time.perf_counter() - calls[index].started)


def count_running() -> Counter[tuple[str, str]]:
    """How many calls of each receiver have begun and not ended, by the names of signal and receiver."""
    running = {(id(record), index): record for state in live_states() for record, index in _calls_of(state)}
    return Counter(
        (info_of(record).signal.name, info_of(record).receivers[index].name)
        for (_, index), record in running.items()
        if _running_ns(record, index) > 0
    )
