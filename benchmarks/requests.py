"""What a request costs that saves twenty rows with three receivers each, in one process and behind servers.

    python -m benchmarks.requests                                  in one process and under gunicorn
    python -m benchmarks.requests --quick                          a first look
    python -m benchmarks.requests --scenarios daphne uvicorn       under other servers, with fewer subjects
    python -m benchmarks.requests --python .venv/bin/python other/bin/python --write --json requests.json

Every subject is a process of its own, and is compared in each round with Django alone in the same round. CPU time is
that of the whole server process, after everything deferred was done. p50 and p99 are those of the duration of
a request while the monitor's worker runs; under a server (one process, one thread unless it says more) the client
measures it. Every subject proves after every batch how much it has recorded, and the command fails if that is not
what was sent.

With --write, the other servers that are installed are measured as well, and the chart and the summary on top of
the page are written, those of the last interpreter.
The dependency group "benchmarks" has gunicorn and OpenTelemetry's instrumentation. Run nothing else meanwhile.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial

from . import command, summary, targets
from .children import Measured, running_children, say
from .places import COMPARED, FURTHER, SERVERS
from .report import Result, Table
from .rounds import Samples, Task, measure
from .server import running_server
from .subjects import ANSWERING, VANILLA, Subject

REQUESTS = 300
QUICK_REQUESTS = 20
PLACES = (*targets.PLACES, *FURTHER)
_CLOCKS = {"cpu": "CPU time of a request", "p50": "Median time of a request", "p99": "99th percentile of that time"}
TABLES = (
    *(Table(title, clock, {place: place for place in targets.PLACES}, "ms", 1e6) for clock, title in _CLOCKS.items()),
    *(
        Table(f"{title}, other servers", clock, {name: SERVERS[name].title for name in FURTHER}, "ms", 1e6)
        for clock, title in _CLOCKS.items()
    ),
)


@contextmanager
def running_servers(place: str, python: str, subjects: Mapping[str, Subject]) -> Iterator[Mapping[str, Measured]]:
    """The subjects behind a server."""
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(running_server(python, name, subject, SERVERS[place]))
            for name, subject in subjects.items()
        }


Running = Callable[[str, Mapping[str, Subject]], AbstractContextManager[Mapping[str, Measured]]]


def running(place: str) -> Running:
    """What runs the subjects in a place."""
    return partial(running_servers, place) if place in SERVERS else running_children


def places(python: str, options: argparse.Namespace) -> list[str]:
    """The places that are chosen, without servers that are not installed."""
    wanted = options.scenarios or (PLACES if options.write is not None else targets.PLACES)
    lacking = [name for name in wanted if name in SERVERS and not SERVERS[name].is_installed(python)]
    for name in lacking:
        say(f"{name} is passed over: it is not installed for {python}")
    return [name for name in wanted if name not in lacking]


def measured(python: str, options: argparse.Namespace) -> Result:
    """Measure with one interpreter."""
    rounds, count = (command.QUICK_ROUNDS, QUICK_REQUESTS) if options.quick else (options.rounds, options.requests)
    samples = Samples()
    versions = command.versions(python)
    say(f"{python}: Python {versions['python']}, {rounds} rounds")
    for place in places(python, options):
        subjects = command.chosen(ANSWERING, options.subjects, (VANILLA,))
        if place in FURTHER and not options.subjects:
            subjects = {name: subject for name, subject in subjects.items() if name in COMPARED}
        say(f"{place}: {len(subjects)} subjects")
        todo = [Task(place, name, "requests", {"count": count}) for name in subjects]
        for portion in command.portions(rounds):
            with running(place)(python, subjects) as started:
                measure(todo, started, portion, samples)
    verdicts = targets.judge(targets.ANSWERING, samples, optimized=bool(versions["optimized"]))
    return Result("requests", versions, {"rounds": rounds, "requests a batch": count}, ANSWERING, samples, verdicts)


def main() -> int:
    """Measure and print; returns the exit status."""
    parser = command.parser(__doc__ or "", ANSWERING, PLACES)
    parser.add_argument("--requests", type=int, default=REQUESTS, help=f"requests in a batch ({REQUESTS})")
    return command.run(command.parsed(parser), "benchmarks.requests", TABLES, measured, summary.write)


if __name__ == "__main__":
    sys.exit(main())
