"""Start and stop spans and metrics, as settings, environment and instrumentors say."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span

from signal_monitor import pipeline
from signal_monitor.conf import WITHOUT_SPANS, Config
from signal_monitor.errors import note_in_send
from signal_monitor.instrumentation.current import ExecutionState, live_states
from signal_monitor.instrumentation.hooks import DispatchSpans, hooks
from signal_monitor.instrumentation.info import DispatchInfo
from signal_monitor.instrumentation.record_queue import record_queue
from signal_monitor.names import Apps
from signal_monitor.pipeline import Observer
from signal_monitor.pipeline.process import ThisProcess
from signal_monitor.pipeline.suppression import is_suppressed
from signal_monitor.tracing import Tracing

from .aggregate import SpanAggregator, SpanWriter
from .attributes import ReceiverNames
from .current_span import SPAN_KEY, SUPPRESSED, LazyContext, get_context
from .exporters import ExporterWatch
from .metrics import Metrics
from .policy import Budget, Parent, Policy, Selection, has_ended
from .providers import KnownTracer, providers
from .spans import open_spans
from .untraced import UntracedDispatches, advice

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
        names=ReceiverNames(apps),
    )


class Telemetry:
    """Spans and metrics of this process.

    ``stopped``: an instrumentor has been told to uninstrument, and none to instrument since.
    """

    def __init__(self) -> None:
        self.stopped = is_disabled()
        self.observers: Sequence[Observer] = ()
        self._policy = Policy()
        self._known = KnownTracer()
        self._metrics = Metrics()
        self._exporters = ExporterWatch()
        self._untraced = UntracedDispatches()
        self._process = ThisProcess()

    def start(self, config: Config, apps: Apps, process: ThisProcess) -> Sequence[Observer]:
        """Begin to make spans and metrics; returns the observers that do."""
        self._end()
        if self.stopped or not (config.makes_spans or config.METRICS):
            return ()
        self._known, self._metrics.process = KnownTracer(), process
        self._process, process.tracing = process, self.describe
        self.configure(config, apps)
        hooks.open_spans, hooks.trace_context = self.open, get_context
        self.observers = (SpanWriter(), SpanAggregator(), self._metrics, self._untraced, self._exporters)
        return self.observers

    def configure(self, config: Config, apps: Apps) -> None:
        """Follow other settings."""
        self._policy = self._untraced.policy = policy_of(config, apps)
        self._exporters.enabled = self._policy.enabled
        self._metrics.enabled = config.ENABLED and config.METRICS
        for state in live_states():
            state.traced = state.untraced = None  # found with other settings

    def stop(self) -> None:
        """Make neither, until an instrumentor is told otherwise."""
        self.stopped = True
        self._end()

    def _end(self) -> None:
        hooks.remove_tracing()
        if self.observers:
            pipeline.flush()  # other code may know spans of what was dispatched until now
        running = pipeline.current()
        for observer in self.observers:
            if running is not None:
                running.remove(observer)
        self._metrics.enabled = False
        self._exporters.stop()
        self._process.tracing = Tracing
        self.observers = ()

    def describe(self) -> Tracing:
        """What becomes of the spans of this process. Commands and shells have no request that could be traced."""
        without_parent = self._untraced.without_parent() if self._process.serves else 0
        return Tracing(self._exporters.describe(), without_parent, advice() if without_parent else "")

    def open(self, info: DispatchInfo, state: ExecutionState) -> DispatchSpans | None:
        """The spans of a dispatch that begins now; None where it gets none."""
        try:
            parent: Any = state.traced  # what was found last holds while its context is the current one
            if (
                parent is None
                or parent.context is not get_context()
                or parent.policy is not self._policy
                or not parent.span.is_recording()
            ):
                parent = self._find_parent(get_context(), info, state)
                if type(parent) is not Parent:
                    return SUPPRESSED if parent is SUPPRESSED else None
            if record_queue.is_full or not self._policy.selection.takes_dispatch(info.signal.name, info.sender):
                return None
            return open_spans(info, parent)
        except Exception as error:  # noqa: BLE001 - as guarded does
            note_in_send("the start of a dispatch's spans", error)
            return None

    def _find_parent(self, context: Context, info: DispatchInfo, state: ExecutionState) -> object:
        """The parent that a context means for a dispatch, None, or SUPPRESSED.

        A context that has nothing but a span, or nothing at all, is remembered; a state outlives what it remembers, so
        nothing of the application's may be among it. The context of a receiver is not read where no span may come of
        it, because reading it starts the receiver's span.
        """
        state.traced = state.untraced = None
        around = context.around if type(context) is LazyContext else context
        is_plain = not around.keys() - {SPAN_KEY}
        if not is_plain and is_suppressed(around):
            return SUPPRESSED
        is_remembered = is_plain and context is around
        span = trace.get_current_span(around)
        self._untraced.see(span)
        if not self._policy.enabled or not _has_been_recorded(span):
            state.untraced = context if is_remembered else None
            return None
        if not self._policy.selection.takes_dispatch(info.signal.name, info.sender):
            return None
        provider = providers.tracer_provider()
        if provider is None:
            return None
        if provider is not self._known.provider:
            self._known = KnownTracer(provider)
            self._exporters.follow()
        context, span = _innermost_recording(context)
        parent = Parent(context, span, self._known, self._policy)
        if is_remembered and not parent.is_link:
            state.traced = parent
        return parent


def _has_been_recorded(span: Span) -> bool:
    return span.is_recording() or has_ended(span)


def _innermost_recording(context: Context) -> tuple[Context, Span]:
    """The innermost context whose span has not ended: a receiver's call may end before what it has started."""
    span = trace.get_current_span(context)
    while type(context) is LazyContext and not span.is_recording():
        context = context.base
        span = trace.get_current_span(context)
    return context, span


telemetry = Telemetry()
