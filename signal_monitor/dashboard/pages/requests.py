"""The list of requests."""

from __future__ import annotations

from functools import partial

from django.conf import settings

from signal_monitor.checks import MIDDLEWARE
from signal_monitor.dashboard.fields import BeforeField, MillisecondsField, PageForm, TextField, TraceIdField
from signal_monitor.dashboard.pages.base import TABLE_ROWS, Context, Page, Params, table
from signal_monitor.dashboard.serializers import Json, request_json
from signal_monitor.records import Request
from signal_monitor.stores.base import Store

REQUESTS_SEARCHED = 5_000
"""Number of the newest requests in which those of a trace are searched."""


class RequestsForm(PageForm):
    """The filter of the table."""

    path = TextField(label="Path contains")
    min_ms = MillisecondsField(label="At least, ms")
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
        return {**table(params, rows), "has_middleware": MIDDLEWARE in settings.MIDDLEWARE}

    def as_json(self, context: Context) -> Json:
        return {"requests": [request_json(row) for row in context["rows"]]}


def requests_of_trace(
    store: Store, trace_id: str, limit: int, *, path: str = "", slow_ms: float = 0.0, before: float = 0.0
) -> list[Request]:
    """The stored requests of a trace, newest first; the other parameters are those of ``Store.requests``.

    It reads the newest REQUESTS_SEARCHED requests, which takes some milliseconds per thousand, and only happens when a
    reader asks for a trace.
    """
    stored = store.requests(REQUESTS_SEARCHED, path=path, slow_ms=slow_ms, before=before)
    return [request for request in stored if request.trace_id == trace_id][:limit]
