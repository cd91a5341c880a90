"""One subject in a child process: installs its tools, times batches, and checks what they have recorded."""

from __future__ import annotations

import contextlib
import gc
import importlib
from collections.abc import Iterable, Mapping
from time import process_time_ns
from typing import Any, Protocol

import django
from django.conf import settings
from django.core.management import call_command

from .loads import Load
from .scale_load import ScaleLoad
from .scale_rows import BATCHES, ROWS
from .scenarios import SCENARIOS
from .tools.base import Bounds, Tool, Work

WARM_UP_SHARE = 10
STEADY_SENDS = 100
"""Of each process in each batch, where many processes share a store."""
IN_MEMORY: Mapping[str, Any] = {"NAME": ":memory:"}
SETTINGS: dict[str, Any] = {
    "SECRET_KEY": "for measurements only",
    "ALLOWED_HOSTS": ["*"],
    "ROOT_URLCONF": "benchmarks.shop.urls",
    "INSTALLED_APPS": ["benchmarks.shop"],
    "MIDDLEWARE": ["django.middleware.security.SecurityMiddleware", "django.middleware.common.CommonMiddleware"],
    "DEFAULT_AUTO_FIELD": "django.db.models.BigAutoField",
    "USE_TZ": True,
    # send_robust logs exceptions, which would take most of the time.
    "LOGGING": {"version": 1, "loggers": {"django.dispatch": {"level": "CRITICAL"}}},
}


class ProofError(Exception):
    """A subject has recorded less or more than was sent."""


class Measurable(Protocol):
    """What sends, and says what it has done."""

    @property
    def calls(self) -> int:
        """The receivers that a send runs."""

    def run(self, sends: int) -> int:
        """Send; returns the CPU time of the threads that send, in nanoseconds."""

    def work(self, sends: int) -> Work:
        """What this many sends do."""


class Process:
    """Django and a subject's tools, set up in this process."""

    def __init__(self, tools: Iterable[str], database: Mapping[str, Any] = IN_MEMORY) -> None:
        self.tools = [_tool(path) for path in tools]
        settings.configure(**self._settings(database))
        for tool in self.tools:
            tool.prepare()
        django.setup()
        for tool in self.tools:
            tool.start()
        call_command("migrate", run_syncdb=True, verbosity=0)
        for tool in self.tools:
            tool.check()
        self._loads: dict[str, Load] = {}
        self._scale_loads: dict[str, ScaleLoad] = {}

    def _settings(self, database: Mapping[str, Any]) -> dict[str, Any]:
        merged = {**SETTINGS, "DATABASES": {"default": _database(database)}}
        for tool in self.tools:
            for name, value in tool.settings().items():
                merged[name] = [*value, *merged[name]] if isinstance(value, list) else value
        return merged

    def batch(self, scenario: str, sends: int) -> dict[str, int]:
        """CPU time of this many sends in nanoseconds: of the dispatching threads, and of all threads at the end."""
        return self.timed(self.load(scenario), sends, max(1, sends // WARM_UP_SHARE))

    def scale(self, row: str, wanted: int) -> dict[str, float]:
        """The same of a row of ``benchmarks.scale``, for each send."""
        load = self._scale_load(row)
        sends = load.row.sends(wanted)
        taken = self.timed(load, sends, load.warm_up(wanted))
        return {clock: taken_ns / sends for clock, taken_ns in taken.items()}

    def steady(self, seconds: int) -> dict[str, float]:
        """CPU time of a second in which STEADY_SENDS are sent every 100 ms, and how many sends there were."""
        load, a_second = self._scale_load("batches-10"), BATCHES * STEADY_SENDS
        before_ns = process_time_ns()
        for _ in range(seconds):
            load.run(a_second)
        self.flush()
        return {"cpu": (process_time_ns() - before_ns) / seconds, "sends": seconds * a_second}

    def timed(self, load: Measurable, sends: int, warm_up: int) -> dict[str, int]:
        """CPU time of this many sends of a load, after those of a warm-up."""
        self._run(load, warm_up)
        self.flush()
        recorded = self.recorded()
        gc.collect()  # otherwise one subject pays for a full collection that is due after several batches
        before_ns = process_time_ns()
        hot_ns = self._run(load, sends)
        self.flush()
        all_in_ns = process_time_ns() - before_ns
        self.prove(recorded, load.work(sends))
        return {"hot": hot_ns, "all-in": all_in_ns}

    def load(self, name: str) -> Load:
        """The load of a scenario."""
        if name not in self._loads:
            self._loads[name] = Load(SCENARIOS[name], self.tools)
        return self._loads[name]

    def _scale_load(self, row: str) -> ScaleLoad:
        if row not in self._scale_loads:
            self._scale_loads[row] = ScaleLoad(ROWS[row])
        return self._scale_loads[row]

    def _run(self, load: Measurable, sends: int) -> int:
        at_once = min((tool.opened_calls for tool in self.tools if tool.opened_calls), default=None)
        portion = sends if at_once is None else max(1, at_once // max(1, load.calls))
        hot_ns = 0
        for done in range(0, sends, portion):
            with contextlib.ExitStack() as stack:
                for tool in self.tools:
                    stack.enter_context(tool.opened())
                hot_ns += load.run(min(portion, sends - done))
        return hot_ns

    def flush(self) -> None:
        """Do all deferred work; the tool that was installed last comes first, because it may pass work to others."""
        for tool in reversed(self.tools):
            tool.flush()

    def prove(self, before: Mapping[str, int], work: Work) -> None:
        """Fail unless every tool has recorded this work."""
        after = self.recorded()
        for kind, (least, most) in self.expected(work).items():
            count = after[kind] - before[kind]
            if not least <= count <= most:
                wanted = str(least) if least == most else f"{least} to {most}"
                raise ProofError(f"{count} {kind} recorded instead of {wanted}")

    def has_recorded(self, before: Mapping[str, int], work: Work) -> bool:
        """Whether every tool has recorded this work, or more."""
        after = self.recorded()
        return all(after[kind] - before[kind] >= least for kind, (least, _most) in self.expected(work).items())

    def recorded(self) -> Mapping[str, int]:
        """The counts of all tools since the start."""
        return {kind: count for tool in self.tools for kind, count in tool.recorded().items()}

    def expected(self, work: Work) -> Mapping[str, Bounds]:
        """What all tools have to record of some work; later tools override earlier ones."""
        return {kind: bounds for tool in self.tools for kind, bounds in tool.expected(work).items()}


def _database(given: Mapping[str, Any]) -> dict[str, Any]:
    # SQLite does not wait for the disk, which is not measured.
    options = {"init_command": "PRAGMA synchronous=OFF; PRAGMA journal_mode=MEMORY;"}
    return {"ENGINE": "django.db.backends.sqlite3", "CONN_MAX_AGE": None, "OPTIONS": options, **given}


def _tool(path: str) -> Tool:
    module, _, name = path.partition(":")
    tool: Tool = getattr(importlib.import_module(module), name)()
    return tool
