"""The lists of signals, receivers and senders with their totals; they share this base and its template."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import ClassVar

from signal_monitor.dashboard.fields import ChoiceField, PeriodForm
from signal_monitor.dashboard.pages.base import LIST_ROWS, Context, Page, Params
from signal_monitor.dashboard.processes import processes
from signal_monitor.dashboard.scope import Scope
from signal_monitor.dashboard.serializers import Json, totals_json
from signal_monitor.records import SubjectKind
from signal_monitor.stores.base import Store, Totals

SORTS: dict[str, tuple[str, Callable[[Totals], float]]] = {
    "waited": ("Waited", attrgetter("waited_ns")),
    "p95": ("p95", attrgetter("high_ns")),
    "total": ("Own time", attrgetter("self_ns")),
    "waiting": ("Waiting", attrgetter("waiting_ns")),
    "slow": ("Slow", attrgetter("slow")),
    "count": ("Calls", attrgetter("count")),
    "failures": ("Failed", attrgetter("failures")),
}


class SubjectsForm(PeriodForm):
    """The period and the column to sort by."""

    sort = ChoiceField([(key, label) for key, (label, _figure) in SORTS.items()])


class SubjectsPage(Page):
    """A list of totals of one kind."""

    kind: ClassVar[SubjectKind]
    first_sort: ClassVar[str] = "total"
    template = "signal_monitor/subjects.html"
    form = SubjectsForm
    parts = ("subjects",)
    seconds = 5.0

    def fetch(self, store: Store, params: Params) -> Context:
        scope, sort = Scope.of(params), params.get("sort") or self.first_sort
        _label, figure = SORTS[sort]
        found = store.totals(self.kind, scope.since, processes=scope.ids(processes(store)))
        rows = sorted(found, key=lambda row: (-figure(row), -row.self_ns, row.key))
        return {
            "kind": self.kind,
            "scope": scope,
            "sorted_by": sort,
            "rows": rows[:LIST_ROWS],
            "left_out": max(0, len(rows) - LIST_ROWS),
        }

    def as_json(self, context: Context) -> Json:
        return {self.name: [totals_json(row) for row in context["rows"]], "left_out": context["left_out"]}
