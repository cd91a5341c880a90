"""The list of requests."""

from __future__ import annotations

from functools import partial

from django.conf import settings

from signal_monitor.checks import MIDDLEWARE
from signal_monitor.dashboard.fields import BeforeField, MillisecondsField, PageForm, TextField, TraceIdField
from signal_monitor.dashboard.pages.base import TABLE_ROWS, Context, Page, Params, shown_json, table
from signal_monitor.dashboard.processes import processes, running_requests
from signal_monitor.dashboard.serializers import Json, request_json
from signal_monitor.records import Request
from signal_monitor.stores.base import Store
from signal_monitor.stores.filters import matches, min_ns

REQUESTS_SEARCHED = 5_000
"""Number of the newest requests in which those of a trace are searched."""


class RequestsForm(PageForm):
    """The filter of the table."""

    path = TextField(label="Path contains")
    min_ms = MillisecondsField(label="Took at least, ms")
    trace_id = TraceIdField()
    before = BeforeField()


class RequestsPage(Page):
    """The table of requests."""

    name = "requests"
    route = "requests/"
    title = "Requests"
    form = RequestsForm
    parts = ("requests",)

    def fetch(self, store: Store, params: Params) -> Context:
        form = RequestsForm(dict(params))
        form.is_valid()
        min_ms = form.cleaned_data.get("min_ms") or 0.0
        before = form.cleaned_data.get("before") or 0.0
        trace_id = params.get("trace_id", "")
        read = partial(requests_of_trace, store, trace_id) if trace_id else store.requests
        rows = read(TABLE_ROWS, path=params.get("path", ""), slow_ms=min_ms, before=before)
        stored = {row.id for row in rows}
        running = [
            row
            for row in ([] if before else running_requests(processes(store)))
            if _is_wanted(row.request, params, min_ms) and row.request.id not in stored
        ]
        return {**table(params, rows), "running": running, "has_middleware": MIDDLEWARE in settings.MIDDLEWARE}

    def as_json(self, context: Context) -> Json:
        return {
            "running": [{**request_json(row.request), "process_gone": row.gone} for row in context["running"]],
            "requests": [request_json(row) for row in context["rows"]],
            **shown_json(context),
        }


def _is_wanted(request: Request, params: Params, min_ms: float) -> bool:
    """Whether a running request matches the filter."""
    trace_id = params.get("trace_id", "")
    return (
        matches(params.get("path", ""), request.path)
        and request.duration_ns >= min_ns(min_ms)
        and (not trace_id or request.trace_id == trace_id)
    )


def requests_of_trace(
    store: Store, trace_id: str, limit: int, *, path: str = "", slow_ms: float = 0.0, before: float = 0.0
) -> list[Request]:
    """The stored requests of a trace, newest first; the other parameters are those of ``Store.requests``.

    It reads the newest REQUESTS_SEARCHED requests, which takes some milliseconds per thousand, and only happens when a
    reader asks for a trace.
    """
    stored = store.requests(REQUESTS_SEARCHED, path=path, slow_ms=slow_ms, before=before)
    return [request for request in stored if request.trace_id == trace_id][:limit]
