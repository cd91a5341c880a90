"""The lists of signals, receivers and senders with their totals; they share this base and its template."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import ClassVar

from signal_monitor.dashboard.fields import ChoiceField, PeriodForm
from signal_monitor.dashboard.pages.base import LIST_ROWS, Context, Page, Params, largest_first
from signal_monitor.dashboard.processes import processes
from signal_monitor.dashboard.scope import Scope
from signal_monitor.dashboard.serializers import Json, totals_json
from signal_monitor.records import SubjectKind
from signal_monitor.stores.base import Store, Totals

DEFAULT_SORT = "p95"
SORTS: dict[str, tuple[str, Callable[[Totals], float]]] = {
    "p95": ("p95", attrgetter("high_ns")),
    "total": ("Own time", attrgetter("self_ns")),
    "waiting": ("Waiting", attrgetter("waiting_ns")),
    "slow": ("Slow", attrgetter("slow")),
    "count": ("Count", attrgetter("count")),
    "failures": ("Failures", attrgetter("failures")),
}


class SubjectsForm(PeriodForm):
    """The period and the column to sort by."""

    sort = ChoiceField([(key, label) for key, (label, _figure) in SORTS.items()])


class SubjectsPage(Page):
    """A list of totals of one kind."""

    kind: ClassVar[SubjectKind]
    template = "signal_monitor/subjects.html"
    form = SubjectsForm
    parts = ("subjects",)
    seconds = 5.0

    def fetch(self, store: Store, params: Params) -> Context:
        _label, figure = SORTS[params.get("sort") or DEFAULT_SORT]
        scope = Scope.of(params)
        rows = largest_first(store.totals(self.kind, scope.since, processes=scope.ids(processes(store))), figure)
        return {"kind": self.kind, "rows": rows[:LIST_ROWS], "left_out": max(0, len(rows) - LIST_ROWS)}

    def as_json(self, context: Context) -> Json:
        return {self.name: [totals_json(row) for row in context["rows"]], "left_out": context["left_out"]}
