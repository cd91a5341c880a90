"""Requests: by view, and the newest ones."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter

from django.conf import settings

from signal_monitor.checks import MIDDLEWARE
from signal_monitor.conf import get_config
from signal_monitor.dashboard.fields import (
    BeforeField,
    MillisecondsField,
    PeriodForm,
    TextField,
    TraceIdField,
)
from signal_monitor.dashboard.pages.base import TABLE_ROWS, Context, Page, Params, largest_first, shown_json, table
from signal_monitor.dashboard.processes import processes, running_requests
from signal_monitor.dashboard.scope import Scope
from signal_monitor.dashboard.serializers import Json, request_json, runs_json, view_json
from signal_monitor.dashboard.view_times import read_view_times
from signal_monitor.records import Request, SubjectKind
from signal_monitor.stores.base import Store, Totals
from signal_monitor.stores.filters import matches, min_ns

REQUESTS_SEARCHED = 5_000
"""Number of the newest requests in which those of a trace are searched."""
VIEW_ROWS = 200


class RequestsForm(PeriodForm):
    """The filter of the table."""

    path = TextField(label="Path contains")
    view = TextField(label="Method and view", hint="As in the table by view: POST shop:checkout")
    min_ms = MillisecondsField(label="Took at least, ms")
    trace_id = TraceIdField()
    before = BeforeField()


class RequestsPage(Page):
    """The table of requests."""

    name = "requests"
    route = "requests/"
    title = "Requests"
    form = RequestsForm
    parts = ("views", "requests")
    seconds = 5.0

    def fetch(self, store: Store, params: Params) -> Context:
        form = RequestsForm(dict(params))
        form.is_valid()
        min_ms = form.cleaned_data.get("min_ms") or 0.0
        before = form.cleaned_data.get("before") or 0.0
        scope, states = Scope.of(params), processes(store)
        ids = scope.ids(states)
        rows = read_requests(store, params, TABLE_ROWS, slow_ms=min_ms, before=before, ids=ids)
        stored = {row.id for row in rows}
        running = [
            row
            for row in ([] if before else running_requests(scope.states(states)))
            if _is_wanted(row.request, params, min_ms) and row.request.id not in stored
        ]
        views = read_view_times(store, scope.since, get_config().request_slow_ns, ids)
        return {
            **table(params, rows),
            "scope": scope,
            "requests_count": sum(row.count for row in views),
            "slow_count": sum(row.slow for row in views),
            "running": running,
            "views": views[:VIEW_ROWS],
            "views_left_out": max(0, len(views) - VIEW_ROWS),
            "tasks": _runs(store, "task", scope, ids),
            "commands": _runs(store, "command", scope, ids),
            "has_middleware": MIDDLEWARE in settings.MIDDLEWARE,
        }

    def as_json(self, context: Context) -> Json:
        return {
            "views": [view_json(row) for row in context["views"]],
            "views_left_out": context["views_left_out"],
            "tasks": [runs_json(row) for row in context["tasks"]],
            "commands": [runs_json(row) for row in context["commands"]],
            "running": [{**request_json(row.request), "process_gone": row.gone} for row in context["running"]],
            "requests": [request_json(row) for row in context["rows"]],
            **shown_json(context),
        }


def _runs(store: Store, kind: SubjectKind, scope: Scope, ids: Sequence[str] | None) -> Sequence[Totals]:
    """The runs of tasks or commands in the period, most time first."""
    rows = store.totals(kind, scope.since, processes=ids)
    return largest_first(rows, attrgetter("total_ns"))[:VIEW_ROWS]


def _is_wanted(request: Request, params: Params, min_ms: float) -> bool:
    """Whether a running request matches the filter."""
    return (
        matches(params.get("path", ""), request.path)
        and request.duration_ns >= min_ns(min_ms)
        and matches(params.get("view", ""), request.view_key)
        and _is_of(request, params.get("trace_id", ""))
    )


def _is_of(request: Request, trace_id: str) -> bool:
    """Whether a request is of a trace, if one is given."""
    return not trace_id or request.trace_id == trace_id


def read_requests(
    store: Store,
    params: Params,
    limit: int,
    *,
    slow_ms: float = 0.0,
    before: float = 0.0,
    ids: Sequence[str] | None = None,
) -> list[Request]:
    """The stored requests that match the filter, newest first.

    For a trace it reads the newest REQUESTS_SEARCHED requests, which takes some milliseconds per thousand.
    """
    path, view, trace_id = (params.get(name, "") for name in ("path", "view", "trace_id"))
    searched = REQUESTS_SEARCHED if trace_id else limit
    stored = store.requests(searched, path=path, view=view, slow_ms=slow_ms, before=before, processes=ids)
    return [request for request in stored if _is_of(request, trace_id)][:limit]
