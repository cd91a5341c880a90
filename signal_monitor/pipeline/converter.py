"""From records to what observers receive: names, wall-clock times, stacks as text. Runs in the worker."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from types import FrameType
from typing import Any

from signal_monitor.database.arguments import arguments_record
from signal_monitor.database.ends import OpenTransactions
from signal_monitor.database.summary import NO_WORK, CallSummary, Clock
from signal_monitor.instrumentation.capture import DispatchDetails
from signal_monitor.instrumentation.current import ExecutionState, Record
from signal_monitor.instrumentation.hooks import hooks
from signal_monitor.instrumentation.info import Lines, ReceiverInfo
from signal_monitor.instrumentation.record import (
    CallTimes,
    Lineage,
    arguments_of,
    call_times,
    database_notes_of,
    details_of,
    ended_at,
    info_of,
    lineage_of,
    origin_of,
    outcome_of,
    parent_of,
    root_of,
    spans_of,
    started_at,
)
from signal_monitor.instrumentation.recorder import LateCall
from signal_monitor.names import Apps
from signal_monitor.records import (
    SEVERITIES,
    Aggregate,
    Amendment,
    Dispatch,
    Outside,
    ReceiverCall,
    RunningCall,
    Severity,
    Wait,
)
from signal_monitor.scrubbing import scrub
from signal_monitor.text import cleaned
from signal_monitor.thresholds import severity

from .aggregation import aggregate_of
from .intervals import length, nanoseconds
from .own_times import CallTime, DispatchTimes, OutsideTimes, OwnTimes
from .process import ThisProcess
from .routine import Group
from .send_methods import Ended
from .stacks import call_site, failure, frames, inside, stack_of

MAX_SKIPPED = 20
MAX_LATE = 5_000
MAX_STACKS = 1_000


class RecordConverter:
    """Converts the records of one process."""

    def __init__(self, process: ThisProcess, apps: Apps | None = None) -> None:
        self.process = process
        self._apps = apps or Apps()
        self._own_times = OwnTimes()
        self._late = _LateDispatches()
        self.open_transactions = OpenTransactions()
        self._stacks: OrderedDict[tuple[int, int], tuple[int, Lines]] = OrderedDict()
        self._waits: OrderedDict[tuple[int, int], Wait] = OrderedDict()
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

    def dispatch(self, record: Record, ended: Ended | None = None) -> Dispatch:
        """A dispatch that has ended; ``ended`` says what of a send method's time is part of it."""
        info, spans = info_of(record), spans_of(record)
        ended = ended or Ended(record)
        began, until = ended.window or (started_at(record), ended_at(record))
        details, around = details_of(record) or _NO_DETAILS, _details_around(ended)
        origin, lineage = origin_of(record), _lineage_of(record)
        read = call_times(record)
        times = self._times(ended, read, lineage)
        work = CallSummary(database_notes_of(record), self.clock, [*filter(None, details.transactions or ())])
        calls, stack = self._calls(record, read, times, began, work), frames(details.lines or around.lines)
        duration_ns, outside = nanoseconds(until - began), _lengths(times.outside)
        nested_outside = _lengths(times.nested_outside)
        receivers_ns = duration_ns - sum(outside.values()) - sum(nested_outside.values())
        level = _worst(severity(receivers_ns, info.signal.slow_ns), calls)
        if details.outcomes and not {"late", "not_run"}.isdisjoint(details.outcomes.values()):
            failed = details.failure is not None or any(call.failed for call in calls)
            self._late.note(lineage.number, slow=level != "normal", failed=failed)
        self._wait_for_ends(lineage.number, [call.index for call in calls], read, work)
        skipped = _skipped(record, read)
        return Dispatch(
            id=self.dispatch_id(lineage.number),
            root_id=self.dispatch_id(lineage.root),
            signal=info.signal.name,
            sender=scrub(info.sender),
            method=info.method,
            started_at=self.wall_clock(began),
            duration_ns=duration_ns,
            calls=calls,
            parent_id=self.dispatch_id(lineage.parent) if lineage.parent is not None else None,
            parent_index=lineage.parent_index,
            depth=lineage.depth,
            severity=level,
            origin_kind=origin.kind if origin else None,
            origin_id=origin.id if origin else None,
            process=self.process.id,
            thread=cleaned(scrub(root_of(record).thread_name)),
            trace_id=spans.trace_id_hex if spans else None,
            span_id=spans.span_id_hex if spans else None,
            in_transaction=None if details.transactions is None else bool(details.transactions),
            blocked_loop=details.blocked_loop,
            call_site=call_site(stack),
            stack=stack,
            skipped=skipped[:MAX_SKIPPED],
            skipped_count=len(skipped),
            failure=failure(details.failure or around.failure),
            sent_by=lineage.sent_by,
            outside=outside,
            nested_outside=nested_outside,
            nested_ns=nanoseconds(times.nested_seconds),
            arguments=arguments_record(arguments_of(record)),
        )

    def _times(self, ended: Ended, read: Sequence[CallTimes], lineage: Lineage) -> DispatchTimes:
        record = ended.record
        parent = parent_of(record) if lineage.parent is not None else None
        parent_key = lineage.parent
        if parent is not None and _lineage_of(parent.record).shared:
            parent_key = -id(parent.record)  # another of its dispatches may have ended before this one
        return self._own_times.add(record, read, lineage.number, parent, parent_key, ended.within(-id(ended.method)))

    def _wait_for_ends(
        self, number: int, positions: Iterable[int], read: Sequence[CallTimes], work: CallSummary
    ) -> None:
        """Remember the calls whose transactions have not ended."""
        if hooks.counts_queries:
            for index in positions:
                open_now = work.transactions(index)
                self.open_transactions.wait(self.dispatch_id(number), index, open_now, read[index].started)

    @property
    def clock(self) -> Clock:
        """How the database work of this process is dated."""
        return Clock(self.process.id, self.wall_clock)

    def _calls(
        self, record: Record, read: Sequence[CallTimes], times: DispatchTimes, began: float, work: CallSummary
    ) -> tuple[ReceiverCall, ...]:
        """The receiver calls of a dispatch; a custom send method may leave receivers out."""
        custom = info_of(record).custom
        return tuple(
            self._call(record, index, one, own or _NOT_CALLED, began, work)
            for index, (one, own) in enumerate(zip(read, times.calls, strict=True))
            if one.started or not custom
        )

    def seen_ns(self, record: Record, index: int) -> int:
        """How long a call had been running when its stack was noted; 0 if it was not."""
        return self._stacks.get((_lineage_of(record).number, index), (0, ()))[0]

    def note_stack(self, record: Record, index: int, lines: Lines) -> None:
        """Keep the stack of a receiver call that runs, until its dispatch is delivered."""
        times, number = call_times(record)[index], _lineage_of(record).number
        if times.started and not times.ended:
            self._stacks[number, index] = nanoseconds(time.perf_counter() - times.started), lines
        if len(self._stacks) > MAX_STACKS:
            self._stacks.popitem(last=False)

    def note_wait(self, record: Record, index: int, wait: Wait) -> None:
        """Keep what a receiver call that runs waits for, until its dispatch is delivered."""
        self._waits[_lineage_of(record).number, index] = wait
        if len(self._waits) > MAX_STACKS:
            self._waits.popitem(last=False)

    def _slow_stack(self, number: int, index: int, receiver: ReceiverInfo, level: Severity) -> dict[str, Any]:
        """The stack that was noted of a call, as fields of its record: that of the receiver and what it called."""
        seen_ns, lines = self._stacks.pop((number, index), (None, ()))
        wait = self._waits.pop((number, index), None)
        if seen_ns is None or level == "normal":  # slow only by what it has sent
            return {}
        stack = inside(frames(lines), receiver)
        if not stack:
            return {}
        line = call_site(stack) or stack[-1]
        return {"slow_line": line, "slow_stack": stack, "slow_seen_ns": seen_ns, "slow_wait": wait}

    def _call(
        self, record: Record, index: int, times: CallTimes, own: CallTime, began: float, summary: CallSummary
    ) -> ReceiverCall:
        info, outcome = info_of(record), outcome_of(record, index)
        receiver, spans = info.receivers[index], spans_of(record)
        started = times.started if outcome != "not_run" else 0.0
        duration_ns = nanoseconds((times.ended or ended_at(record)) - started) if started else 0
        self_ns = min(duration_ns, nanoseconds(own.own_seconds))
        details, level = details_of(record) or _NO_DETAILS, severity(self_ns, receiver.slow_ns)
        counted = hooks.counts_queries and bool(started)
        work = summary.of(index, started, times.ended or ended_at(record)) if counted else NO_WORK
        return ReceiverCall(
            receiver=receiver.name,
            index=index,
            outcome=outcome,
            offset_ns=nanoseconds(started - began) if started else 0,
            duration_ns=duration_ns,
            is_async=info.is_async(index),
            severity=level,
            failure=failure(details.failures.get(index)),
            app=self._apps.of(receiver.module),
            path=receiver.path,
            line=receiver.line,
            queries=work.queries if counted else None,
            query_ns=work.query_ns if counted else None,
            databases=work.databases,
            mails=work.mails if counted else None,
            tasks=work.tasks if counted else None,
            span_id=spans.receiver_span_id_hex(index) if spans and outcome != "not_run" else None,
            nested_ns=duration_ns - self_ns if started else 0,
            repeated_ns=nanoseconds(own.repeated_seconds),
            **(self._slow_stack(_lineage_of(record).number, index, receiver, level) if self._stacks else {}),
        )

    def aggregate(self, group: Group) -> Aggregate:
        """Dispatches that are added up."""
        return aggregate_of(group, self._apps, self.wall_clock)

    def late(self, late: LateCall) -> tuple[Amendment, ReceiverCall]:
        """What became of a receiver call after its dispatch had ended, and that call as it is now."""
        record, index = late.record, late.index
        info = info_of(record)
        receiver, outcome = info.receivers[index], outcome_of(record, index)
        number = _lineage_of(record).number
        own = self._own_times.late(number, index, late.times, receiver.name)
        duration_ns, self_ns = nanoseconds(own.seconds), nanoseconds(own.own_seconds)
        level = severity(self_ns, receiver.slow_ns)
        was_slow, had_failed = self._late.note(number, slow=level != "normal", failed=late.failure is not None)
        amendment = Amendment(
            dispatch_id=self.dispatch_id(number),
            index=index,
            duration_ns=duration_ns,
            outcome="late",
            replaces="not_run" if outcome == "not_run" else "late",
            severity=level,
            failure=failure(late.failure),
            signal=info.signal.name,
            offset_ns=nanoseconds(late.times.started - started_at(record)),
            nested_ns=max(0, duration_ns - self_ns),
            sender=scrub(info.sender),
            makes_slow=level != "normal" and not was_slow,
            makes_failed=late.failure is not None and not had_failed,
            repeated_ns=nanoseconds(own.repeated_seconds),
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
            nested_ns=amendment.nested_ns,
            repeated_ns=amendment.repeated_ns,
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
            stack=frames(stack_of(state.top, threads.get(state.thread))) if level != "normal" else (),
        )


class _LateDispatches:
    """Whether the dispatches whose calls go on are slow, and have failed, so far."""

    def __init__(self) -> None:
        self._known: OrderedDict[int, tuple[bool, bool]] = OrderedDict()

    def note(self, number: int, *, slow: bool, failed: bool) -> tuple[bool, bool]:
        """Note what a dispatch, or a late call of it, was; returns what was known before."""
        before = self._known.get(number, (False, False))
        self._known[number] = before[0] or slow, before[1] or failed
        if len(self._known) > MAX_LATE:
            self._known.popitem(last=False)
        return before


_NO_DETAILS = DispatchDetails()
_NOT_CALLED = CallTime()
_NO_LINEAGE = Lineage(0, 0)


def _details_around(ended: Ended) -> DispatchDetails:
    """What was out of the ordinary with the send method that has made a dispatch, and has ended with it."""
    details = details_of(ended.method) if ended.method is not None and ended.last else None
    return details or _NO_DETAILS


def _lineage_of(record: Record) -> Lineage:
    return lineage_of(record) or _NO_LINEAGE


def _skipped(record: Record, times: Sequence[CallTimes]) -> tuple[str, ...]:
    """The names of the receivers that a custom send method was given and has not called."""
    info = info_of(record)
    if not info.custom:
        return ()
    # A method that asks for receivers twice gets each of them twice.
    called = {_identity(receiver) for receiver, (started, _) in zip(info.receivers, times, strict=True) if started}
    skipped = {_identity(receiver): receiver.name for receiver in info.receivers}
    return tuple(name for identity, name in skipped.items() if identity not in called)


def _identity(receiver: ReceiverInfo) -> tuple[str, str | None, int | None]:
    return receiver.name, receiver.path, receiver.line


def _lengths(outside: OutsideTimes) -> dict[Outside, int]:
    return {kind: nanoseconds(length(moments)) for kind, moments in outside.items()} if outside else {}


def _worst(level: Severity, calls: Iterable[ReceiverCall]) -> Severity:
    """The worst of a severity and those of receiver calls."""
    for call in calls:
        if call.severity != "normal":
            level = max(level, call.severity, key=SEVERITIES.index)
    return level
