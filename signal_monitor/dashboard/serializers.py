"""Records as JSON: durations in milliseconds, times in seconds since the epoch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from signal_monitor.dashboard.formatting import milliseconds
from signal_monitor.dashboard.processes import Running
from signal_monitor.records import Dispatch, Failure, Frame, ReceiverCall, Request
from signal_monitor.stores.base import Totals

Json = dict[str, Any]

DISPATCH_FIELDS = (
    *("id", "root_id", "parent_id", "depth", "signal", "sender", "method", "started_at", "outcome", "severity"),
    *("failed", "process", "thread", "origin_kind", "origin_id", "trace_id", "span_id", "in_transaction"),
    *("blocked_loop", "call_count", "calls_left_out", "skipped", "skipped_count"),
)
CALL_FIELDS = ("receiver", "index", "outcome", "severity", "is_async", "app", "path", "line", "queries", "span_id")
RUNNING_FIELDS = (
    *("dispatch_id", "signal", "sender", "method", "receiver", "index", "started_at", "depth", "process", "thread"),
    *("origin_kind", "origin_id", "is_async", "severity"),
)
REQUEST_FIELDS = (
    *("id", "method", "path", "view", "status", "started_at", "dispatch_count", "receiver_count", "failed_count"),
    *("slow_count", "process", "trace_id", "span_id", "signal_share"),
)
TOTALS_FIELDS = (
    *("count", "failures", "slow", "blocking", "not_run", "app", "path", "line", "last_at"),
    *("last_failure", "last_failure_at", "last_failure_dispatch"),
)
TOTALS_DURATIONS = ("total", "mean", "p50", "p95", "p99", "max")


def fields_json(record: object, names: Iterable[str]) -> Json:
    """Attributes of a record that need no conversion."""
    return {name: getattr(record, name) for name in names}


def frames_json(frames: Iterable[Frame]) -> list[Json]:
    """A stack."""
    return [asdict(frame) for frame in frames]


def failure_json(failure: Failure | None) -> Json | None:
    """An exception, or None."""
    if failure is None:
        return None
    return {"type": failure.type, "message": failure.message, "traceback": frames_json(failure.traceback)}


def call_json(call: ReceiverCall) -> Json:
    """A receiver call."""
    return {
        **fields_json(call, CALL_FIELDS),
        "offset_ms": milliseconds(call.offset_ns),
        "duration_ms": milliseconds(call.duration_ns),
        "query_ms": None if call.query_ns is None else milliseconds(call.query_ns),
        "failure": failure_json(call.failure),
    }


def dispatch_json(dispatch: Dispatch) -> Json:
    """A dispatch with its receiver calls."""
    return {
        **fields_json(dispatch, DISPATCH_FIELDS),
        "duration_ms": milliseconds(dispatch.duration_ns),
        "call_site": None if dispatch.call_site is None else asdict(dispatch.call_site),
        "outside_receivers_ms": milliseconds(dispatch.outside_receivers_ns),
        "failure": failure_json(dispatch.failure),
        "calls": [call_json(call) for call in dispatch.calls],
    }


def totals_json(row: Totals) -> Json:
    """The totals of a receiver, signal or sender."""
    return {
        "name": row.key,
        **fields_json(row, TOTALS_FIELDS),
        **{f"{name}_ms": milliseconds(getattr(row, f"{name}_ns")) for name in TOTALS_DURATIONS},
    }


def running_json(row: Running) -> Json:
    """A receiver call that is still running."""
    return {
        **fields_json(row.call, RUNNING_FIELDS),
        "running_ms": milliseconds(row.running_ns),
        "process_gone": row.gone,
        "stack": frames_json(row.call.stack),
    }


def request_json(request: Request) -> Json:
    """A request."""
    return {
        **fields_json(request, REQUEST_FIELDS),
        "duration_ms": milliseconds(request.duration_ns),
        "signal_ms": milliseconds(request.signal_ns),
    }
