"""From what the hot path noted to records: names, wall-clock times, text of stacks. Runs in the worker."""

from __future__ import annotations

import itertools
import os
import sysconfig
import time
from array import array
from collections.abc import Iterable, Sequence
from operator import sub
from typing import TYPE_CHECKING, Any, cast

from .histograms import buckets_of
from .instrumentation.capture import Lines, RawFailure, stack_lines
from .instrumentation.places import FIRST_END, STARTED, ground_of
from .instrumentation.probes import probes
from .names import Apps
from .records import (
    Aggregate,
    AggregatedCalls,
    Amendment,
    Dispatch,
    Durations,
    Failure,
    Frame,
    ReceiverCall,
    RunningCall,
)
from .thresholds import severity

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import FrameType

    from .instrumentation.cells import Cell
    from .instrumentation.dispatch import ActiveDispatch, LateCall
    from .instrumentation.places import Position
    from .instrumentation.plans import Record, Shape
    from .process import ThisProcess

STDLIB = f"{sysconfig.get_path('stdlib')}{os.sep}"
LIBRARIES = (STDLIB, *{f"{sysconfig.get_path(name)}{os.sep}" for name in ("purelib", "platlib")})
SERVERS = tuple(f"{os.sep}{name}{os.sep}" for name in ("django", "asgiref", "channels", "daphne", "twisted", "uvicorn"))


def frames(lines: Lines) -> tuple[Frame, ...]:
    """The lines of a stack as text."""
    return tuple(Frame(code.co_filename, line or 0, code.co_qualname) for code, line in lines)


def failure(raw: RawFailure | None) -> Failure | None:
    """An exception as text."""
    return None if raw is None else Failure(raw.type, raw.message, frames(raw.lines))


def call_site(stack: Sequence[Frame]) -> Frame | None:
    """The innermost line of the application's own code; failing that, of an installed one that is no framework.

    None where only the framework or the server was at work, as around ``request_started``.
    """
    files = [frame for frame in reversed(stack) if not frame.path.startswith(("<", STDLIB))]
    own = next((frame for frame in files if not frame.path.startswith(LIBRARIES)), None)
    if own is not None:
        return own
    return next((frame for frame in files if not any(server in frame.path for server in SERVERS)), None)


class Expander:
    """Makes the records of one process."""

    def __init__(self, process: ThisProcess, apps: Apps | None = None) -> None:
        self.process = process
        self._apps = apps or Apps()
        self._epoch_ns = 0
        self.set_clock()

    def set_clock(self) -> None:
        """Compare the two clocks anew; the wall clock may have been set since."""
        self._epoch_ns = time.time_ns() - time.perf_counter_ns()

    def dispatch_id(self, number: int) -> str:
        """The id of one of this process's dispatches."""
        return f"{self.process.id}-{number:x}"

    def wall_clock(self, reading_ns: int) -> float:
        """A reading of the monotonic clock as seconds since the epoch."""
        return (self._epoch_ns + reading_ns) / 1e9

    def dispatch(self, raw: ActiveDispatch) -> Dispatch:
        """The record of a dispatch that has ended."""
        duration_ns = raw.ended_ns - raw.started_ns
        stack = frames(raw.lines)
        spans = cast("Any", raw.trace)
        return Dispatch(
            id=self.dispatch_id(raw.number),
            root_id=self.dispatch_id(raw.root_number),
            signal=raw.signal.name,
            sender=raw.sender,
            method=raw.method,
            started_at=self.wall_clock(raw.started_ns),
            duration_ns=duration_ns,
            calls=tuple(self.call(raw, index) for index in range(len(raw.receivers)) if raw.was_due(index)),
            parent_id=None if raw.parent_number is None else self.dispatch_id(raw.parent_number),
            parent_index=raw.parent_index,
            depth=raw.depth,
            severity=severity(duration_ns, raw.signal.slow_ns),
            origin_kind=raw.origin.kind if raw.origin else None,
            origin_id=raw.origin.id if raw.origin else None,
            process=self.process.id,
            thread=raw.thread,
            trace_id=spans.trace_id_hex if spans else None,
            span_id=spans.span_id_hex if spans else None,
            in_transaction=raw.in_transaction,
            blocked_loop=raw.blocked_loop,
            call_site=call_site(stack),
            stack=stack,
            failure=failure(raw.failure),
        )

    def call(self, raw: ActiveDispatch, index: int) -> ReceiverCall:
        """The record of one receiver call of a dispatch."""
        outcome = raw.outcomes.get(index, "ok")
        info, started = raw.receivers[index], raw.starts[index] if outcome != "not_run" else 0
        duration_ns = (raw.ends[index] or raw.ended_ns) - started if started else 0
        spans = cast("Any", raw.trace)
        queries = raw.queries.get(index, (0, 0)) if probes.counts_queries and started else (None, None)
        return ReceiverCall(
            receiver=info.name,
            index=index,
            outcome=outcome,
            offset_ns=started - raw.started_ns if started else 0,
            duration_ns=duration_ns,
            is_async=raw.is_async(index),
            severity=severity(duration_ns, info.slow_ns),
            failure=failure(raw.failures.get(index)),
            app=self._apps.of(info.module),
            path=info.path,
            line=info.line,
            queries=queries[0],
            query_ns=queries[1],
            span_id=spans.receiver_span_id_hex(index) if spans and outcome != "not_run" else None,
        )

    def aggregate(self, shape: Shape, records: Sequence[Record]) -> Aggregate:
        """Ordinary planned dispatches of one shape, added up."""
        columns = list(zip(*records, strict=False))  # what stands after the times is of no account here
        times = columns[STARTED : FIRST_END + len(shape.receivers)]
        durations = [_durations(started, ended) for started, ended in itertools.pairwise(times)]
        return Aggregate(
            signal=shape.signal.name,
            sender=shape.sender,
            ended_at=self.wall_clock(round(times[-1][-1] * 1e9)),
            durations=durations[0] if len(durations) == 1 else _durations(times[0], times[-1]),
            calls=tuple(
                AggregatedCalls(info.name, calls, self._apps.of(info.module), info.path, info.line)
                for info, calls in zip(shape.receivers, durations, strict=True)
            ),
        )

    def late(self, late: LateCall) -> tuple[Amendment, ReceiverCall]:
        """What became of a receiver call after its dispatch, and that call as it now stands."""
        raw, index = late.dispatch, late.index
        info = raw.receivers[index]
        duration_ns = late.ended_ns - raw.starts[index]
        amendment = Amendment(
            dispatch_id=self.dispatch_id(raw.number),
            index=index,
            duration_ns=duration_ns,
            outcome="late",
            replaces=raw.outcomes.get(index, "late"),
            severity=severity(duration_ns, info.slow_ns),
            failure=failure(late.failure),
            signal=raw.signal.name,
        )
        call = ReceiverCall(
            receiver=info.name,
            index=index,
            outcome="late",
            offset_ns=raw.starts[index] - raw.started_ns,
            duration_ns=duration_ns,
            is_async=raw.is_async(index),
            severity=amendment.severity,
            failure=amendment.failure,
            app=self._apps.of(info.module),
            path=info.path,
            line=info.line,
        )
        return amendment, call

    def running(self, position: Position, cell: Cell, threads: Mapping[int, FrameType]) -> RunningCall | None:
        """The record of a receiver call that has begun and not ended; None if it has ended meanwhile."""
        raw, index = position.dispatch, position.index
        if index < 0 or index >= len(raw.receivers) or raw.ends[index] or not raw.starts[index]:
            return None
        running_ns = time.perf_counter_ns() - raw.starts[index]
        info = raw.receivers[index]
        level = severity(running_ns, info.slow_ns)
        return RunningCall(
            dispatch_id=self.dispatch_id(raw.number),
            signal=raw.signal.name,
            sender=raw.sender,
            method=raw.method,
            receiver=info.name,
            index=index,
            started_at=self.wall_clock(raw.starts[index]),
            running_ns=running_ns,
            depth=raw.depth,
            process=self.process.id,
            thread=ground_of(cell.top).thread_name,
            origin_kind=raw.origin.kind if raw.origin else None,
            origin_id=raw.origin.id if raw.origin else None,
            is_async=raw.is_async(index),
            severity=level,
            stack=frames(_standing(position, threads.get(cell.thread))) if level != "normal" else (),
        )


def _durations(started: Iterable[float], ended: Iterable[float]) -> Durations:
    seconds = list(map(sub, ended, started))
    total_ns, max_ns = round(sum(seconds) * 1e9), round(max(seconds) * 1e9)
    return Durations(len(seconds), total_ns, max_ns, buckets_of(array("d", seconds)))


def _standing(position: Position, thread: FrameType | None) -> Lines:
    """Where a receiver call stands: its coroutine's awaits, or its thread's stack."""
    awaited: Any = position.awaited
    if awaited is None:
        return stack_lines(thread)
    lines: list[Any] = []
    while awaited is not None and len(lines) < 30:
        frame = getattr(awaited, "cr_frame", None) or getattr(awaited, "gi_frame", None)
        if frame is not None:
            lines.append((frame.f_code, frame.f_lineno))
        awaited = getattr(awaited, "cr_await", None) or getattr(awaited, "gi_yieldfrom", None)
    return tuple(lines)
