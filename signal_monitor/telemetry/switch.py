"""Switches spans and metrics on and off, as settings, environment and instrumentors say."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from signal_monitor import pipeline
from signal_monitor.conf import WITHOUT_SPANS, Config
from signal_monitor.instrumentation.cells import live_cells
from signal_monitor.instrumentation.probes import probes
from signal_monitor.names import Apps
from signal_monitor.pipeline import Observer
from signal_monitor.process import ThisProcess

from . import quiet
from .budget import Budget
from .context import get_context
from .decision import Tracing
from .metrics import Metrics
from .parents import Policy
from .selection import Selection
from .spans import Spans

if TYPE_CHECKING:
    from signal_monitor.instrumentation.cells import Cell
    from signal_monitor.instrumentation.dispatch import ActiveDispatch
    from signal_monitor.instrumentation.plans import Shape
    from signal_monitor.instrumentation.traces import DispatchTrace

NAME = "django_signals"
"""Our name among OpenTelemetry's instrumentations."""
DISABLED_INSTRUMENTATIONS = "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"


def is_disabled() -> bool:
    """Whether the environment lists us among the instrumentations that are to stay off."""
    names = {name.strip() for name in os.environ.get(DISABLED_INSTRUMENTATIONS, "").split(",")}
    return not names.isdisjoint({NAME, "*"})


def policy_of(config: Config, apps: Apps) -> Policy:
    """Which dispatches get spans, as configured."""
    return Policy(
        enabled=config.ENABLED and config.makes_spans,
        budget=Budget(config.SPANS_PER_TRACE),
        selection=Selection((*WITHOUT_SPANS, *config.SPANS_EXCLUDE), apps),
    )


class Telemetry:
    """Spans and metrics of this process.

    ``stopped``: an instrumentor has been told to uninstrument, and none to instrument since.
    """

    def __init__(self) -> None:
        self.stopped = is_disabled()
        self.observers: Sequence[Observer] = ()
        self._tracing = Tracing(Policy())
        self._metrics = Metrics()

    def start(self, config: Config, apps: Apps, process: ThisProcess) -> Sequence[Observer]:
        """Begin to make spans and metrics; answers who is to be told of dispatches."""
        self._end()
        if self.stopped or not (config.makes_spans or config.METRICS):
            return ()
        self._tracing, self._metrics.process = Tracing(Policy()), process
        self.configure(config, apps)
        probes.open_trace, probes.trace_context = self._tracing.open, get_context
        self.observers = (Spans(process), self._metrics)
        quiet.quieten()
        return self.observers

    def configure(self, config: Config, apps: Apps) -> None:
        """Go on as configured."""
        self._tracing.policy = policy_of(config, apps)
        self._metrics.enabled = config.ENABLED and config.METRICS
        for cell in live_cells():
            cell.traced = cell.untraced = None  # what was found for other settings

    def open(self, described: ActiveDispatch | Shape, cell: Cell) -> DispatchTrace | None:
        """The spans of a dispatch that begins now."""
        return self._tracing.open(described, cell)

    def stop(self) -> None:
        """Make neither, until an instrumentor is told otherwise."""
        self.stopped = True
        self._end()

    def _end(self) -> None:
        probes.forget_traces()
        if self.observers:
            pipeline.flush()  # of what was dispatched until now, spans are known to others
        running = pipeline.current()
        for observer in self.observers:
            if running is not None and observer in running.observers:
                running.remove(observer)
        self._metrics.enabled = False
        self.observers = ()
        quiet.restore()


telemetry = Telemetry()
