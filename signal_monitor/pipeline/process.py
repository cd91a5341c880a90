"""This process, as the dashboard names it."""

from __future__ import annotations

import itertools
import os
import platform
import secrets
import socket
import sys
import time
from collections import deque
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import django

from signal_monitor.counts import largest
from signal_monitor.errors import errors
from signal_monitor.instrumentation.custom_send import custom_classes
from signal_monitor.instrumentation.hooks import hooks
from signal_monitor.instrumentation.info import orphan_counts
from signal_monitor.instrumentation.install import unobserved
from signal_monitor.instrumentation.record_queue import record_queue
from signal_monitor.records import Process, Request, RunningCall
from signal_monitor.scrubbing import scrub_arguments
from signal_monitor.text import cleaned
from signal_monitor.tracing import Tracing

from .cpu_share import CpuShare

RATE_SECONDS = 5.0
MAX_UNOBSERVED = 3
"""How many send methods that are not observed the mode names."""


class Presence:
    """Whether this process shows itself though it has dispatched nothing: it serves the dashboard."""

    serves_pages = False


class _Rate:
    """How fast a number has grown over the last RATE_SECONDS."""

    def __init__(self) -> None:
        self._recent: deque[tuple[float, float]] = deque()

    def of(self, number: float) -> float:
        """Its growth per second, with its value now."""
        now = time.monotonic()
        self._recent.append((now, number))
        while len(self._recent) > 2 and now - self._recent[1][0] >= RATE_SECONDS:
            self._recent.popleft()
        since, earlier = self._recent[0]
        return (number - earlier) / (now - since) if now > since else 0.0


class ThisProcess:
    """Who this process is, and its counts. ``no_worker`` says why there is no worker thread; empty if there is.

    ``tracing`` returns what becomes of its spans.
    """

    def __init__(self) -> None:
        self.id = self.no_worker = ""
        self.dispatches = 0
        self.dropped: dict[str, int] = {}
        self.serves = False
        self.tracing: Callable[[], Tracing] = Tracing
        self.cpu_share = CpuShare()
        self._dispatch_rate, self._cpu_rate = _Rate(), _Rate()
        self.renew()

    def renew(self) -> None:
        """Be another process: the counts start at nothing. For a forked child."""
        self.id = secrets.token_hex(4)
        self.dispatches = 0
        self.serves = False
        self.dropped = {}
        self.no_worker = ""
        self.started_at = time.time()
        self.cpu_share.forget()
        self._dispatch_rate, self._cpu_rate = _Rate(), _Rate()

    def drop(self, reason: str, count: int) -> None:
        """Count records that were lost."""
        if count:
            self.dropped[reason] = self.dropped.get(reason, 0) + count

    def losses(self) -> dict[str, int]:
        """How many records were lost, by reason."""
        dropped = dict(self.dropped)
        if record_queue.dropped:
            dropped["queue full"] = record_queue.dropped
        return dropped

    def describe(
        self,
        running: tuple[RunningCall, ...],
        running_requests: tuple[Request, ...] = (),
        *,
        ended: bool = False,
    ) -> Process:
        """The record of this process as it is now."""
        now = time.time()
        return Process(
            id=self.id,
            pid=os.getpid(),
            host=cleaned(socket.gethostname()),
            title=cleaned(scrub_arguments(title(sys.argv))),
            started_at=self.started_at,
            seen_at=now,
            ended_at=now if ended else None,
            rate=self._dispatch_rate.of(self.dispatches),
            dispatches=self.dispatches,
            queue_length=len(record_queue),
            worker_percent=100 * self._cpu_rate.of(self.cpu_share.used()),
            dropped=self.losses(),
            orphans=largest(orphan_counts()),
            errors=errors.count,
            last_error=errors.last,
            versions=VERSIONS,
            mode=self._mode(),
            running=running,
            running_requests=running_requests,
            serves=self.serves or Presence.serves_pages,
            tracing=self.tracing(),
        )

    def _mode(self) -> str:
        """How sends are observed, and why there is no worker, if so."""
        mode = observation_mode()
        return f"{mode}; no thread of its own: {self.no_worker}" if self.no_worker else mode


def title(arguments: list[str]) -> str:
    """What a process is, from its command line: the program and its first words, without options and their values."""
    if not arguments or not arguments[0]:
        return "python"
    if arguments[0].startswith("-"):  # -c, or -m while it is being looked for
        return f"python {arguments[0]}"
    program = Path(arguments[0])
    name = program.parent.name if program.name == "__main__.py" else program.name
    words = [
        word
        for before, word in itertools.pairwise(arguments)
        if not before.startswith("-") and not word.startswith("-") and "=" not in word and "/" not in word
    ]
    return " ".join([name, *words[:2]])[:80]


def observation_mode() -> str:
    """How sends are observed (with plans, without, or not at all), and what there is of send methods of subclasses."""
    if not hooks.enabled:
        return "off"
    mode = "with plans" if hooks.uses_plans else "without plans"
    if custom_classes:
        mode = f"{mode}, {len(custom_classes)} classes with their own send methods"
    left_out = [method.name for method in unobserved()]
    if left_out:
        mode = f"{mode}; receivers not observed in {', '.join(left_out[:MAX_UNOBSERVED])}"
    return f"{mode} and {len(left_out) - MAX_UNOBSERVED} more" if len(left_out) > MAX_UNOBSERVED else mode


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "unknown"


VERSIONS = {
    "python": platform.python_version(),
    "django": django.get_version(),
    "signal_monitor": _version("django-signal-monitor"),
    "opentelemetry": _version("opentelemetry-api"),
}
