"""Results as tables, which are also Markdown, and as JSON."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from .rounds import Samples, Spread
from .subjects import CONTROL, VANILLA, Subject
from .targets import Verdict

NOT_MEASURED = "not measured"
WHY = "[why](#why-targets-are-missed)"
CPU_CLOCKS = ("hot", "all-in", "cpu")
MOST_NOISE = 0.05
MANY = 10.0


@dataclass(frozen=True)
class Table:
    """The rows of a table: scenarios by name, with their titles, for one clock."""

    title: str
    clock: str
    columns: Mapping[str, str]
    unit: str = "ns"
    per_unit: float = 1.0
    base: str = VANILLA


@dataclass(frozen=True)
class Result:
    """All results of one interpreter."""

    benchmark: str
    versions: Mapping[str, Any]
    options: Mapping[str, int]
    subjects: Mapping[str, Subject]
    samples: Samples
    verdicts: Sequence[Verdict]
    further: Callable[[Samples], list[str]] | None = None
    """Makes tables of another shape."""

    @property
    def pair(self) -> str:
        """The versions of Python and Django that the results belong to."""
        return pair_of(self.versions)

    def as_json(self) -> dict[str, Any]:
        """Everything as JSON; ``missed_by`` is 0 if a target is reached, None if it was not measured."""
        return {
            "benchmark": self.benchmark,
            "versions": self.versions,
            "options": self.options,
            "results": [self._row(*key) for key in self.samples.keys()],  # noqa: SIM118 - not a mapping
            "targets": [_target_row(verdict) for verdict in self.verdicts],
        }

    def _row(self, scenario: str, subject: str, clock: str) -> dict[str, Any]:
        taken, beside = self.samples.spread(scenario, subject, clock), self.samples.ratio(scenario, subject, clock)
        return {
            "scenario": scenario,
            "subject": subject,
            "clock": clock,
            "taken": asdict(taken) if taken else None,
            "ratio": asdict(beside) if beside else None,
        }

    def lines(self, tables: Sequence[Table]) -> list[str]:
        """Everything as text."""
        lines = [self._versions(), "", *self._noise(tables)]
        if self.verdicts:
            lines += targets_table(self.verdicts)
        for table in tables:
            lines += self._lines(table)
        return [*lines, *(self.further(self.samples) if self.further is not None else ())]

    def _versions(self) -> str:
        versions = ", ".join(f"{name} {version}" for name, version in self.versions["distributions"].items())
        built = "with" if self.versions["optimized"] else "without"
        options = ", ".join(f"{value} {name}" for name, value in self.options.items())
        return (
            f"Python {self.versions['python']} (built {built} profile-guided optimization), {versions}; "
            f"{self.versions['platform']}, {self.versions['cores']} cores; {options}."
        )

    def _noise(self, tables: Sequence[Table]) -> list[str]:
        """The deviation of the control: smaller differences have no meaning."""
        worst: dict[str, float] = {}
        for table in tables:
            for scenario in table.columns:
                spread = self.samples.ratio(scenario, CONTROL, table.clock)
                if spread:
                    worst[table.clock] = max(worst.get(table.clock, 0.0), abs(spread.median - 1))
        if not worst:
            return []
        off = ", ".join(f"{share:.0%} ({clock})" for clock, share in worst.items())
        busy = any(share > MOST_NOISE for clock, share in worst.items() if clock in CPU_CLOCKS)
        verdict = " **The machine was too busy for these numbers to be trusted.**" if busy else ""
        return [f"The control, Django alone a second time, is off at most by {off}.{verdict}", ""]

    def _lines(self, table: Table) -> list[str]:
        names = [name for name in table.columns if self.samples.spread(name, table.base, table.clock)]
        if not names:
            return []
        rows = [["", *(table.columns[name] for name in names)]]
        for subject in self.samples.subjects:
            cells = [self._cell(table, name, subject) for name in names]
            if any(cells):
                rows.append([self.subjects[subject].title, *cells])
        return ["", f"{table.title}:", "", *markdown(rows)]

    def _cell(self, table: Table, scenario: str, subject: str) -> str:
        if subject == table.base:
            taken = self.samples.spread(scenario, subject, table.clock)
            return f"{taken.median / table.per_unit:,.{0 if table.per_unit == 1 else 2}f} {table.unit}" if taken else ""
        spread = self.samples.ratio(scenario, subject, table.clock, table.base)
        return said(spread)


def pair_of(versions: Mapping[str, Any]) -> str:
    """The versions of Python and Django, without the last part."""
    return f"Python {_series(versions['python'])}, Django {_series(versions['distributions']['Django'])}"


def said(spread: Spread | None) -> str:
    """The median, and the quartiles in brackets; nothing of what was not measured."""
    if spread is None:
        return ""
    return f"{_rounded(spread.median)} ({_rounded(spread.low)} to {_rounded(spread.high)})"


def _rounded(value: float) -> str:
    return f"{value:.2f}" if value < MANY else f"{value:,.1f}"


def _series(version: str) -> str:
    return ".".join(version.split(".")[:2])


def _target_row(verdict: Verdict) -> dict[str, Any]:
    measured = verdict.measured
    return {
        "target": verdict.title,
        "limit": verdict.limit,
        "bound": "least" if verdict.is_least else "most",
        "measured": None if measured is None or math.isinf(measured) else measured,
        "scenario": verdict.scenario,
        "missed_by": None if measured is None else verdict.missed_by,
    }


def targets_table(verdicts: Sequence[Verdict]) -> list[str]:
    """All targets with the measured values, and by how much they were missed."""
    rows = [["target", "limit", "measured (worst scenario)", "reached"]]
    return markdown([*rows, *(_verdict_cells(verdict) for verdict in verdicts)])


def _verdict_cells(verdict: Verdict) -> list[str]:
    limit = f"{'≥' if verdict.is_least else '≤'} {verdict.limit:g}{verdict.unit}"
    if verdict.measured is None:
        return [verdict.title, limit, NOT_MEASURED, ""]
    measured = f"{_number(verdict.measured, verdict.unit)} ({verdict.scenario})"
    missed = f"no, by {_number(verdict.missed_by, verdict.unit)}: {WHY}"
    return [verdict.title, limit, measured, missed if verdict.missed_by else "yes"]


def _number(value: float, unit: str) -> str:
    if math.isinf(value):
        return "nothing added"
    return f"{value:,.0f}{unit}" if unit.strip() == "B" else f"{_rounded(value)}{unit}"


def markdown(rows: Sequence[Sequence[str]]) -> list[str]:
    """A Markdown table with aligned columns; the first row is its head."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    head, *body = [f"| {' | '.join(map(str.ljust, row, widths))} |" for row in rows]
    return [head, f"|{'|'.join('-' * (width + 2) for width in widths)}|", *body]
