"""The child process of ``benchmarks.registry``: ``KIND RECEIVERS``; it prints its numbers as JSON."""

from __future__ import annotations

import json
import sys
import tempfile
from time import process_time_ns, thread_time_ns
from typing import Any

import django
from django.conf import settings
from django.dispatch import Signal

APPS = ["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions", "benchmarks.shop"]
RECEIVERS_OF_A_SIGNAL = 20
DISPATCHES = 3_000
signals: list[Signal] = []


class Sender:
    """The sender of all dispatches."""


def set_up(kind: str, folder: str) -> float:
    """Set up Django, with the app if that is wanted; answer the CPU time in nanoseconds."""
    ours: dict[str, Any] = {}
    if kind == "ours":
        store = {"STORE": f"sqlite:///{folder}/store.sqlite3", "SAMPLE_PER_SECOND": 1_000_000}
        ours = {"INSTALLED_APPS": ["signal_monitor", *APPS], "SIGNAL_MONITOR": store}
    database = {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}
    given: dict[str, Any] = {"INSTALLED_APPS": APPS, "SECRET_KEY": "for measurements only", **ours}
    settings.configure(DATABASES={"default": database}, USE_TZ=True, **given)
    began = process_time_ns()
    django.setup()
    return process_time_ns() - began


def connect(receivers: int) -> None:
    """Connect so many receivers, twenty to a signal."""
    for number in range(receivers):
        if number % RECEIVERS_OF_A_SIGNAL == 0:
            signals.append(Signal())
        signals[-1].connect(_receiver(), weak=False)


def _receiver() -> Any:  # noqa: ANN401 - a function
    def receiver(**kwargs: object) -> None:
        """Does nothing."""

    return receiver


def ours(receivers: int) -> dict[str, float]:
    """What the registry and the findings take."""
    from signal_monitor import pipeline
    from signal_monitor.findings.engine import find
    from signal_monitor.findings.static import check_registry
    from signal_monitor.registry.live import live_signals
    from signal_monitor.registry.snapshot import take_registry
    from signal_monitor.stores import get_store
    from signal_monitor.stores.sqlite.encoding import encode_registry

    connect(receivers)
    for number in range(DISPATCHES):
        signals[number % len(signals)].send(Sender)
    pipeline.flush()
    began = thread_time_ns()
    registry = take_registry("benchmark")
    numbers: dict[str, float] = {"take": thread_time_ns() - began, "bytes": len(encode_registry(registry))}
    live = tuple(live_signals())
    began = thread_time_ns()
    check_registry(live)
    numbers["rules"] = thread_time_ns() - began
    pipeline.stop()  # what it writes would be new
    for row in ("find", "find-again"):
        began = process_time_ns()
        find(get_store())
        numbers[row] = process_time_ns() - began
    connected = sum(len(signal.connections) for signal in registry.signals)
    assert connected >= receivers, f"{connected} of {receivers} receivers are in the registry"  # noqa: S101 - proof
    return numbers


def main() -> None:
    """Measure, and print the numbers."""
    kind, receivers = sys.argv[1], int(sys.argv[2])
    with tempfile.TemporaryDirectory() as folder:
        numbers = {"startup-ours" if kind == "ours" else "startup": set_up(kind, folder)}
        if kind == "ours":
            numbers |= ours(receivers)
    print(json.dumps(numbers))


if __name__ == "__main__":
    main()
