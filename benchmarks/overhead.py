"""What a send costs with django-signal-monitor, compared with Django alone, Sentry and OpenTelemetry.

    python -m benchmarks.overhead                                  everything, with this interpreter
    python -m benchmarks.overhead --quick                          a first look
    python -m benchmarks.overhead --subjects untraced --scenarios caching-1 caching-3 --rounds 30
    python -m benchmarks.overhead --python .venv/bin/python other/bin/python --write --json overhead.json

Every subject is a process of its own. In each round every subject sends a batch in every scenario, in turns, and is
compared with Django alone in the same round; the tables have the median of the rounds and the quartiles. "hot" is the
CPU time of the threads that dispatch, "all-in" that of the whole process after everything deferred was done. Every
subject proves after every batch how much it has recorded, and the command fails if that is not what was sent.

The dependency group "benchmarks" has the other tools; those that are not installed are skipped. Run nothing else
meanwhile.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Mapping

from . import command, targets
from .children import running_children, say
from .report import Result, Table
from .rounds import Samples, Task, measure
from .scenarios import SCENARIOS, Scenario
from .subjects import SENDING, VANILLA, Subject

SENDS = 5_000
QUICK_SENDS = 500
MEMORY = "memory"
WEIGHED = ("untraced", "sampled")
UNCOUNTED = "queries-off"
_KINDS = {"caching": "A signal that caches, as post_save does", "plain": "A signal that does not cache"}


def _columns(prefix: str) -> dict[str, str]:
    return {name: item.title for name, item in SCENARIOS.items() if name.startswith(prefix)}


def _others() -> dict[str, str]:
    shown = {*_columns("caching"), *_columns("plain"), *_columns("query")}
    return {name: item.title for name, item in SCENARIOS.items() if name not in shown}


TABLES = (
    *(
        Table(f"{title}, {clock}, by number of receivers", clock, _columns(kind))
        for kind, title in _KINDS.items()
        for clock in ("hot", "all-in")
    ),
    *(Table(f"Other ways to send, {clock}", clock, _others()) for clock in ("hot", "all-in")),
    Table("Counting queries, hot", "hot", _columns("query"), base=UNCOUNTED),
)


def tasks(scenarios: Iterable[Scenario], subjects: Mapping[str, Subject], sends: int) -> list[Task]:
    """The tasks: every scenario with every subject of its group."""
    return [
        Task(scenario.name, name, "batch", {"scenario": scenario.name, "sends": count}, per=count)
        for scenario in scenarios
        for name, subject in subjects.items()
        if subject.group == scenario.group
        for count in [scenario.sends(sends, subject.slower)]
    ]


def measured(python: str, options: argparse.Namespace) -> Result:
    """Measure with one interpreter."""
    rounds, sends = (command.QUICK_ROUNDS, QUICK_SENDS) if options.quick else (options.rounds, options.sends)
    subjects = command.chosen(SENDING, options.subjects, (VANILLA, UNCOUNTED))
    names = options.scenarios or [*SCENARIOS, MEMORY]
    samples = Samples()
    versions = command.versions(python)
    say(f"{python}: Python {versions['python']}, {len(subjects)} subjects, {rounds} rounds")
    todo = tasks([SCENARIOS[name] for name in names if name != MEMORY], subjects, sends)
    needed = {task.subject for task in todo}
    for portion in command.portions(rounds):
        with running_children(python, {name: item for name, item in subjects.items() if name in needed}) as children:
            measure(todo, children, portion, samples)
    if MEMORY in names:
        weigh(python, {name: item for name, item in subjects.items() if name in WEIGHED}, sends, samples)
    verdicts = targets.judge(targets.SENDING, samples, optimized=bool(versions["optimized"]))
    return Result("overhead", versions, {"rounds": rounds, "sends a batch": sends}, SENDING, samples, verdicts)


def weigh(python: str, subjects: Mapping[str, Subject], sends: int, samples: Samples) -> None:
    """The memory that a dispatch with three receivers takes in the queue."""
    with running_children(python, subjects) as children:
        for name, child in children.items():
            task = Task(MEMORY, name, "memory", {"scenario": "caching-3", "sends": sends})
            samples.add(task, child.ask(task.do, **task.arguments))


def main() -> int:
    """Measure and print; returns the exit status."""
    parser = command.parser(__doc__ or "", SENDING, [*SCENARIOS, MEMORY])
    parser.add_argument("--sends", type=int, default=SENDS, help=f"sends in a batch of the fastest ({SENDS:,})")
    return command.run(command.parsed(parser), "benchmarks.overhead", TABLES, measured)


if __name__ == "__main__":
    sys.exit(main())
