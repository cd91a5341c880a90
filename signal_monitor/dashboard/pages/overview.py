"""The overview: what is slow, what fails, what runs now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter

from signal_monitor.dashboard import processes
from signal_monitor.dashboard.fields import PeriodForm, since
from signal_monitor.dashboard.formatting import milliseconds
from signal_monitor.dashboard.pages.base import Context, Page, Params, largest_first
from signal_monitor.dashboard.processes import ProcessState, Running
from signal_monitor.dashboard.serializers import Json, running_json, totals_json
from signal_monitor.stores.base import Store, Totals

CARD_ROWS = 8


@dataclass(frozen=True)
class Overview:
    """The figures of the overview, from the totals of all receivers in a period and the state of all processes."""

    receivers: Sequence[Totals]
    processes: Sequence[ProcessState]

    @property
    def slowest(self) -> list[Totals]:
        """Synchronous receivers by p95."""
        return largest_first([row for row in self.receivers if row.blocking], attrgetter("p95_ns"))[:CARD_ROWS]

    @property
    def failing(self) -> list[Totals]:
        """Receivers that raised, the last failure first."""
        failing = [row for row in self.receivers if row.failures]
        return sorted(failing, key=lambda row: row.last_failure_at or 0, reverse=True)[:CARD_ROWS]

    @property
    def busiest(self) -> list[Totals]:
        """Receivers by total time."""
        return largest_first(self.receivers, attrgetter("total_ns"))[:CARD_ROWS]

    @property
    def calls(self) -> int:
        """Receiver calls in the period."""
        return sum(row.count for row in self.receivers)

    @property
    def failures(self) -> int:
        """Receiver calls in the period that raised."""
        return sum(row.failures for row in self.receivers)

    @property
    def slow(self) -> int:
        """Receiver calls in the period that reached their limit."""
        return sum(row.slow for row in self.receivers)

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


class OverviewPage(Page):
    """The first page."""

    name = "overview"
    route = ""
    title = "Overview"
    form = PeriodForm
    parts = ("tiles", "running", "slowest", "failing", "busiest", "orphans")

    def fetch(self, store: Store, params: Params) -> Context:
        states = processes.processes(store)
        return {"overview": Overview(store.totals("receiver", since(params.get("period", ""))), states)}

    def as_json(self, context: Context) -> Json:
        overview: Overview = context["overview"]
        return {
            "slow_from_ms": milliseconds(context["slow_ns"]),
            "dispatches_per_second": overview.rate,
            "calls": overview.calls,
            "slow": overview.slow,
            "failures": overview.failures,
            "dropped": overview.dropped,
            "processes": overview.seen,
            "processes_alive": overview.alive,
            "orphans": overview.orphans,
            "running": [running_json(row) for row in overview.running],
            "slowest": [totals_json(row) for row in overview.slowest],
            "failing": [totals_json(row) for row in overview.failing],
            "most_total_time": [totals_json(row) for row in overview.busiest],
        }
