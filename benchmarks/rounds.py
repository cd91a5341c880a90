"""Rounds: every subject in turn in every scenario, so that a slow machine is slow for all of them."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .children import Measured, say
from .subjects import VANILLA


@dataclass(frozen=True)
class Spread:
    """The median of all rounds, and the quartiles."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: list[float]) -> Spread:
        """The spread of some values."""
        if len(values) == 1:
            return cls(values[0], values[0], values[0])
        low, median, high = statistics.quantiles(values, n=4, method="inclusive")
        return cls(median, low, high)


@dataclass(frozen=True)
class Task:
    """One command for one subject; its results are divided by ``per``."""

    scenario: str
    subject: str
    do: str
    arguments: Mapping[str, Any]
    per: int = 1


class Samples:
    """The results: a number per round for each scenario, subject and clock."""

    def __init__(self) -> None:
        self._values: dict[tuple[str, str, str], list[float]] = defaultdict(list)

    def add(self, task: Task, answer: Mapping[str, float]) -> None:
        """Add an answer, which has numbers by clock."""
        for clock, value in answer.items():
            self._values[task.scenario, task.subject, clock].append(value / task.per)

    def keys(self) -> list[tuple[str, str, str]]:
        """The combinations of scenario, subject and clock that have numbers."""
        return list(self._values)

    @property
    def subjects(self) -> list[str]:
        """The combinations in the order of measurement."""
        return list(dict.fromkeys(subject for _scenario, subject, _clock in self._values))

    def rounds(self, scenario: str, subject: str, clock: str) -> list[float]:
        """The number of each round; empty if it was not measured."""
        return self._values.get((scenario, subject, clock), [])

    def spread(self, scenario: str, subject: str, clock: str) -> Spread | None:
        """The spread of the numbers; None if it was not measured."""
        values = self.rounds(scenario, subject, clock)
        return Spread.of(values) if values else None

    def ratio(self, scenario: str, subject: str, clock: str, base: str = VANILLA) -> Spread | None:
        """The spread of the ratios to another subject in the same round; None if one of them was not measured."""
        pairs = zip(self.rounds(scenario, subject, clock), self.rounds(scenario, base, clock), strict=False)
        values = [value / reference for value, reference in pairs]
        return Spread.of(values) if values else None

    def difference(self, scenario: str, subject: str, clock: str, base: str) -> Spread | None:
        """The spread of what a subject takes more than another in the same round; None if one was not measured."""
        pairs = zip(self.rounds(scenario, subject, clock), self.rounds(scenario, base, clock), strict=False)
        values = [value - reference for value, reference in pairs]
        return Spread.of(values) if values else None


def measure(tasks: Iterable[Task], subjects: Mapping[str, Measured], rounds: range, samples: Samples) -> None:
    """Run every task once per round; in each round, another subject is the first."""
    by_scenario: dict[str, list[Task]] = defaultdict(list)
    for task in tasks:
        if task.subject in subjects:
            by_scenario[task.scenario].append(task)
    for number in rounds:
        say(f"round {number + 1}")
        for group in by_scenario.values():
            first = number % len(group)
            for task in group[first:] + group[:first]:
                samples.add(task, subjects[task.subject].ask(task.do, **task.arguments))


def summary(cpu_ns: int, times_ns: Sequence[int]) -> dict[str, float]:
    """Per request: CPU time, and the median and 99th percentile of the duration."""
    cuts = statistics.quantiles(times_ns, n=100, method="inclusive")
    return {"cpu": cpu_ns / len(times_ns), "p50": cuts[49], "p99": cuts[98]}
