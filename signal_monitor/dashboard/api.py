"""The pages' JSON twins: the same parameters, durations in milliseconds, times in seconds since the epoch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from signal_monitor.dashboard.access import access_required
from signal_monitor.dashboard.formatting import milliseconds
from signal_monitor.dashboard.pages import Context, NotStored, context_of, page_named, view_of
from signal_monitor.dashboard.sources import Overview, ProcessState, Running, outside_ns
from signal_monitor.records import Dispatch, Failure, Frame, ReceiverCall, Request
from signal_monitor.stores.base import StoreError, Totals

Json = dict[str, Any]


@require_safe
@access_required
def twin(request: HttpRequest, /, page: str, **named: str) -> JsonResponse:
    """What a page shows, as JSON."""
    given = {**request.GET.dict(), **named}
    form = page_named(page).form(given)
    errors = {**form.errors, **{key: ["There is no such parameter."] for key in given if key not in form.fields}}
    if errors:
        return _error(400, "Bad parameters.", fields=errors)
    try:
        context = context_of(view_of(page, given))
    except NotStored:
        return _error(404, "The store does not hold this; it was not sampled, was deleted, or never existed.")
    except StoreError as error:
        return _error(503, str(error))
    return JsonResponse(TWINS[page](context), json_dumps_params={"ensure_ascii": False})


def _error(status: int, message: str, **more: object) -> JsonResponse:
    return JsonResponse({"error": {"message": message, **more}}, status=status)


def _failure(failure: Failure | None) -> Json | None:
    if failure is None:
        return None
    return {"type": failure.type, "message": failure.message, "traceback": _frames(failure.traceback)}


def _frame(frame: Frame | None) -> Json | None:
    return None if frame is None else asdict(frame)


def _frames(frames: Iterable[Frame]) -> list[Json]:
    return [asdict(frame) for frame in frames]


def _call(call: ReceiverCall) -> Json:
    return {
        "receiver": call.receiver,
        "index": call.index,
        "outcome": call.outcome,
        "severity": call.severity,
        "offset_ms": milliseconds(call.offset_ns),
        "duration_ms": milliseconds(call.duration_ns),
        "is_async": call.is_async,
        "app": call.app,
        "path": call.path,
        "line": call.line,
        "queries": call.queries,
        "query_ms": None if call.query_ns is None else milliseconds(call.query_ns),
        "span_id": call.span_id,
        "failure": _failure(call.failure),
    }


_DISPATCH_FIELDS = (
    *("id", "root_id", "parent_id", "depth", "signal", "sender", "method", "started_at", "outcome", "severity"),
    *("failed", "process", "thread", "origin_kind", "origin_id", "trace_id", "span_id", "in_transaction"),
    "blocked_loop",
)


def _dispatch(dispatch: Dispatch) -> Json:
    return {
        **{name: getattr(dispatch, name) for name in _DISPATCH_FIELDS},
        "duration_ms": milliseconds(dispatch.duration_ns),
        "call_site": _frame(dispatch.call_site),
        "outside_receivers_ms": milliseconds(outside_ns(dispatch)),
        "failure": _failure(dispatch.failure),
        "calls": [_call(call) for call in dispatch.calls],
    }


_TOTALS_FIELDS = ("count", "failures", "slow", "blocking", "not_run", "app", "path", "line", "last_at")
_TOTALS_FAILURE_FIELDS = ("last_failure", "last_failure_at", "last_failure_dispatch")
_TOTALS_DURATIONS = ("total", "mean", "p50", "p95", "p99", "max")


def _totals(row: Totals) -> Json:
    return {
        "name": row.key,
        **{name: getattr(row, name) for name in (*_TOTALS_FIELDS, *_TOTALS_FAILURE_FIELDS)},
        **{f"{name}_ms": milliseconds(getattr(row, f"{name}_ns")) for name in _TOTALS_DURATIONS},
    }


def _all_totals(rows: Iterable[Totals]) -> list[Json]:
    return [_totals(row) for row in rows]


_RUNNING_FIELDS = (
    *("dispatch_id", "signal", "sender", "method", "receiver", "index", "started_at", "depth", "process", "thread"),
    *("origin_kind", "origin_id", "is_async", "severity"),
)


def _running(row: Running) -> Json:
    return {
        **{name: getattr(row.call, name) for name in _RUNNING_FIELDS},
        "running_ms": milliseconds(row.running_ns),
        "process_gone": row.gone,
        "stack": _frames(row.call.stack),
    }


_PROCESS_FIELDS = (
    *("id", "pid", "host", "title", "started_at", "seen_at", "ended_at", "rate", "dispatches", "queue_length"),
    *("dropped", "orphans", "faults", "last_fault", "versions", "path_mode"),
)


def _process(state: ProcessState) -> Json:
    return {"gone": state.gone, **{name: getattr(state.process, name) for name in _PROCESS_FIELDS}}


_REQUEST_FIELDS = (
    *("id", "method", "path", "view", "status", "started_at", "dispatch_count", "receiver_count", "failed_count"),
    *("slow_count", "process", "trace_id", "span_id", "signal_share"),
)


def _request(request: Request) -> Json:
    return {
        **{name: getattr(request, name) for name in _REQUEST_FIELDS},
        "duration_ms": milliseconds(request.duration_ns),
        "signal_ms": milliseconds(request.signal_ns),
    }


def _overview_twin(context: Context) -> Json:
    overview: Overview = context["overview"]
    return {
        "slow_from_ms": milliseconds(context["slow_ns"]),
        "dispatches_per_second": overview.rate,
        "calls": overview.calls,
        "slow": overview.slow,
        "failures": overview.failures,
        "dropped": overview.dropped_by_reason,
        "processes": len(overview.processes),
        "processes_alive": overview.alive,
        "orphans": overview.orphans,
        "running": [_running(row) for row in overview.running],
        "slowest": _all_totals(overview.slowest),
        "failing": _all_totals(overview.failing),
        "most_total_time": _all_totals(overview.busiest),
    }


def _live_twin(context: Context) -> Json:
    return {
        "dispatches_per_second": context["rate"],
        "request_signals_left_out": context["left_out"],
        "dispatches": [_dispatch(row) for row in context["rows"]],
    }


def _subjects_twin(name: str) -> Callable[[Context], Json]:
    return lambda context: {name: _all_totals(context["rows"]), "left_out": context["left_out"]}


def _pairs(pairs: Sequence[tuple[Dispatch, ReceiverCall | None]]) -> list[Json]:
    return [_dispatch(dispatch) for dispatch, _ in pairs]


def _subject_twin(context: Context) -> Json:
    subject = context["subject"]
    return {
        **_totals(subject.totals),
        "slow_from_ms": milliseconds(context["limit_ns"]),
        "signals" if subject.kind == "receiver" else "receivers": subject.relatives,
        "history": [{"started_at": row.window, **_totals(row)} for row in subject.history],
        "running": [_running(row) for row in subject.running],
        "last_slow": _pairs(subject.slow),
        "last_failed": _pairs(subject.failed),
        **({"orphans": subject.orphans} if subject.kind == "signal" else {}),
    }


def _dispatch_twin(context: Context) -> Json:
    return {
        **_dispatch(context["dispatch"]),
        "stack": _frames(context["dispatch"].stack),
        "tree": [_dispatch(dispatch) for dispatch in context["tree"]],
    }


def _requests_twin(context: Context) -> Json:
    return {"requests": [_request(row) for row in context["rows"]]}


def _request_twin(context: Context) -> Json:
    detail = context["detail"]
    return {**_request(detail.request), "dispatches": [_dispatch(row) for row in detail.dispatches]}


def _health_twin(context: Context) -> Json:
    overview: Overview = context["overview"]
    return {
        "store": context["location"],
        "settings": {name: dict(value) if isinstance(value, Mapping) else value for name, value in context["settings"]},
        "processes": [_process(state) for state in overview.processes],
        "orphans": overview.orphans,
    }


TWINS: Mapping[str, Callable[[Context], Json]] = {
    "overview": _overview_twin,
    "live": _live_twin,
    "signals": _subjects_twin("signals"),
    "signal": _subject_twin,
    "receivers": _subjects_twin("receivers"),
    "receiver": _subject_twin,
    "senders": _subjects_twin("senders"),
    "dispatch": _dispatch_twin,
    "requests": _requests_twin,
    "request": _request_twin,
    "health": _health_twin,
}
