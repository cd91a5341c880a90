"""What the send methods call while they run: ``begin``, ``fail`` and ``end`` of a dispatch.

``send`` and ``send_robust`` write the quick part of ``begin`` and ``end`` out, because a call of each would cost a
tenth of a send. None of these functions raises an error of the monitor into the application.
"""

from __future__ import annotations

import asyncio
from time import perf_counter

from signal_monitor.errors import guarded, note_in_send
from signal_monitor.records import Outcome

from .capture import DispatchDetails, KnownFailure, failure_of, may_capture_again, may_capture_failed
from .current import Call, ExecutionState, Record, get_state
from .hooks import DispatchSpans, hooks
from .info import DispatchInfo, RawFailure, attached_info
from .orphans import note_orphan
from .plans import UNOBSERVED
from .record import (
    CallTimes,
    begin_call,
    call_times,
    database_notes_of,
    details_of,
    duration,
    end_call,
    end_dispatch,
    end_sequential_call,
    ended_at,
    ended_sequential_calls,
    fail_last_call,
    fails_alike,
    has_begun,
    has_concurrent_calls,
    has_unfinished_calls,
    info_of,
    new_record,
    set_details,
    spans_of,
    started_at,
)
from .record_queue import record_queue

CANCELLATIONS = (asyncio.CancelledError, GeneratorExit)
"""Exceptions that end a dispatch in which nothing has failed."""


class LateCall:
    """A receiver call that ended after its dispatch had."""

    __slots__ = ("failure", "index", "record", "times")

    def __init__(self, record: Record, index: int, times: CallTimes, failure: RawFailure | None) -> None:
        self.record = record
        self.index = index
        self.times = times
        self.failure = failure


def open_spans(info: DispatchInfo, state: ExecutionState) -> DispatchSpans | None:
    """The spans of a dispatch that begins now; None where it gets none."""
    if info is UNOBSERVED or hooks.trace_context() is state.untraced:
        return None
    return hooks.open_spans(info, state)


def begin(info: DispatchInfo, state: ExecutionState, calls: int) -> Record:
    """Begin a dispatch that has so many concurrent calls."""
    return new_record(info, state.top, open_spans(info, state), calls)


def swallow(record: Record, error: Exception) -> None:
    """A robust send is about to return what the receiver of a sequential call has raised."""
    info = info_of(record)
    if info is UNOBSERVED:
        end_sequential_call(record)
        return
    try:
        index = ended_sequential_calls(record)
        end_sequential_call(record)
        known: KnownFailure | None = info.known_failures.get(index)
        if known is not None and not known.is_like(error):
            known = None
        if known is not None and known.details is not None and details_of(record) is None:
            set_details(record, known.details.repeated())
            return
        failure = known.failure if known is not None else failure_of(error)
        details = _details(record)
        details.outcomes[index], details.failures[index] = "swallowed", failure
        if known is None:
            shared = details if _may_be_shared(record, details) else None
            info.known_failures[index] = KnownFailure(index, failure, error, shared)
    except Exception as fault:  # noqa: BLE001 - as a guarded function does, which takes longer
        note_in_send("a swallowed failure", fault)


def fail_alike(record: Record, error: BaseException, answered: int, state: ExecutionState) -> bool:
    """Complete and queue a dispatch that fails as the one before it did; False where ``fail`` and ``end`` have to."""
    now, info = perf_counter(), info_of(record)
    known: KnownFailure | None = info.known_failures.get(answered)
    if known is None or known.details is None or state.suppressed or not fails_alike(record, answered, known):
        return False
    try:
        if not known.is_like(error) or may_capture_failed(info, now):
            return False
        if fail_last_call(record, known.details, now) >= info.slow_limit:
            _details(record).capture(info)
        if state.origin is None or state.origin.submit(record):
            record_queue.append(record)
    except Exception as fault:  # noqa: BLE001 - as a guarded function does, which takes longer
        note_in_send("a failure", fault)
    return True


def end_alike(record: Record, state: ExecutionState) -> bool:
    """Queue a dispatch in which a receiver has failed as in the one before it; False where ``end`` has to."""
    details = details_of(record)
    if details is None or details.shared is None or state.suppressed:
        return False
    try:
        info = info_of(record)
        ended = ended_at(record)
        if (
            ended - started_at(record) >= info.slow_limit
            or may_capture_failed(info, ended)
            or database_notes_of(record) is not None
        ):
            return False
        if state.origin is None or state.origin.submit(record):
            record_queue.append(record)
    except Exception as fault:  # noqa: BLE001 - as a guarded function does, which takes longer
        note_in_send("a failure", fault)
    return True


def resume(record: Record) -> None:
    """The send method goes on to the next receiver, some time after the last sequential call has ended."""
    details = details_of(record)
    if details is not None:
        details.resumed[ended_sequential_calls(record) - 1] = perf_counter()


def fail(record: Record, error: BaseException, answered: int) -> None:
    """An exception leaves the send method; so many sequential calls have returned.

    It is a receiver's if one has been called and has not answered.
    """
    info = info_of(record)
    if info is UNOBSERVED:
        return
    try:
        details = _details(record)
        details.raised = True
        ended = ended_sequential_calls(record)
        while answered > ended:  # interrupted before the time was taken
            end_sequential_call(record)
            ended += 1
        failure, failed = None, -1
        if answered == ended < info.sequential_count:
            end_sequential_call(record)
            failure = details.failures[ended] = failure_of(error)
            details.outcomes[ended] = "raised"
            failed = ended
            ended += 1
        if not issubclass(type(error), CANCELLATIONS):
            details.failure = failure or _known_failure(details, error)
        # Async receivers that were reached are looked at when the dispatch ends.
        count = info.sequential_count if has_concurrent_calls(record) else len(info.receivers)
        for index in range(ended, count):
            details.outcomes[index] = "not_run"
        if failure is not None and details.failure is failure and _may_be_shared(record, details):
            _remember(info, failed, failure, error, details)
    except Exception as fault:  # noqa: BLE001 - as a guarded function does, which takes longer
        note_in_send("a failure", fault)


def _remember(
    info: DispatchInfo, index: int, failure: RawFailure, error: BaseException, details: DispatchDetails
) -> None:
    """Keep how a receiver has failed; one that is known already keeps its count of those recorded individually."""
    known: KnownFailure | None = info.known_failures.get(index)
    if known is None or known.details is None or not known.is_like(error):
        info.known_failures[index] = KnownFailure(index, failure, error, details)


def _may_be_shared(record: Record, details: DispatchDetails) -> bool:
    """Whether other dispatches may fail in just the same way."""
    info = info_of(record)
    is_plain = info.sequential_count == len(info.receivers) and not (info.custom or info.signal.has_hooks)
    return is_plain and len(details.failures) == 1 and spans_of(record) is None and not hooks.captures_all


def _known_failure(details: DispatchDetails, error: BaseException) -> RawFailure:
    """What is kept of an exception, which may be that of a receiver."""
    failure = failure_of(error)
    for known in details.failures.values():
        if (known.type, known.message) == (failure.type, failure.message):
            return known
    return failure


def _details(record: Record) -> DispatchDetails:
    """The details of a dispatch, to add to: its own, if it has shared them with others so far."""
    details = details_of(record)
    if details is None or details.shared is not None:
        details = DispatchDetails() if details is None else details.copy()
        set_details(record, details)
    return details


def end(record: Record, state: ExecutionState) -> None:
    """Complete a dispatch, and queue its record."""
    info, spans = info_of(record), spans_of(record)
    try:
        if spans is not None:
            spans.restore()
        if info is UNOBSERVED or state.suppressed:
            return
        _complete(record, info)
        if spans is not None:
            spans.end(record)
        if state.origin is None or state.origin.submit(record):
            queue_record(record)
        if info.signal.after is not None:
            info.signal.after()
    except Exception as fault:  # noqa: BLE001 - as a guarded function does, which takes longer
        note_in_send("the end of a dispatch", fault)


def _complete(record: Record, info: DispatchInfo) -> None:
    """Note which calls have not ended, and capture details where they are wanted."""
    if has_unfinished_calls(record):
        _note_unfinished(record)
    end_dispatch(record)
    if (notes := database_notes_of(record)) is not None:
        notes.end()
    if details_of(record) is not None:
        captures = may_capture_failed(info, ended_at(record))
    else:
        captures = duration(record) >= info.capture_from and may_capture_again(info)
    if captures or duration(record) >= info.slow_limit:
        _details(record).capture(info)


def _note_unfinished(record: Record) -> None:
    """Note which calls of a dispatch that has ended go on, and which have not begun."""
    info = info_of(record)
    for index, (started, ended) in enumerate(call_times(record)):
        if not ended and (started or not info.custom):
            _details(record).outcomes.setdefault(index, "late" if started else "not_run")


def queue_record(record: Record) -> None:
    """Queue a record, or drop it where the queue is full and no other code knows one of its spans."""
    spans = spans_of(record)
    if spans is not None and record_queue.is_full and not spans.drop():
        record_queue.append_anyway(record)
    else:
        record_queue.append(record)


# Concurrent calls: those of async receivers, and those of custom send methods.


def end_call_ok(call: Call) -> None:
    """A concurrent call has returned."""
    if not end_call(call.record, call.index):
        _end_late(call, None)
        return
    spans = spans_of(call.record)
    if spans is not None:
        spans.end_call(call.record, call.index)


@guarded("the end of a receiver call", None, in_send=True)
def end_call_failed(call: Call, error: BaseException) -> None:
    """A concurrent call has raised, or was cancelled."""
    record = call.record
    info = info_of(record)
    if issubclass(type(error), CANCELLATIONS) and info.is_async(call.index):
        outcome: Outcome = "cancelled"
    else:
        outcome = "swallowed" if info.is_robust and issubclass(type(error), Exception) and not info.custom else "raised"
    failure = failure_of(error) if outcome != "cancelled" else None
    if not end_call(record, call.index):
        _end_late(call, failure)
        return
    details = _details(record)
    details.outcomes[call.index] = outcome
    if failure is not None:
        details.failures[call.index] = failure
    spans = spans_of(record)
    if spans is not None:
        spans.end_call(record, call.index)


def _end_late(call: Call, failure: RawFailure | None) -> None:
    """A call has ended after its dispatch: a failed dispatch is shown before all of its calls have ended."""
    times = call_times(call.record)[call.index]
    if not times.ended and info_of(call.record) is not UNOBSERVED:
        spans = spans_of(call.record)
        if spans is not None:
            spans.end_call(call.record, call.index, failure)
        record_queue.append(LateCall(call.record, call.index, CallTimes(times.started, perf_counter()), failure))


@guarded("a refused call", None, in_send=True)
def fail_before_await(record: Record, index: int, error: BaseException) -> None:
    """Calling an async receiver has raised before there was anything to await."""
    if not has_begun(record, index):
        begin_call(record, index)
        end_call_failed(Call(record, index, record), error)


@guarded("the count of orphans", None, in_send=True)
def count_orphan(signal: object, sender: object) -> None:
    """Count a dispatch that found no receiver, and look who has sent it."""
    if not hooks.enabled or get_state().suppressed:
        return
    info = attached_info(signal)
    info.orphans += 1
    note_orphan(info, sender)
    for hook in (info.before, info.after):
        if hook is not None:
            hook()
