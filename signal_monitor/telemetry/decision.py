"""Whether a dispatch gets spans, and of which kind.

Light spans are the rule: nothing is made until somebody asks for the current span. Where they would differ from what
the provider does by itself (another tracer, a processor that wants to see spans start, a sampler that does not follow
the parent), real spans are started instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, cast

from opentelemetry import trace as otel
from opentelemetry.context import Context
from opentelemetry.sdk.trace import SpanProcessor, Tracer
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased, Sampler

from signal_monitor.backstage import is_suppressed
from signal_monitor.faults import note_in_send
from signal_monitor.instrumentation.outbox import outbox
from signal_monitor.pipeline import stop_before_others_at_exit

from .aside import SUPPRESSED, DeferredTrace
from .context import SPAN_KEY, get_context
from .parents import Parent, Policy, has_ended, is_alive
from .providers import SCHEMA_URL, SCOPE, VERSION, providers
from .tracing import Trace

if TYPE_CHECKING:
    from opentelemetry.trace import TracerProvider

    from signal_monitor.instrumentation.cells import Cell
    from signal_monitor.instrumentation.dispatch import ActiveDispatch
    from signal_monitor.instrumentation.plans import Shape
    from signal_monitor.instrumentation.traces import DispatchTrace

_QUIET_STARTS = {SpanProcessor.on_start, BatchSpanProcessor.on_start, SimpleSpanProcessor.on_start}
_NO_TRACER = otel.NoOpTracer()
_PROCESSORS = (SpanProcessor, BatchSpanProcessor, SimpleSpanProcessor)


class Known(NamedTuple):
    """A provider, its tracer, and whether spans of that one may be made after the fact."""

    provider: TracerProvider | None = None
    tracer: otel.Tracer = _NO_TRACER
    processors: object = None
    quiet: bool = False


class Tracing:
    """Decides, at the start of a dispatch, whether it gets spans and of which kind."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self._known = Known()

    def open(self, described: ActiveDispatch | Shape, cell: Cell) -> DispatchTrace | None:
        """The spans of a dispatch that begins now; None where it gets none."""
        try:
            parent: Any = cell.traced  # what was found last holds while its context is the current one
            if (
                parent is None
                or parent.context is not get_context()
                or parent.policy is not self.policy
                or not parent.span.is_recording()
            ):
                parent = self._look(get_context(), cell)
                if type(parent) is not Parent:
                    return cast("DispatchTrace | None", parent)
            if not parent.takes_dispatch(described.signal.name, described.sender):
                return None
            if len(outbox.items) >= outbox.size:
                return None
            return Trace(described, parent) if parent.light else _started(described, parent)
        except Exception as error:  # noqa: BLE001 - as contained does
            note_in_send("the start of a trace", error)
            return None

    def _look(self, context: Context, cell: Cell) -> Parent | DispatchTrace | None:
        """What a context that is new to this cell means for spans; one without a recording span is remembered."""
        cell.traced = cell.untraced = None
        # A cell outlives what it remembers: nothing of the application's may be among it.
        plain = not context.keys() - {SPAN_KEY}
        if not plain and is_suppressed(context):
            return SUPPRESSED
        span = otel.get_current_span(context)
        if not self._has_spans(span):
            cell.untraced = context if plain else None
            return None
        provider = providers.tracer_provider()
        if provider is None:
            return None
        known = self._known = self._look_at(provider)
        light = known.quiet and _is_enabled(known.tracer)
        parent = Parent(context, span, known.tracer, self.policy, light=light)
        if parent.light and plain:
            cell.traced = parent
        return parent

    def _has_spans(self, span: otel.Span) -> bool:
        return self.policy.enabled and (is_alive(span) or has_ended(span))

    def _look_at(self, provider: TracerProvider) -> Known:
        """What is known of a provider by now; threads may come here at once."""
        known = self._known
        if provider is not known.provider:
            known = Known(provider, provider.get_tracer(SCOPE, VERSION, SCHEMA_URL))
            stop_before_others_at_exit()
        if type(known.tracer) is not Tracer:
            return known
        processors = getattr(known.tracer.span_processor, "_span_processors", None)
        if processors is known.processors:
            return known
        quiet = start_quietly(processors) and _counts_nothing(known.tracer) and follows_parent(known.tracer.sampler)
        return known._replace(processors=processors, quiet=quiet)


def _started(described: ActiveDispatch | Shape, parent: Parent) -> Trace | None:
    """The trace of a dispatch whose real span is started here; None where the provider does not record it."""
    spans, budget = 1 + len(described.receivers), parent.policy.budget
    if parent.ids.is_valid and not budget.take(parent.ids.trace_id, spans):
        return DeferredTrace(described, parent)
    trace = Trace(described, parent)
    return trace if trace.start() else None


def _is_enabled(tracer: Any) -> bool:  # noqa: ANN401 - the SDK's
    """Whether a tracer is not switched off by the provider's configuration of tracers, which is experimental."""
    is_enabled = getattr(tracer, "_is_enabled", None)
    return is_enabled is None or is_enabled()


def _counts_nothing(tracer: Any) -> bool:  # noqa: ANN401 - the SDK's
    """Whether the SDK keeps no metrics of its own about the spans that a tracer starts."""
    counts = getattr(tracer, "_tracer_metrics", None)
    return counts is None or type(counts).__name__.startswith("NoOp")


def follows_parent(sampler: Sampler) -> bool:
    """Whether a sampler samples every child of a sampled local parent, whatever else it knows."""
    if sampler is ALWAYS_ON:
        return True
    standard = isinstance(sampler, ParentBased) and type(sampler).should_sample is ParentBased.should_sample
    return standard and vars(sampler).get("_local_parent_sampled") is ALWAYS_ON


def start_quietly(processors: object) -> bool:
    """Whether no span processor does anything when a span starts, or while it ends."""
    return isinstance(processors, tuple) and all(
        type(item).on_start in _QUIET_STARTS
        and getattr(type(item), "_on_ending", None) in {getattr(base, "_on_ending", None) for base in _PROCESSORS}
        for item in processors
    )
