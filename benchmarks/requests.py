"""What a request costs that saves twenty rows with three receivers each, in one process and under gunicorn.

    python -m benchmarks.requests                                  everything, with this interpreter
    python -m benchmarks.requests --quick                          a first look
    python -m benchmarks.requests --python .venv/bin/python other/bin/python --write --json requests.json

Every subject is a process of its own, and is compared in each round with Django alone in the same round. CPU time is
that of the whole server process, after everything deferred was done. p50 and p99 are those of the duration of
a request while the monitor's worker runs; under gunicorn (one worker, one thread) the client measures it.
Every subject proves after every batch how much it has recorded, and the command fails if that is not what was sent.

The dependency group "benchmarks" has gunicorn and OpenTelemetry's instrumentation. Run nothing else meanwhile.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager

from . import command, targets
from .children import Measured, running_children, say
from .report import Result, Table
from .rounds import Samples, Task, measure
from .server import running_server
from .subjects import ANSWERING, VANILLA, Subject

REQUESTS = 300
QUICK_REQUESTS = 20
IN_PROCESS, UNDER_GUNICORN = targets.PLACES
_CLOCKS = {"cpu": "CPU time of a request", "p50": "Median time of a request", "p99": "99th percentile of that time"}
TABLES = tuple(
    Table(title, clock, {place: place for place in targets.PLACES}, "ms", 1e6) for clock, title in _CLOCKS.items()
)


@contextmanager
def running_servers(python: str, subjects: Mapping[str, Subject]) -> Iterator[Mapping[str, Measured]]:
    """The subjects under gunicorn."""
    with ExitStack() as stack:
        yield {name: stack.enter_context(running_server(python, name, subject)) for name, subject in subjects.items()}


Running = Callable[[str, Mapping[str, Subject]], AbstractContextManager[Mapping[str, Measured]]]
RUNNING: dict[str, Running] = {IN_PROCESS: running_children, UNDER_GUNICORN: running_servers}


def measured(python: str, options: argparse.Namespace) -> Result:
    """Measure with one interpreter."""
    rounds, count = (command.QUICK_ROUNDS, QUICK_REQUESTS) if options.quick else (options.rounds, options.requests)
    subjects = command.chosen(ANSWERING, options.subjects, (VANILLA,))
    samples = Samples()
    versions = command.versions(python)
    say(f"{python}: Python {versions['python']}, {len(subjects)} subjects, {rounds} rounds")
    for place in options.scenarios or targets.PLACES:
        say(place)
        todo = [Task(place, name, "requests", {"count": count}) for name in subjects]
        for portion in command.portions(rounds):
            with RUNNING[place](python, subjects) as running:
                measure(todo, running, portion, samples)
    verdicts = targets.judge(targets.ANSWERING, samples, optimized=bool(versions["optimized"]))
    return Result("requests", versions, {"rounds": rounds, "requests a batch": count}, ANSWERING, samples, verdicts)


def main() -> int:
    """Measure and print; returns the exit status."""
    parser = command.parser(__doc__ or "", ANSWERING, targets.PLACES)
    parser.add_argument("--requests", type=int, default=REQUESTS, help=f"requests in a batch ({REQUESTS})")
    return command.run(command.parsed(parser), "benchmarks.requests", TABLES, measured)


if __name__ == "__main__":
    sys.exit(main())
