"""The overview: the verdict, what runs now, the slow views, and what people wait for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from signal_monitor.conf import get_config
from signal_monitor.dashboard import processes
from signal_monitor.dashboard.fields import PeriodForm
from signal_monitor.dashboard.formatting import milliseconds
from signal_monitor.dashboard.pages.base import Context, Page, Params
from signal_monitor.dashboard.processes import ProcessState, Running
from signal_monitor.dashboard.scope import Scope
from signal_monitor.dashboard.serializers import (
    Json,
    finding_json,
    running_json,
    totals_json,
    view_json,
    wait_json,
)
from signal_monitor.dashboard.situation import read_situation
from signal_monitor.dashboard.verdicts import Situation, Verdict, judge
from signal_monitor.dashboard.view_times import ViewTimes
from signal_monitor.dashboard.waiting import NO_WAITS, Waits, read_waits
from signal_monitor.finding import Finding
from signal_monitor.findings.engine import find_lately, newest_first
from signal_monitor.records import Dispatch, Request
from signal_monitor.stores.base import Store, Totals

CARD_ROWS = 8
VIEW_ROWS = 8
FINDING_ROWS = 5
NEWEST_ROWS = 2
"""Of these rows, the ones for what has happened last."""


@dataclass(frozen=True)
class Overview:
    """The figures of the overview, from the totals of a period and the state of the processes."""

    receivers: Sequence[Totals]
    signals: Sequence[Totals]
    processes: Sequence[ProcessState]
    situation: Situation
    waits: Waits = NO_WAITS
    found: Sequence[Finding] = ()
    traces: Mapping[str, Dispatch | Request] = field(default_factory=dict)

    @property
    def findings(self) -> Sequence[Finding]:
        """The worst ones, and of the others those with the latest news."""
        worst, others = self.found[: FINDING_ROWS - NEWEST_ROWS], self.found[FINDING_ROWS - NEWEST_ROWS :]
        return [*worst, *newest_first(others)[:NEWEST_ROWS]]

    @property
    def findings_count(self) -> int:
        """All findings."""
        return len(self.found)

    @property
    def findings_left_out(self) -> int:
        """The findings that only their own page shows."""
        return len(self.found) - len(self.findings)

    @property
    def verdict(self) -> Verdict:
        """The first sentence of the page."""
        return judge(self.situation)

    @property
    def views(self) -> list[ViewTimes]:
        """The views with slow requests, most time in these first; without any, those with most time in all."""
        slow = sorted((row for row in self.situation.views if row.slow), key=lambda row: -row.slow_ns)
        return (slow or list(self.situation.views))[:VIEW_ROWS]

    @property
    def failing_besides(self) -> list[Totals]:
        """Of the failing receivers, those that no finding is about."""
        named = {finding.subject for finding in self.found}
        return [row for row in self.failing if row.key not in named]

    @property
    def orphans_besides(self) -> dict[str, int]:
        """Dispatches without a receiver, of signals that are not Django's and that no finding is about."""
        named = {name for finding in self.found for name in (finding.subject, *finding.signals)}
        return {
            name: number
            for name, number in self.orphans.items()
            if not name.startswith("django.") and not named & {name, name.rpartition(".")[2]}
        }

    @property
    def failing(self) -> list[Totals]:
        """Receivers that raised, the last failure first."""
        failing = [row for row in self.receivers if row.failures]
        return sorted(failing, key=lambda row: row.last_failure_at or 0, reverse=True)[:CARD_ROWS]

    @property
    def calls(self) -> int:
        """Receiver calls in the period."""
        return sum(row.count for row in self.receivers)

    @property
    def failures(self) -> int:
        """Dispatches in the period that failed, or a receiver of which did."""
        return sum(row.failures for row in self.signals)

    @property
    def slow(self) -> int:
        """Dispatches in the period that reached their limit, or a receiver of which did."""
        return sum(row.slow for row in self.signals)

    @property
    def rate(self) -> float:
        """Dispatches per second of all processes that are alive."""
        return processes.dispatch_rate(self.processes)

    @property
    def running(self) -> list[Running]:
        """Receiver calls that have not ended."""
        return processes.running(self.processes)

    @property
    def running_alive(self) -> list[Running]:
        """Receiver calls that have not ended, in processes that are alive."""
        return [row for row in self.running if not row.gone]

    @property
    def running_gone(self) -> list[Running]:
        """Receiver calls that had not ended when their process was stopped or killed."""
        return [row for row in self.running if row.gone]

    @property
    def dropped(self) -> dict[str, int]:
        """Records lost by all processes, by reason."""
        return processes.dropped(self.processes)

    @property
    def dropped_count(self) -> int:
        """Records lost by all processes."""
        return sum(self.dropped.values())

    @property
    def orphans(self) -> dict[str, int]:
        """Dispatches that found no receiver, by signal."""
        return processes.shown_orphans(self.processes)

    @property
    def seen(self) -> int:
        """Processes that have reported."""
        return processes.seen(self.processes)

    @property
    def alive(self) -> int:
        """Processes that still report."""
        return processes.alive(self.processes)


def _traced(store: Store, findings: Sequence[Finding]) -> dict[str, Dispatch | Request]:
    """The last dispatch or request that shows each finding, where traces can be opened."""
    if not get_config().TRACE_URL:
        return {}
    found = {row.id: _last_record(store, row) for row in findings}
    return {key: record for key, record in found.items() if record is not None and record.span_id is not None}


def _last_record(store: Store, finding: Finding) -> Dispatch | Request | None:
    if finding.requests:
        return store.request(finding.requests[0])
    return store.dispatch(finding.dispatches[0]) if finding.dispatches else None


class OverviewPage(Page):
    """The first page."""

    name = "overview"
    route = ""
    title = "Overview"
    form = PeriodForm
    parts = ("verdict", "running", "findings", "views", "waits", "outside", "failing", "orphans")

    def fetch(self, store: Store, params: Params) -> Context:
        scope, everywhere = Scope.of(params), processes.processes(store)
        states, ids = scope.states(everywhere), scope.ids(everywhere)
        receivers = store.totals("receiver", scope.since, processes=ids)
        overview = Overview(
            receivers=receivers,
            signals=store.totals("signal", scope.since, processes=ids),
            processes=states,
            situation=read_situation(store, states, receivers, scope, ids),
            waits=read_waits(store, scope, states, receivers, ids),
            found=scope.findings(find_lately(store, scope.since), ids),
        )
        return {"scope": scope, "overview": replace(overview, traces=_traced(store, overview.findings))}

    def as_json(self, context: Context) -> Json:
        overview: Overview = context["overview"]
        verdict = overview.verdict
        return {
            "verdict": {"kind": verdict.kind, "heading": verdict.heading, "text": verdict.plain_text},
            "requests": overview.situation.requests,
            "slow_requests": overview.situation.slow,
            "failed_requests": sum(row.failed for row in overview.situation.views),
            "receivers_share": overview.situation.receivers_share,
            "waiting_share": overview.situation.waiting_share,
            "views": [view_json(row) for row in overview.situation.views],
            "findings": [finding_json(row) for row in overview.findings],
            "findings_count": overview.findings_count,
            "slow_from_ms": milliseconds(context["slow_ns"]),
            "dispatches_per_second": overview.rate,
            "calls": overview.calls,
            "slow": overview.slow,
            "failures": overview.failures,
            "slow_calls": sum(row.slow for row in overview.receivers),
            "failed_calls": sum(row.failures for row in overview.receivers),
            "receivers": len(overview.receivers),
            "dropped": overview.dropped,
            "processes": overview.seen,
            "processes_alive": overview.alive,
            "orphans": overview.orphans,
            "running": [running_json(row) for row in overview.running],
            "waited_for": [wait_json(row) for row in overview.waits.in_requests],
            "outside_requests": [wait_json(row) for row in overview.waits.outside],
            "failing": [totals_json(row) for row in overview.failing],
        }
