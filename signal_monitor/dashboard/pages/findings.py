"""The list of findings."""

from __future__ import annotations

from signal_monitor.dashboard.fields import PeriodForm
from signal_monitor.dashboard.pages.base import LIST_ROWS, Context, Page, Params
from signal_monitor.dashboard.processes import processes
from signal_monitor.dashboard.scope import Scope
from signal_monitor.dashboard.serializers import Json, finding_json
from signal_monitor.findings import find
from signal_monitor.stores.base import Store


class FindingsPage(Page):
    """What is wrong, what costs people most first."""

    name = "findings"
    route = "findings/"
    title = "Findings"
    form = PeriodForm
    parts = ("findings",)

    def fetch(self, store: Store, params: Params) -> Context:
        scope = Scope.of(params)
        found = scope.findings(find(store, scope.since), scope.ids(processes(store)))
        return {"findings": found[:LIST_ROWS], "left_out": max(0, len(found) - LIST_ROWS)}

    def as_json(self, context: Context) -> Json:
        rows = context["findings"]
        return {"findings": [finding_json(row) for row in rows], "left_out": context["left_out"]}
