"""What tells an instrumented run from a plain one, and which of that is only a test's own whim."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from .suite import Mode, Run

Aspect: TypeAlias = Literal["outcome", "said"]

REPEATS = 3
# So many tests that differ are not whims, and to run each of them again would take hours.
MOST_RERUN = 60
# Django makes it an error, so that only a collection of garbage shows it: in whichever test happens to run.
UNTIMELY = "ResourceWarning"
# How unittest names a test module that it cannot import.
NOT_LOADED = "unittest.loader._FailedTest."


@dataclass(frozen=True, order=True)
class Difference:
    """One aspect of one test, plain and instrumented."""

    test: str
    aspect: Aspect
    plain: str
    instrumented: str

    def __str__(self) -> str:
        return f"{self.test}: {self.plain} plain, {self.instrumented} instrumented"


@dataclass(frozen=True)
class Rerun:
    """A difference after its test was run again, alone, in turn plain and instrumented."""

    difference: Difference
    plain: tuple[str, ...] = ()
    instrumented: tuple[str, ...] = ()

    @property
    def is_flake(self) -> bool:
        """Whether the test differs without the monitor too, or agrees once it is alone; not when it never ran alone."""
        if set(self.plain) | set(self.instrumented) <= {"not run"}:
            return False
        return len(set(self.plain)) > 1 or set(self.plain) == set(self.instrumented)

    def __str__(self) -> str:
        alone = f"alone: {_in_short(self.plain)} plain, {_in_short(self.instrumented)} instrumented"
        return f"{self.difference}\n    {alone if self.plain else 'not run again'}"


@dataclass(frozen=True)
class Verdict:
    """What became of the differences."""

    real: list[Rerun] = field(default_factory=list)
    flakes: list[Rerun] = field(default_factory=list)

    def __str__(self) -> str:
        lines: list[object] = []
        if self.flakes:
            lines += [f"{len(self.flakes)} flakes, which vary without the monitor too, or agree alone:", *self.flakes]
        if self.real:
            lines += [f"{len(self.real)} differences:", *self.real]
        return "\n".join(str(line) for line in lines) or "no test tells the difference"


def differences(plain: Run, instrumented: Run) -> list[Difference]:
    """What the monitor seems to have changed, by test: what became of it, and what it said."""
    found = []
    for test in plain.outcomes.keys() | instrumented.outcomes.keys():
        aspects: list[Aspect] = ["outcome"]
        if test in plain.outcomes and test in instrumented.outcomes:
            aspects.append("said")
        for aspect in aspects:
            difference = Difference(
                test, aspect, *_unlike(*(state(run, test, aspect) for run in (plain, instrumented)))
            )
            if difference.plain != difference.instrumented:
                found.append(difference)
    return sorted(found)


def complaints(instrumented: Run, mode: Mode) -> list[str]:
    """What is wrong with an instrumented run by itself: it failed, saw nothing or took another path."""
    lines = [f"the monitor failed {count} times, last in {place}" for place, count in instrumented.faults.items()]
    if not any(instrumented.observed.values()):
        lines.append("no dispatch was observed in the instrumented run")
    if any(path != mode for path in instrumented.paths):
        lines.append(f"the monitor did not observe in the mode {mode}: does it not know this Django?")
    return lines


def state(run: Run, test: str, aspect: Aspect) -> str:
    """One aspect of a test in a run."""
    if aspect == "said":
        return "\n".join(_timely(run.said.get(test, {})))
    return run.outcomes.get(test) or ("passed" if _passed_unnamed(run, test) else "not run")


def _passed_unnamed(run: Run, test: str) -> bool:
    """Whether a subtest or a fixture has run: only those that fail have ids of their own."""
    label = label_of(test)
    return label != test and any(f"{other}.".startswith(f"{label}.") for other in run.outcomes)


def _timely(said: Mapping[str, int]) -> list[str]:
    return sorted(f"{line} ({count} times)" for line, count in said.items() if not line.startswith(UNTIMELY))


def busiest(run: Run) -> list[tuple[str, float]]:
    """The test apps by dispatches per second, the busiest first."""
    rates = {app: count / run.seconds[app] for app, count in run.observed.items() if count}
    return sorted(rates.items(), key=lambda item: -item[1])


def _unlike(plain: str, instrumented: str) -> tuple[str, str]:
    """Without the lines that both have."""
    ours, theirs = plain.splitlines(), instrumented.splitlines()
    return (
        "; ".join(line for line in ours if line not in theirs) or "nothing more",
        "; ".join(line for line in theirs if line not in ours) or "nothing more",
    )


def rerun(
    found: Sequence[Difference],
    run_alone: Callable[[str, Mode], Run],
    mode: Mode,
    tell: Callable[[str], object] = lambda _: None,
) -> Verdict:
    """Run each differing test again, alone and several times, in turn plain and in the mode where it differed."""
    verdict = Verdict()
    reruns: dict[str, list[tuple[Run, Run]]] = {}
    for label in list(dict.fromkeys(label_of(difference.test) for difference in found))[:MOST_RERUN]:
        tell(label)
        reruns[label] = [(run_alone(label, "plain"), run_alone(label, mode)) for _ in range(REPEATS)]
    for difference in found:
        judged = _judge(difference, reruns.get(label_of(difference.test), []))
        (verdict.flakes if judged.is_flake else verdict.real).append(judged)
    return verdict


def label_of(test_id: str) -> str:
    """What runtests.py calls a test: a subtest is run with its test, a broken fixture with its class or module."""
    if fixture := re.fullmatch(r"\w+ \(([\w.]+)\)", test_id):
        return fixture[1]
    return test_id.partition(" ")[0].removeprefix(NOT_LOADED)


def _judge(difference: Difference, runs: Iterable[tuple[Run, Run]]) -> Rerun:
    states = [[state(run, difference.test, difference.aspect) for run in pair] for pair in runs]
    return Rerun(difference, tuple(before for before, _ in states), tuple(after for _, after in states))


def _in_short(states: Iterable[str]) -> str:
    return " / ".join(state.replace("\n", "; ") or "nothing" for state in dict.fromkeys(states))
