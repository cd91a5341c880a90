"""The child process: ``python -m benchmarks.child SUBJECT`` reads commands from stdin and answers each with a line.

SUBJECT is a ``benchmarks.subjects.Subject`` as JSON. A command is a JSON object with ``do`` and its arguments.
"""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import sys
import sysconfig
import traceback
from collections.abc import Callable
from functools import cached_property
from importlib import metadata
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .process import Process
    from .site import Site

DISTRIBUTIONS = ("Django", "django-signal-monitor", "opentelemetry-sdk", "sentry-sdk", "gunicorn", "daphne", "uvicorn")


class Commands:
    """The commands of a child process."""

    def __init__(self, subject: dict[str, Any]) -> None:
        self._subject = subject

    @cached_property
    def _process(self) -> Process:
        from .process import Process  # the interpreter may have no Django when it is asked for its versions

        return Process(self._subject["tools"])

    @cached_property
    def _site(self) -> Site:
        from .site import Site

        return Site(self._process)

    def start(self) -> dict[str, Any]:
        """Set up the subject, unless a module that it requires is missing."""
        missing = [name for name in self._subject["requires"] if importlib.util.find_spec(name) is None]
        if not missing:
            self._process.flush()
        return {"missing": missing}

    def versions(self) -> dict[str, Any]:
        """The versions and the machine, on which the results depend."""
        return {
            "python": platform.python_version(),
            "optimized": "--enable-optimizations" in (sysconfig.get_config_var("CONFIG_ARGS") or ""),
            "platform": platform.platform(terse=True),
            "cores": os.cpu_count(),
            "distributions": {name: version for name in DISTRIBUTIONS if (version := _version(name))},
        }

    def batch(self, scenario: str, sends: int) -> dict[str, Any]:
        """Time a batch of sends."""
        return self._process.batch(scenario, sends)

    def memory(self, scenario: str, sends: int) -> dict[str, Any]:
        """Measure the memory of dispatches in the queue."""
        from . import memory

        return memory.queued(self._process, scenario, sends)

    def scale(self, row: str, sends: int) -> dict[str, Any]:
        """Time a batch of a row of ``benchmarks.scale``."""
        return self._process.scale(row, sends)

    def kept(self, row: str) -> dict[str, Any]:
        """Measure the memory of senders."""
        from . import memory

        return memory.of_senders(row, observed=bool(self._process.tools))

    def undropped(self, seconds: float) -> dict[str, Any]:
        """Measure how many dispatches a second the worker keeps up with."""
        from . import memory

        return memory.undropped(self._process, seconds)

    def steady(self, seconds: int) -> dict[str, Any]:
        """Send at a low rate, and measure the CPU time of a second."""
        return self._process.steady(seconds)

    def recorded(self) -> dict[str, Any]:
        """What was recorded since the start."""
        return {**self._process.recorded()}

    def requests(self, count: int) -> dict[str, Any]:
        """Time requests."""
        return self._site.answer(count)

    def durations(self, count: int) -> dict[str, Any]:
        """How long each of so many requests takes."""
        return {"durations": self._site.durations(count)}


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _answer(commands: Commands, do: str, **arguments: Any) -> dict[str, Any]:  # noqa: ANN401
    command: Callable[..., dict[str, Any]] = getattr(commands, do)
    try:
        return command(**arguments)
    except Exception as error:  # noqa: BLE001 - it is raised in the parent
        return {"error": "".join(traceback.format_exception(error))}


def main() -> None:
    """Answer commands until stdin ends."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # the output of a tool is no answer
    commands = Commands(json.loads(sys.argv[1]))
    for line in sys.stdin:
        print(json.dumps(_answer(commands, **json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    main()
