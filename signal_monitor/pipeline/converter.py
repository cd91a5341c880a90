"""From records to what observers receive: names, wall-clock times, stacks as text. Runs in the worker."""

from __future__ import annotations

import itertools
import os
import sysconfig
import time
from array import array
from collections.abc import Iterable, Mapping, Sequence
from operator import sub
from types import FrameType
from typing import Any

from signal_monitor.histograms import buckets_of
from signal_monitor.instrumentation.capture import DispatchDetails, stack_lines
from signal_monitor.instrumentation.current import Call, ExecutionState, Place, Record
from signal_monitor.instrumentation.hooks import hooks
from signal_monitor.instrumentation.info import DispatchInfo, Lines, RawFailure, ReceiverInfo
from signal_monitor.instrumentation.record import (
    CallTimes,
    Lineage,
    call_times,
    columns_of,
    details_of,
    ended_at,
    info_of,
    lineage_of,
    origin_of,
    outcome_of,
    queries_of,
    root_of,
    spans_of,
    started_at,
)
from signal_monitor.instrumentation.recorder import LateCall
from signal_monitor.names import Apps
from signal_monitor.records import (
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
from signal_monitor.scrubbing import scrub, scrub_message
from signal_monitor.text import MAX_LENGTH, MAX_LINE, cleaned
from signal_monitor.thresholds import severity

from .process import ThisProcess

MAX_SKIPPED = 20
STDLIB = f"{sysconfig.get_path('stdlib')}{os.sep}"
LIBRARIES = (STDLIB, *{f"{sysconfig.get_path(name)}{os.sep}" for name in ("purelib", "platlib")})
SERVERS = tuple(f"{os.sep}{name}{os.sep}" for name in ("django", "asgiref", "channels", "daphne", "twisted", "uvicorn"))


def frames(lines: Lines) -> tuple[Frame, ...]:
    """The lines of a stack as text."""
    return tuple(
        Frame(cleaned(code.co_filename, MAX_LINE), line or 0, cleaned(code.co_qualname)) for code, line in lines
    )


def failure(raw: RawFailure | None) -> Failure | None:
    """An exception as text, without secrets."""
    if raw is None:
        return None
    message = None if raw.message is None else scrub_message(raw.message, MAX_LENGTH)
    return Failure(raw.type, message, frames(raw.lines))


def call_site(stack: Sequence[Frame]) -> Frame | None:
    """The innermost line of the application's own code; failing that, of an installed one that is no framework.

    None where only the framework or the server was at work, as around ``request_started``.
    """
    files = [frame for frame in reversed(stack) if not frame.path.startswith(("<", STDLIB))]
    own = next((frame for frame in files if not frame.path.startswith(LIBRARIES)), None)
    if own is not None:
        return own
    return next((frame for frame in files if not any(server in frame.path for server in SERVERS)), None)


class RecordConverter:
    """Converts the records of one process."""

    def __init__(self, process: ThisProcess, apps: Apps | None = None) -> None:
        self.process = process
        self._apps = apps or Apps()
        self._epoch = 0.0
        self.set_clock()

    def set_clock(self) -> None:
        """Compare the two clocks again; the wall clock may have been set since."""
        self._epoch = time.time() - time.perf_counter()

    def dispatch_id(self, number: int) -> str:
        """The id of one of this process's dispatches."""
        return f"{self.process.id}-{number:x}"

    def wall_clock(self, reading: float) -> float:
        """A reading of ``time.perf_counter`` as seconds since the epoch."""
        return self._epoch + reading

    def dispatch(self, record: Record) -> Dispatch:
        """A dispatch that has ended."""
        info, spans, started = info_of(record), spans_of(record), started_at(record)
        details = details_of(record) or _NO_DETAILS
        origin, lineage = origin_of(record), _lineage_of(record)
        duration_ns = nanoseconds(ended_at(record) - started)
        stack = frames(details.lines)
        skipped = _skipped(record)
        return Dispatch(
            id=self.dispatch_id(lineage.number),
            root_id=self.dispatch_id(lineage.root),
            signal=info.signal.name,
            sender=scrub(info.sender),
            method=info.method,
            started_at=self.wall_clock(started),
            duration_ns=duration_ns,
            calls=self._calls(record),
            parent_id=self.dispatch_id(lineage.parent) if lineage.parent is not None else None,
            parent_index=lineage.parent_index,
            depth=lineage.depth,
            severity=severity(duration_ns, info.signal.slow_ns),
            origin_kind=origin.kind if origin else None,
            origin_id=origin.id if origin else None,
            process=self.process.id,
            thread=cleaned(scrub(root_of(record).thread_name)),
            trace_id=spans.trace_id_hex if spans else None,
            span_id=spans.span_id_hex if spans else None,
            in_transaction=details.in_transaction,
            blocked_loop=details.blocked_loop,
            call_site=call_site(stack),
            stack=stack,
            skipped=skipped[:MAX_SKIPPED],
            skipped_count=len(skipped),
            failure=failure(details.failure),
        )

    def _calls(self, record: Record) -> tuple[ReceiverCall, ...]:
        """The receiver calls of a dispatch; a custom send method may leave receivers out."""
        custom = info_of(record).custom
        return tuple(
            self._call(record, index, times)
            for index, times in enumerate(call_times(record))
            if times.started or not custom
        )

    def _call(self, record: Record, index: int, times: CallTimes) -> ReceiverCall:
        info, outcome = info_of(record), outcome_of(record, index)
        receiver, spans = info.receivers[index], spans_of(record)
        started = times.started if outcome != "not_run" else 0.0
        duration_ns = nanoseconds((times.ended or ended_at(record)) - started) if started else 0
        details = details_of(record) or _NO_DETAILS
        count, seconds = queries_of(record, index)
        counted = hooks.counts_queries and bool(started)
        return ReceiverCall(
            receiver=receiver.name,
            index=index,
            outcome=outcome,
            offset_ns=nanoseconds(started - started_at(record)) if started else 0,
            duration_ns=duration_ns,
            is_async=info.is_async(index),
            severity=severity(duration_ns, receiver.slow_ns),
            failure=failure(details.failures.get(index)),
            app=self._apps.of(receiver.module),
            path=receiver.path,
            line=receiver.line,
            queries=count if counted else None,
            query_ns=nanoseconds(seconds) if counted else None,
            span_id=spans.receiver_span_id_hex(index) if spans and outcome != "not_run" else None,
        )

    def aggregate(self, info: DispatchInfo, records: Sequence[Record]) -> Aggregate:
        """Routine dispatches of one DispatchInfo, added up."""
        _, started, ended = columns_of(records)
        durations = [_durations(begins, ends) for begins, ends in itertools.pairwise([started, *ended])]
        return Aggregate(
            signal=info.signal.name,
            sender=scrub(info.sender),
            ended_at=self.wall_clock(ended[-1][-1]),
            durations=durations[0] if len(durations) == 1 else _durations(started, ended[-1]),
            calls=tuple(
                self._aggregated(receiver, calls) for receiver, calls in zip(info.receivers, durations, strict=True)
            ),
        )

    def _aggregated(self, receiver: ReceiverInfo, calls: Durations) -> AggregatedCalls:
        return AggregatedCalls(receiver.name, calls, self._apps.of(receiver.module), receiver.path, receiver.line)

    def late(self, late: LateCall) -> tuple[Amendment, ReceiverCall]:
        """What became of a receiver call after its dispatch had ended, and that call as it is now."""
        record, index = late.record, late.index
        info = info_of(record)
        receiver, was = info.receivers[index], outcome_of(record, index)
        duration_ns = nanoseconds(late.times.ended - late.times.started)
        amendment = Amendment(
            dispatch_id=self.dispatch_id(_lineage_of(record).number),
            index=index,
            duration_ns=duration_ns,
            outcome="late",
            replaces="not_run" if was == "not_run" else "late",
            severity=severity(duration_ns, receiver.slow_ns),
            failure=failure(late.failure),
            signal=info.signal.name,
            offset_ns=nanoseconds(late.times.started - started_at(record)),
        )
        call = ReceiverCall(
            receiver=receiver.name,
            index=index,
            outcome="late",
            offset_ns=nanoseconds(late.times.started - started_at(record)),
            duration_ns=duration_ns,
            is_async=info.is_async(index),
            severity=amendment.severity,
            failure=amendment.failure,
            app=self._apps.of(receiver.module),
            path=receiver.path,
            line=receiver.line,
        )
        return amendment, call

    def running(
        self, record: Record, index: int, state: ExecutionState, threads: Mapping[int, FrameType]
    ) -> RunningCall | None:
        """A receiver call that has begun and not ended; None if it has ended meanwhile."""
        times = call_times(record)[index]
        if times.ended or not times.started:
            return None
        info, origin, lineage = info_of(record), origin_of(record), _lineage_of(record)
        running_ns, receiver = nanoseconds(time.perf_counter() - times.started), info.receivers[index]
        level = severity(running_ns, receiver.slow_ns)
        return RunningCall(
            dispatch_id=self.dispatch_id(lineage.number),
            signal=info.signal.name,
            sender=scrub(info.sender),
            method=info.method,
            receiver=receiver.name,
            index=index,
            started_at=self.wall_clock(times.started),
            running_ns=running_ns,
            depth=lineage.depth,
            process=self.process.id,
            thread=cleaned(scrub(root_of(state.top).thread_name)),
            origin_kind=origin.kind if origin else None,
            origin_id=origin.id if origin else None,
            is_async=info.is_async(index),
            severity=level,
            stack=frames(_stack_of(state.top, threads.get(state.thread))) if level != "normal" else (),
        )


_NO_DETAILS = DispatchDetails()
_NO_LINEAGE = Lineage(0, 0)


def _lineage_of(record: Record) -> Lineage:
    return lineage_of(record) or _NO_LINEAGE


def _skipped(record: Record) -> tuple[str, ...]:
    """The names of the receivers that a custom send method was given and has not called."""
    info = info_of(record)
    if not info.custom:
        return ()
    times = call_times(record)
    # A method that asks for receivers twice gets each of them twice.
    called = {_identity(receiver) for receiver, (started, _) in zip(info.receivers, times, strict=True) if started}
    skipped = {_identity(receiver): receiver.name for receiver in info.receivers}
    return tuple(name for identity, name in skipped.items() if identity not in called)


def _identity(receiver: ReceiverInfo) -> tuple[str, str | None, int | None]:
    return receiver.name, receiver.path, receiver.line


def nanoseconds(seconds: float) -> int:
    """Seconds as whole nanoseconds."""
    return round(seconds * 1e9)


def _durations(started: Iterable[float], ended: Iterable[float]) -> Durations:
    seconds = list(map(sub, ended, started))
    return Durations(
        len(seconds), nanoseconds(sum(seconds)), nanoseconds(max(seconds)), buckets_of(array("d", seconds))
    )


def _stack_of(place: Place, thread: FrameType | None) -> Lines:
    """Where a receiver call is: the awaits of its coroutine, or the stack of its thread."""
    awaited: Any = place.coroutine if isinstance(place, Call) else None
    if awaited is None:
        return stack_lines(thread)
    lines: list[Any] = []
    while awaited is not None and len(lines) < 30:
        frame = getattr(awaited, "cr_frame", None) or getattr(awaited, "gi_frame", None)
        if frame is not None:
            lines.append((frame.f_code, frame.f_lineno))
        awaited = getattr(awaited, "cr_await", None) or getattr(awaited, "gi_yieldfrom", None)
    return tuple(lines)
