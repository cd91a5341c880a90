"""What every store keeps, and for how long."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, get_args

from signal_monitor.records import Amendment, Dispatch, Severity

Ring = Literal["failed", "slow", "ordinary"]

RINGS: tuple[Ring, ...] = get_args(Ring)
WINDOWS_KEPT_SECONDS = 2 * 60 * 60
PROCESSES_KEPT_SECONDS = 24 * 60 * 60

_SEVERITIES: tuple[Severity, ...] = get_args(Severity)


def ring_of(dispatch: Dispatch) -> Ring:
    """In which ring the dispatch waits to be overwritten, so that a flood of the one kind leaves the others."""
    if dispatch.failed:
        return "failed"
    return "ordinary" if dispatch.severity == "normal" else "slow"


def amended(dispatch: Dispatch, amendment: Amendment) -> Dispatch:
    """The dispatch with what became of one of its receiver calls after it had ended."""
    calls = tuple(
        replace(
            call,
            duration_ns=amendment.duration_ns,
            outcome=amendment.outcome,
            severity=amendment.severity,
            failure=amendment.failure,
        )
        if call.index == amendment.index
        else call
        for call in dispatch.calls
    )
    return replace(dispatch, calls=calls, severity=max(dispatch.severity, amendment.severity, key=_SEVERITIES.index))
