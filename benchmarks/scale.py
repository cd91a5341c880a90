"""What sends cost where there is much of something: receivers, senders, signals, threads, processes, dispatches.

    python -m benchmarks.scale                                     everything, with this interpreter
    python -m benchmarks.scale --quick                             a first look
    python -m benchmarks.scale --scenarios classes-10000 threads-64 --rounds 30
    python -m benchmarks.scale --python .venv/bin/python other/bin/python --write --json scale.json

Sends are measured as by benchmarks.overhead: in rounds, beside Django alone. Beside them are measured the memory that
is kept for each sender, the CPU time of processes that share a SQLite store, and the dispatches a second of which none
is dropped, with the queue as it is in production. Run nothing else meanwhile.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack

from . import command
from .children import Measured, running_children, say
from .report import Result
from .rounds import Samples, Task, measure
from .scale_processes import running_together
from .scale_rows import ROWS
from .scale_tables import KEPT, PROCESSES, QUEUE, lines
from .subjects import QUEUEING, SCALING, SHARING, VANILLA, Subject

SENDS, QUICK_SENDS = 5_000, 500
STEADY_SECONDS, QUEUE_SECONDS = 3, 1.0
WEIGHED = (VANILLA, "untraced")
SCENARIOS = (*ROWS, *KEPT, *PROCESSES, QUEUE)
SHARING_ROUNDS = command.ROUNDS_PER_PROCESS
"""What takes seconds, whatever is sent, is measured in fewer rounds, as are rows of ten thousand and more."""


def measured(python: str, options: argparse.Namespace) -> Result:
    """Measure with one interpreter."""
    rounds, sends = (command.QUICK_ROUNDS, QUICK_SENDS) if options.quick else (options.rounds, options.sends)
    names = options.scenarios or SCENARIOS
    versions = command.versions(python)
    samples = Samples()
    say(f"{python}: Python {versions['python']}, {rounds} rounds")
    _sending(python, names, command.chosen(SCALING, options.subjects, (VANILLA,)), (rounds, sends), samples)
    parts: tuple[Callable[..., None], ...] = (_keeping, _sharing, _queueing)
    for part in parts:
        part(python, names, rounds, sends, samples)
    subjects = {**SCALING, **QUEUEING, **SHARING}
    return Result("scale", versions, {"rounds": rounds, "sends a batch": sends}, subjects, samples, [], lines)


def _sending(
    python: str, names: Sequence[str], subjects: Mapping[str, Subject], counts: tuple[int, int], samples: Samples
) -> None:
    rounds, sends = counts
    todo = [
        Task(name, subject, "scale", {"row": name, "sends": sends})
        for name in ROWS
        if name in names
        for subject in subjects
    ]
    for number, portion in enumerate(command.portions(rounds) if todo else ()):
        tasks = [task for task in todo if number == 0 or not ROWS[task.scenario].is_large]
        with running_children(python, subjects) as children:
            measure(tasks, children, portion, samples)


def _keeping(python: str, names: Sequence[str], _rounds: int, _sends: int, samples: Samples) -> None:
    for name, row in KEPT.items():
        if name in names:
            with running_children(python, {subject: SCALING[subject] for subject in WEIGHED}) as children:
                for subject, child in children.items():
                    samples.add(Task(name, subject, "kept", {}), child.ask("kept", row=row))


def _sharing(python: str, names: Sequence[str], rounds: int, sends: int, samples: Samples) -> None:
    seconds = 1 if sends < SENDS else STEADY_SECONDS
    for name, count in PROCESSES.items():
        if name not in names:
            continue
        say(f"{count} processes that share a store")
        todo = [Task(name, subject, "steady", {"seconds": seconds}) for subject in SHARING]
        with ExitStack() as stack:
            together: Mapping[str, Measured] = {
                subject: stack.enter_context(running_together(python, subject, SHARING[subject], count))
                for subject in SHARING
            }
            measure(todo, together, range(min(rounds, SHARING_ROUNDS)), samples)


def _queueing(python: str, names: Sequence[str], rounds: int, sends: int, samples: Samples) -> None:
    if QUEUE in names:
        say("dispatches a second")
        seconds = QUEUE_SECONDS / 10 if sends < SENDS else QUEUE_SECONDS
        with running_children(python, QUEUEING) as children:
            todo = [Task(QUEUE, subject, "undropped", {"seconds": seconds}) for subject in QUEUEING]
            measure(todo, children, range(min(rounds, SHARING_ROUNDS)), samples)


def main() -> int:
    """Measure and print; returns the exit status."""
    parser = command.parser(__doc__ or "", SCALING, SCENARIOS)
    parser.add_argument("--sends", type=int, default=SENDS, help=f"sends in a batch ({SENDS:,})")
    return command.run(command.parsed(parser), "benchmarks.scale", (), measured)


if __name__ == "__main__":
    sys.exit(main())
