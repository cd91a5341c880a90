"""The page of one request."""

from __future__ import annotations

from operator import attrgetter

from django import forms

from signal_monitor.dashboard.fields import MAX_TEXT_LENGTH, PageForm
from signal_monitor.dashboard.pages.base import LIST_ROWS, Context, NotStored, Page, Params
from signal_monitor.dashboard.serializers import Json, dispatch_json, request_json
from signal_monitor.stores.base import Store
from signal_monitor.stores.filters import DispatchFilter


class RequestForm(PageForm):
    """The id."""

    request_id = forms.CharField(max_length=MAX_TEXT_LENGTH)


class RequestPage(Page):
    """A request and those of its dispatches that are stored."""

    name = "request"
    route = "requests/<str:request_id>/"
    title = "Request"
    section = "requests"
    form = RequestForm
    parts = ("request",)

    def fetch(self, store: Store, params: Params) -> Context:
        record = store.request(params.get("request_id", ""))
        if record is None:
            raise NotStored("request")
        dispatches = store.dispatches(DispatchFilter(origin_id=record.id), LIST_ROWS)
        # Not "request": Django's context processors set that.
        return {"record": record, "dispatches": sorted(dispatches, key=attrgetter("started_at", "depth"))}

    def as_json(self, context: Context) -> Json:
        dispatches = [dispatch_json(row) for row in context["dispatches"]]
        return {**request_json(context["record"]), "dispatches": dispatches}
