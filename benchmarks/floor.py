"""What a thread beside the requests costs them at least: Django alone, with a thread that works in turns and rests.

    python -m benchmarks.floor                        all rhythms
    python -m benchmarks.floor --rounds 25 --requests 100

The thread counts, and does nothing of the monitor's: what it costs beyond its own time is the change of threads,
Python's global lock and the processors' caches. In each round the rhythms take turns, and are compared with no thread.
CPU time is that of the process, or of the thread that answers; p99 is that of the duration of a request.
"""

from __future__ import annotations

import argparse
import sys
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median, quantiles
from time import perf_counter, process_time_ns, thread_time_ns
from typing import NamedTuple

from .process import Process
from .site import Site


class Rhythm(NamedTuple):
    """How long the thread works in a turn, and how long it rests after it, in milliseconds."""

    turn: float
    rest: float

    def __str__(self) -> str:
        return f"{self.turn:g} ms of work, {self.rest:g} ms of rest"


RHYTHMS = (None, Rhythm(0, 50), Rhythm(0, 4), Rhythm(0.5, 4), Rhythm(1, 20), Rhythm(2, 20), Rhythm(2, 50))
"""One millisecond and twenty are the monitor's own while little is queued."""


class Measured(NamedTuple):
    """One batch: nanoseconds of CPU time a request of the process and of the answering thread, and durations."""

    process: float
    thread: float
    durations: list[int]


@contextmanager
def working(rhythm: Rhythm | None) -> Iterator[None]:
    """A thread that works in a rhythm during a block; with None, no thread."""
    if rhythm is None:
        yield
        return
    stopped = threading.Event()
    thread = threading.Thread(target=_work, args=(rhythm, stopped))
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()


def _work(rhythm: Rhythm, stopped: threading.Event) -> None:
    counted = 0
    while not stopped.wait(rhythm.rest / 1e3):
        ends = perf_counter() + rhythm.turn / 1e3
        while perf_counter() < ends:
            counted += 1


def answered(site: Site, requests: int) -> Measured:
    """Answer so many requests."""
    process, thread = process_time_ns(), thread_time_ns()
    durations = [site.answer_one() for _ in range(requests)]
    return Measured((process_time_ns() - process) / requests, (thread_time_ns() - thread) / requests, durations)


def main() -> int:
    """Measure and print; returns the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=15, help="rounds (15)")
    parser.add_argument("--requests", type=int, default=100, help="requests in a batch (100)")
    options = parser.parse_args()
    site = Site(Process([]))
    answered(site, options.requests)
    found: defaultdict[Rhythm | None, list[Measured]] = defaultdict(list)
    for _ in range(options.rounds):
        for rhythm in RHYTHMS:
            with working(rhythm):
                found[rhythm].append(answered(site, options.requests))
    print(f"{'':32} {'CPU':>6} {'its thread':>10} {'p99':>6}")
    for rhythm in RHYTHMS:
        print(_row(rhythm, found[rhythm], found[None]))
    return 0


def _row(rhythm: Rhythm | None, batches: list[Measured], alone: list[Measured]) -> str:
    pairs = list(zip(batches, alone, strict=True))
    cpu = median(one.process / other.process for one, other in pairs)
    thread = median(one.thread / other.thread for one, other in pairs)
    slowest = _p99(batches) / _p99(alone)
    return f"{rhythm or 'no thread'!s:32} {cpu:6.2f} {thread:10.2f} {slowest:6.2f}"


def _p99(batches: list[Measured]) -> float:
    return quantiles([duration for batch in batches for duration in batch.durations], n=100)[-1]


if __name__ == "__main__":
    sys.exit(main())
