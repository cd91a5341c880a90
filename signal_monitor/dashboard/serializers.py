"""Records as JSON: durations in milliseconds, times in seconds since the epoch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from math import isinf
from typing import Any

from signal_monitor.dashboard.formatting import milliseconds
from signal_monitor.dashboard.processes import Running
from signal_monitor.dashboard.senders import SentBy
from signal_monitor.dashboard.sources import Place
from signal_monitor.dashboard.view_times import ViewTimes
from signal_monitor.dashboard.waiters import Waiter
from signal_monitor.dashboard.waiting import Wait
from signal_monitor.database_records import DatabaseWork, LockWait, LongStatement, LongTransaction, WorkSum
from signal_monitor.finding import Finding
from signal_monitor.records import Dispatch, Failure, Frame, OrphanSends, Outside, ReceiverCall, ReceiverSum, Request
from signal_monitor.stores.base import Totals

Json = dict[str, Any]

DISPATCH_FIELDS = (
    *("id", "root_id", "parent_id", "parent_index", "sent_by", "depth"),
    *("signal", "sender", "method", "started_at", "outcome", "severity"),
    *("failed", "process", "thread", "origin_kind", "origin_id", "trace_id", "span_id", "in_transaction"),
    *("blocked_loop", "call_count", "calls_left_out", "skipped", "skipped_count"),
)
CALL_FIELDS = (
    *("receiver", "index", "outcome", "severity", "is_async", "app", "path", "line", "queries", "span_id"),
    *("mails", "tasks", "slow_wait"),
)
DATABASE_FIELDS = ("alias", "queries", "writes", "rows_written", "failed", "left_out")
RUNNING_FIELDS = (
    *("dispatch_id", "signal", "sender", "method", "receiver", "index", "started_at", "depth", "process", "thread"),
    *("origin_kind", "origin_id", "is_async", "severity"),
)
REQUEST_FIELDS = (
    *("id", "method", "path", "view", "status", "started_at", "dispatch_count", "receiver_count", "failed_count"),
    *("slow_count", "process", "trace_id", "span_id", "worst_span_id", "receivers_share", "failed", "running"),
    *("after_count", "after_receivers", "summed_count", "receivers_left_out", "mails", "tasks"),
)
FINDING_FIELDS = (
    *("id", "code", "name", "title", "kind", "level", "subject_kind", "subject", "detail", "message", "why", "advice"),
    *(
        "sketch",
        "path",
        "line",
        "first_seen",
        "last_seen",
        "count",
        "dispatches",
        "requests",
        "processes",
        "silenced_by",
    ),
)
TOTALS_FIELDS = (
    *("count", "failures", "slow", "blocking", "not_run", "app", "path", "line", "last_at"),
    *("last_failure", "last_failure_at", "last_failure_dispatch"),
)
TOTALS_DURATIONS = ("total", "self", "receivers", "waiting", "other", "mean", "p50", "max")


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
        "self_ms": milliseconds(call.self_ns),
        "slow_line": None if call.slow_line is None else asdict(call.slow_line),
        "slow_stack": frames_json(call.slow_stack),
        "slow_seen_ms": None if call.slow_seen_ns is None else milliseconds(call.slow_seen_ns),
        "query_ms": None if call.query_ns is None else milliseconds(call.query_ns),
        "databases": [database_json(work) for work in call.databases],
        "failure": failure_json(call.failure),
    }


def database_json(work: DatabaseWork) -> Json:
    """What was done on the database of one alias."""
    return {
        **fields_json(work, DATABASE_FIELDS),
        "query_ms": milliseconds(work.query_ns),
        "longest_ms": milliseconds(work.longest_ns),
        "alike": [
            {**fields_json(one, ("fingerprint", "example", "count", "table")), "ms": milliseconds(one.duration_ns)}
            for one in work.alike
        ],
        "tables": [asdict(table) for table in work.tables],
        "transaction": None if work.transaction is None else asdict(work.transaction),
    }


def work_json(sums: WorkSum) -> Json:
    """Database work, added up."""
    return {
        **fields_json(sums, ("queries", "writes", "rows_written", "failed", "alike_count")),
        "query_ms": milliseconds(sums.query_ns),
    }


def long_transaction_json(one: LongTransaction) -> Json:
    """A transaction that lasted long after its first write."""
    return {**asdict(one), "tables": list(one.tables)}


def long_statement_json(one: LongStatement) -> Json:
    """A statement that took long."""
    names = ("alias", "kind", "started_at", "table", "example", "in_transaction", "receiver", "failed")
    return {**fields_json(one, names), "duration_ms": milliseconds(one.duration_ns)}


def lock_wait_json(wait: LockWait) -> Json:
    """A statement that may have waited for another request's lock."""
    return {
        **fields_json(wait, ("holder_id", "holder_name")),
        "statement": long_statement_json(wait.statement),
        "transaction": long_transaction_json(wait.holder),
        "overlap_ms": milliseconds(wait.overlap_ns),
    }


def dispatch_json(dispatch: Dispatch) -> Json:
    """A dispatch with its receiver calls."""
    return {
        **fields_json(dispatch, DISPATCH_FIELDS),
        "duration_ms": milliseconds(dispatch.duration_ns),
        "receivers_ms": milliseconds(dispatch.receivers_ns),
        "self_ms": milliseconds(dispatch.self_ns),
        "waiting_ms": milliseconds(dispatch.waiting_ns),
        "outside_ms": outside_json(dispatch.all_outside),
        "call_site": None if dispatch.call_site is None else asdict(dispatch.call_site),
        "outside_receivers_ms": milliseconds(dispatch.outside_receivers_ns),
        "failure": failure_json(dispatch.failure),
        "database": work_json(dispatch.work),
        "arguments": None if dispatch.arguments is None else asdict(dispatch.arguments),
        "calls": [call_json(call) for call in dispatch.calls],
    }


def outside_json(outside: Mapping[Outside, int]) -> Json:
    """Time outside receivers, by what was done or waited for."""
    return {kind: milliseconds(duration_ns) for kind, duration_ns in outside.items()}


def totals_json(row: Totals) -> Json:
    """The totals of a receiver, signal or sender; percentiles of too few calls are None."""
    return {
        "name": row.key,
        **fields_json(row, TOTALS_FIELDS),
        **{f"{name}_ms": milliseconds(getattr(row, f"{name}_ns")) for name in TOTALS_DURATIONS},
        "p95_ms": milliseconds(row.p95_ns) if row.has_p95 else None,
        "p99_ms": milliseconds(row.p99_ns) if row.has_p99 else None,
    }


def place_json(place: Place) -> Json:
    """A line at which slow calls were seen."""
    return {**asdict(place.frame), "samples": place.samples, "share": place.share, "file_has_changed": place.changed}


def orphan_sends_json(row: OrphanSends) -> Json:
    """Who sent a signal that found no receiver; ``count`` is of those that were looked at."""
    return {**fields_json(row, ("sender", "count", "last_at")), "sites": frames_json(row.sites)}


def sent_by_json(row: SentBy) -> Json:
    """A sender of a signal."""
    return {
        **fields_json(row, ("sender", "receivers", "stored", "orphans", "views")),
        "sites": frames_json(row.sites),
    }


def view_json(row: ViewTimes) -> Json:
    """The requests to one view."""
    return {
        "view": row.view,
        "count": row.count,
        "slow": row.slow,
        "failed": row.failed,
        "total_ms": milliseconds(row.total_ns),
        "receivers_ms": milliseconds(row.receivers_ns),
        "waiting_ms": milliseconds(row.waiting_ns),
        "receivers_share": row.receivers_share,
        "p50_ms": milliseconds(row.totals.p50_ns) if row.totals else None,
        "p95_ms": milliseconds(row.totals.p95_ns) if row.totals and row.totals.has_p95 else None,
        "max_ms": milliseconds(row.totals.max_ns) if row.totals else None,
        "slow_because_of": row.named_receiver if row.is_guilty else None,
        **(_divided_json(row.totals) if row.totals else {}),
        "last_failed_request": row.totals.last_failure_dispatch if row.totals else None,
    }


def wait_json(row: Wait) -> Json:
    """A receiver, with its calls and its time in requests or outside them."""
    return {
        "name": row.totals.key,
        "calls": row.calls,
        "own_ms": milliseconds(row.own_ns),
        "p50_ms": milliseconds(row.totals.p50_ns),
        "change": None if row.change is None or isinf(row.change) else row.change,
        "is_new": row.change is not None and isinf(row.change),
    }


def waiter_json(row: Waiter) -> Json:
    """Stored calls of a receiver, by who waited and the line that sends."""
    return {
        **fields_json(row, ("kind", "view", "calls")),
        "sent_at": None if row.site is None else asdict(row.site),
        "own_ms": milliseconds(row.own_ns),
        "longest_ms": milliseconds(row.longest_ns),
        "longest_dispatch": row.longest,
    }


def runs_json(row: Totals) -> Json:
    """The runs of one task or command."""
    return {
        row.kind: row.key,
        "count": row.count,
        "failed": row.failures,
        "total_ms": milliseconds(row.total_ns),
        "receivers_ms": milliseconds(row.receivers_ns),
        "waiting_ms": milliseconds(row.waiting_ns),
        "receivers_share": row.receivers_share,
        "p50_ms": milliseconds(row.p50_ns),
        "p95_ms": milliseconds(row.p95_ns) if row.has_p95 else None,
        "max_ms": milliseconds(row.max_ns),
        **_divided_json(row),
    }


def _divided_json(row: Totals) -> Json:
    """What else the time of requests, tasks or commands was, besides receivers and waiting; and their last failure."""
    return {
        "outside_signals_ms": milliseconds(row.self_ns),
        "other_ms": milliseconds(row.other_ns),
        "last_failure": row.last_failure,
        "last_failed_at": row.last_failure_at,
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
        "receivers_ms": milliseconds(request.receivers_ns),
        "waiting_ms": milliseconds(request.waiting_ns),
        "outside_ms": outside_json(request.outside),
        "after_ms": milliseconds(request.after_ns),
        "database": work_json(request.work),
        "databases": [database_json(work) for work in request.databases],
        "transactions": [long_transaction_json(one) for one in request.transactions],
        "statements": [long_statement_json(one) for one in request.statements],
        "failure": failure_json(request.failure),
    }


def receiver_sum_json(row: ReceiverSum, request: Request) -> Json:
    """The calls of one receiver in a request."""
    return {
        **fields_json(row, ("receiver", "calls", "slow", "failed", "queries")),
        "total_ms": milliseconds(row.total_ns),
        "self_ms": milliseconds(row.self_ns),
        "longest_ms": milliseconds(row.longest_ns),
        "query_ms": milliseconds(row.query_ns),
        "share": request.share_of(row.self_ns),
    }


def finding_json(finding: Finding) -> Json:
    """A finding."""
    return {**fields_json(finding, FINDING_FIELDS), "cost_ms": milliseconds(finding.cost_ns)}
