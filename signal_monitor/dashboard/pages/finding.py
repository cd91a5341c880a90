"""The page of one finding."""

from __future__ import annotations

from dataclasses import dataclass

from django import forms

from signal_monitor.dashboard.fields import MAX_TEXT_LENGTH, PageForm
from signal_monitor.dashboard.pages.base import Context, NotStored, Page, Params
from signal_monitor.dashboard.serializers import Json, finding_json
from signal_monitor.finding import Finding
from signal_monitor.findings.engine import find, find_gone, find_silenced
from signal_monitor.stores.base import Store


@dataclass(frozen=True)
class FindingState:
    """A finding, and whether it still holds; ``gone_since`` is None if that is not known."""

    finding: Finding
    is_silenced: bool = False
    is_gone: bool = False
    gone_since: float | None = None


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
        state = _state_of(store, wanted)
        if state is None:
            raise NotStored("finding")
        found = state.finding
        requests = [request for name in found.requests if (request := store.request(name)) is not None]
        dispatches = [dispatch for name in found.dispatches if (dispatch := store.dispatch(name)) is not None]
        return {"finding": found, "state": state, "requests": requests, "dispatches": dispatches}

    def as_json(self, context: Context) -> Json:
        state: FindingState = context["state"]
        more = {"is_gone": state.is_gone, "gone_since": state.gone_since, "is_silenced": state.is_silenced}
        return {**finding_json(context["finding"]), **more}


def _state_of(store: Store, wanted: str) -> FindingState | None:
    """The finding of an id, as far as the store shows it. Raises StoreError."""
    for finding in find(store):
        if finding.id == wanted:
            return FindingState(finding)
    for finding in find_silenced(store):
        if finding.id == wanted:
            return FindingState(finding, is_silenced=True)
    for gone in find_gone(store):
        if gone.finding.id == wanted:
            return FindingState(gone.finding, is_gone=True, gone_since=gone.since)
    return None
