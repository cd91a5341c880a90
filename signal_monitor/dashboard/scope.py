"""What a page is about: a period, and all processes or some of them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from signal_monitor.dashboard import formatting
from signal_monitor.dashboard.fields import ALL, DEFAULT_PERIOD, NOW, PERIODS, SERVING, since, start_of
from signal_monitor.dashboard.processes import ProcessState
from signal_monitor.finding import Finding
from signal_monitor.findings.evidence import EXAMPLES
from signal_monitor.stores.retention import WINDOWS_KEPT_SECONDS

MENU_PROCESSES = 12
"""Processes in the menu: those that are alive, then those that ended last."""
LONGEST_TITLE = 40
REPORTS_APART_SECONDS = 30.0
"""A process that was started so shortly after another has ended takes its place."""


@dataclass(frozen=True)
class Scope:
    """A period and a choice of processes, as the parameters ``period`` and ``process`` have them."""

    period: str = ""
    process: str = ""

    @classmethod
    def of(cls, params: Mapping[str, str]) -> Scope:
        """The scope of a page with these parameters."""
        return cls(params.get("period", "") or DEFAULT_PERIOD, params.get("process", "") or ALL)

    @property
    def start(self) -> float | None:
        """The moment that was chosen, or the oldest that totals are kept for; None for a period with a length."""
        start = start_of(self.period)
        return None if start is None else max(start, time.time() - WINDOWS_KEPT_SECONDS)

    @property
    def since(self) -> float | None:
        """The start of the period, in seconds since the epoch; None for everything stored."""
        return since(self.period) if self.start is None else self.start

    @property
    def words(self) -> str:
        """The period in a sentence: "the last 15 min"."""
        if self.start is not None:
            return f"the time since {formatting.minute(self.start, time.time())}"
        return f"the last {PERIODS[self.period][0]}" if PERIODS[self.period][1] else "all that is stored"

    @property
    def label(self) -> str:
        """The period in the menu: "Last 15 min"."""
        if self.start is not None:
            return f"Since {formatting.minute(self.start, time.time())}"
        label, seconds = PERIODS[self.period]
        return f"Last {label}" if seconds else label

    def states(self, states: Sequence[ProcessState]) -> Sequence[ProcessState]:
        """The processes that were chosen."""
        if self.process == ALL:
            return states
        if self.process == SERVING:
            return [state for state in states if state.process.serves]
        return [state for state in states if state.process.id == self.process]

    def ids(self, states: Sequence[ProcessState]) -> tuple[str, ...] | None:
        """The ids of these; None for all processes."""
        return None if self.process == ALL else tuple(state.process.id for state in self.states(states))

    def findings(self, findings: Iterable[Finding], ids: Sequence[str] | None) -> list[Finding]:
        """The findings that were seen in these processes, or may have been: a finding names a few."""
        if ids is None:
            return list(findings)
        return [row for row in findings if not 0 < len(row.processes) < EXAMPLES or set(ids) & set(row.processes)]


@dataclass(frozen=True)
class Choice:
    """An entry of the menu, with the query string that chooses it."""

    label: str
    query: str
    is_current: bool


@dataclass(frozen=True)
class Menu:
    """The menu of periods and processes."""

    label: str
    periods: Sequence[Choice]
    processes: Sequence[Choice]


def menu(params: Mapping[str, str], argument: str, states: Sequence[ProcessState]) -> Menu:
    """The menu of a page with these parameters; ``argument`` is the one of its path."""
    scope = Scope.of(params)
    kept = {key: value for key, value in params.items() if value and key not in {argument, "before"}}

    def choice(label: str, **changes: str) -> Choice:
        chosen = {"period": scope.period, "process": scope.process, **changes}
        is_current = chosen == {"period": scope.period, "process": scope.process}
        return Choice(label, f"?{urlencode({**kept, **chosen})}", is_current)

    periods = [choice(f"Last {label}" if seconds else label, period=key) for key, (label, seconds) in PERIODS.items()]
    periods.append(choice("From now on", period=NOW))
    if scope.start is not None:
        periods.append(choice(scope.label))
    shown = _shown(states, scope.process)
    processes = [choice("All processes", process=ALL), choice("Those that serve", process=SERVING)]
    processes += [choice(_title(state, shown), process=state.process.id) for state in shown]
    if not any(row.is_current for row in processes):
        processes.append(choice("A process that is not stored"))
    current = next(row.label for row in processes if row.is_current)
    return Menu(scope.label if scope.process == ALL else f"{scope.label}, {current}", periods, processes)


def _shown(states: Sequence[ProcessState], chosen: str) -> list[ProcessState]:
    first = [state for state in states if state.process.count == 1][:MENU_PROCESSES]
    return first + [state for state in states if state.process.id == chosen and state not in first]


def _title(state: ProcessState, shown: Sequence[ProcessState]) -> str:
    """The title, with the number of the process where others have the same title."""
    title = state.process.title
    shorter = title if len(title) <= LONGEST_TITLE else f"{title[: LONGEST_TITLE - 1]}…"
    alike = sum(1 for other in shown if other.process.title == title)
    number = f" {state.process.pid}" if alike > 1 and state.process.pid else ""
    return f"{shorter}{number}{' (ended)' if state.gone else ''}"


def covers(states: Iterable[ProcessState], start: float, end: float) -> bool:
    """Whether one of these processes was running at any moment of a time, but for short restarts."""
    reached = start
    for state in sorted(states, key=lambda state: state.process.started_at):
        if state.process.started_at > reached + REPORTS_APART_SECONDS:
            break
        reached = max(reached, state.process.seen_at)
    return reached + REPORTS_APART_SECONDS >= end and start >= time.time() - WINDOWS_KEPT_SECONDS
