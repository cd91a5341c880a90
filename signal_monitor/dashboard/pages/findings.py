"""The list of findings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from signal_monitor.dashboard.fields import PeriodForm
from signal_monitor.dashboard.pages.base import LIST_ROWS, Context, Page, Params
from signal_monitor.dashboard.processes import processes
from signal_monitor.dashboard.scope import Scope
from signal_monitor.dashboard.serializers import Json, finding_json
from signal_monitor.finding import Finding, Kind
from signal_monitor.findings.engine import find
from signal_monitor.stores.base import Store

GROUPS: dict[str, tuple[Kind, ...]] = {
    "People wait": ("Slow", "Hangs", "Queries"),
    "Something fails or is lost": ("Raised", "Swallowed", "Too early", "Too late", "Lost", "Wrong"),
    "Runs too often": ("Too often", "Twice"),
    "Never runs": ("Never runs",),
}
"""The sections of the list, by the kinds of the findings."""


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
        shown = found[:LIST_ROWS]
        return {
            "scope": scope,
            "findings": shown,
            "groups": list(_groups(shown)),
            "left_out": max(0, len(found) - LIST_ROWS),
        }

    def as_json(self, context: Context) -> Json:
        rows = context["findings"]
        return {"findings": [finding_json(row) for row in rows], "left_out": context["left_out"]}


def _groups(findings: Sequence[Finding]) -> Iterator[tuple[str, list[Finding]]]:
    """The sections that have findings."""
    for title, kinds in GROUPS.items():
        if found := [finding for finding in findings if finding.kind in kinds]:
            yield title, found
