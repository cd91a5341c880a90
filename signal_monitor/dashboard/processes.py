"""Processes that report to the store, and the receiver calls that run in them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from signal_monitor.counts import largest
from signal_monitor.records import Process, Request, RunningCall
from signal_monitor.stores.base import Store

SETTLED_SECONDS = 60.0
"""A process that serves no requests or tasks, but runs for so long, does some other lasting work."""
ONE_TIME = {"migrate", "loaddata", "dumpdata", "flush", "test", "shell", "check", "collectstatic", "createsuperuser"}
GONE_AFTER_SECONDS = 10.0  # five reports missed


@dataclass(frozen=True)
class ProcessState:
    """A process and whether it is still alive, as far as the store can tell."""

    process: Process
    now: float

    @property
    def gone(self) -> bool:
        """Whether it has ended, or has not reported for too long."""
        return self.process.ended_at is not None or self.now - self.process.seen_at > GONE_AFTER_SECONDS

    @property
    def is_one_time(self) -> bool:
        """Whether it has served nothing, and is a command that runs once, has ended, or has only begun."""
        if self.process.serves:
            return False
        return self.gone or self.up_seconds < SETTLED_SECONDS or bool(ONE_TIME & set(self.process.title.split()))

    @property
    def up_seconds(self) -> float:
        """How long it has been running, or ran."""
        return (self.process.seen_at if self.gone else self.now) - self.process.started_at

    @property
    def dropped(self) -> int:
        """Records it has lost, for whatever reason."""
        return sum(self.process.dropped.values())


@dataclass(frozen=True)
class Running:
    """A receiver call that has not ended, and its process."""

    call: RunningCall
    state: ProcessState

    @property
    def gone(self) -> bool:
        """Whether its process is gone, so that the end of the call will never be seen."""
        return self.state.gone

    @property
    def running_ns(self) -> float:
        """How long it has been running; in a process that is gone, how long it had been when last reported."""
        if self.gone:
            return self.call.running_ns
        return max(self.call.running_ns, (self.state.now - self.call.started_at) * 1e9)


@dataclass(frozen=True)
class RunningRequest:
    """A request that has not ended, or had not when its process was last heard of."""

    request: Request
    gone: bool


def running_requests(states: Sequence[ProcessState]) -> list[RunningRequest]:
    """Requests that have not ended, those of processes that are gone last, the newest of each first."""
    rows = [
        RunningRequest(_so_far(request, state), state.gone)
        for state in states
        for request in state.process.running_requests
    ]
    return sorted(rows, key=lambda row: (row.gone, -row.request.started_at))


def _so_far(request: Request, state: ProcessState) -> Request:
    """A running request, with its duration up to now."""
    if state.gone or request.status is not None:
        return request
    return replace(request, duration_ns=max(request.duration_ns, round((state.now - request.started_at) * 1e9)))


def processes(store: Store) -> list[ProcessState]:
    """All processes in the store, those alive first."""
    now = time.time()
    return sorted((ProcessState(process, now) for process in store.processes()), key=lambda state: state.gone)


def running(states: Sequence[ProcessState]) -> list[Running]:
    """Receiver calls that have not ended, longest first; those of processes that are gone last."""
    rows = [Running(call, state) for state in states for call in state.process.running]
    return sorted(rows, key=lambda row: (row.gone, -row.running_ns))


def alive(states: Iterable[ProcessState]) -> int:
    """Number of processes that still report."""
    return sum(not state.gone for state in states)


def seen(states: Iterable[ProcessState]) -> int:
    """Number of processes in the store, with those that were added up."""
    return sum(state.process.count for state in states)


def dispatch_rate(states: Iterable[ProcessState]) -> float:
    """Dispatches per second of all processes that are alive."""
    return sum(state.process.rate for state in states if not state.gone)


def dropped(states: Iterable[ProcessState]) -> dict[str, int]:
    """Records lost by all processes, by reason, most first."""
    return _sum(state.process.dropped for state in states)


def orphans(states: Iterable[ProcessState]) -> dict[str, int]:
    """Dispatches that found no receiver, by signal, most first; Django's own signals, which are many, last."""
    counts = _sum(state.process.orphans for state in states)
    return dict(sorted(counts.items(), key=lambda item: item[0].startswith("django.")))


def shown_orphans(states: Iterable[ProcessState]) -> dict[str, int]:
    """The same for a page, where the signals of the fewest are added up if there are very many."""
    return largest(orphans(states))


def _sum(counts: Iterable[dict[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for count in counts:
        total.update(count)
    return dict(total.most_common())
