"""Bounds what one dispatch may take in the store and on a page, however many receivers its signal has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import get_args

from signal_monitor.records import WORST_FIRST, Dispatch, ReceiverCall, Severity

MAX_CALLS = 100
"""Receiver calls that are stored of a dispatch: those that did not end well, then the longest own times."""
MAX_TRACEBACKS = 10
"""Receiver calls of a dispatch whose exceptions are stored with their tracebacks."""

_SEVERITIES: tuple[Severity, ...] = get_args(Severity)


def bounded(dispatch: Dispatch) -> Dispatch:
    """The dispatch with at most MAX_CALLS receiver calls; it says how many are left out."""
    left_out = max(0, len(dispatch.calls) - MAX_CALLS)
    calls = _most_notable(dispatch.calls) if left_out else dispatch.calls
    shortened = _with_few_tracebacks(calls)
    if not left_out and shortened is calls:
        return dispatch
    return replace(dispatch, calls=tuple(shortened), calls_left_out=left_out)


def _most_notable(calls: Sequence[ReceiverCall]) -> Sequence[ReceiverCall]:
    kept = sorted(calls, key=_rank)[:MAX_CALLS]
    return sorted(kept, key=lambda call: call.index)


def _rank(call: ReceiverCall) -> tuple[bool, int, int, int]:
    """The position of a call among those that are kept; what was not run says least."""
    return (
        call.outcome == "not_run",
        WORST_FIRST.index(call.outcome),
        -_SEVERITIES.index(call.severity),
        -call.self_ns,
    )


def _with_few_tracebacks(calls: Sequence[ReceiverCall]) -> Sequence[ReceiverCall]:
    failing = [call for call in calls if call.failure is not None and call.failure.traceback]
    if len(failing) <= MAX_TRACEBACKS:
        return calls
    beyond = {call.index for call in failing[MAX_TRACEBACKS:]}
    return [_without_traceback(call) if call.index in beyond else call for call in calls]


def _without_traceback(call: ReceiverCall) -> ReceiverCall:
    return replace(call, failure=replace(call.failure, traceback=())) if call.failure is not None else call
