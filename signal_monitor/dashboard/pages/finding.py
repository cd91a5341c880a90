"""The page of one finding."""

from __future__ import annotations

from django import forms

from signal_monitor.dashboard.fields import MAX_TEXT_LENGTH, PageForm
from signal_monitor.dashboard.pages.base import Context, NotStored, Page, Params
from signal_monitor.dashboard.serializers import Json, finding_json
from signal_monitor.findings.engine import find
from signal_monitor.stores.base import Store


class FindingForm(PageForm):
    """The id."""

    finding_id = forms.CharField(max_length=MAX_TEXT_LENGTH)


class FindingPage(Page):
    """A finding with its evidence, and how to silence it."""

    name = "finding"
    route = "findings/<str:finding_id>/"
    title = "Finding"
    section = "findings"
    form = FindingForm
    parts = ("finding",)

    def fetch(self, store: Store, params: Params) -> Context:
        wanted = params.get("finding_id", "")
        found = next((finding for finding in find(store) if finding.id == wanted), None)
        if found is None:
            raise NotStored("finding")
        requests = [request for name in found.requests if (request := store.request(name)) is not None]
        dispatches = [dispatch for name in found.dispatches if (dispatch := store.dispatch(name)) is not None]
        return {"finding": found, "requests": requests, "dispatches": dispatches}

    def as_json(self, context: Context) -> Json:
        return finding_json(context["finding"])
