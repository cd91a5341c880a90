"""Whether a dispatch gets spans, and of which kind.

Light spans are the rule: nothing is made until somebody asks for the current span. Where they would differ from what
the provider does by itself (another tracer, a processor that wants to see spans start, a sampler that does not follow
the parent), real spans are started instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry import trace as otel
from opentelemetry.context import Context
from opentelemetry.sdk.trace import SpanProcessor, Tracer
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased, Sampler

from signal_monitor.faults import note_in_send
from signal_monitor.instrumentation.dispatch import ActiveDispatch
from signal_monitor.instrumentation.outbox import outbox
from signal_monitor.pipeline import stop_before_others_at_exit

from .context import SPAN_KEY, get_context
from .tracing import DISPATCH, SCHEMA_URL, SCOPE, Parent, Trace

if TYPE_CHECKING:
    from opentelemetry.trace import TracerProvider

    from signal_monitor.instrumentation.cells import Cell
    from signal_monitor.instrumentation.plans import Shape

_QUIET_STARTS = {SpanProcessor.on_start, BatchSpanProcessor.on_start, SimpleSpanProcessor.on_start}


class Tracing:
    """Decides, at the start of a dispatch, whether it gets spans and of which kind."""

    def __init__(self, *, need_parent: bool, floor_ns: int) -> None:
        self._need_parent = need_parent
        self._floor_ns = floor_ns
        self._provider: TracerProvider | None = None
        self._tracer: otel.Tracer = otel.NoOpTracer()
        self._processors: object = None
        self._light = False

    def open(self, described: ActiveDispatch | Shape, cell: Cell) -> Trace | None:
        """The spans of a dispatch that begins now; None where it gets none."""
        try:
            parent: Any = cell.traced
            if parent is None or parent.context is not get_context() or not parent.span.is_recording():
                parent = self._look(get_context(), cell)
            if parent is None or not described.signal.spanned or len(outbox.items) >= outbox.size:
                return None
            trace = Trace(described, parent)
            return trace if parent.light or self._starts(trace) else None
        except Exception as error:  # noqa: BLE001 - as contained does
            note_in_send("the start of a trace", error)
            return None

    def _starts(self, trace: Trace) -> bool:
        """Whether the provider has the dispatch's span recorded, which is started here."""
        return trace.start(self._tracer.start_span(trace.name_of(DISPATCH)))

    def _look(self, context: Context, cell: Cell) -> Parent | None:
        """What a context that is new to this cell means for spans; one without a recording span is remembered."""
        cell.traced = None
        span = otel.get_current_span(context)
        # A cell outlives what it remembers: nothing of the application's may be among it.
        plain = not context.keys() - {SPAN_KEY}
        if self._need_parent and not span.is_recording():
            cell.untraced = context if plain else None
            return None
        provider = otel.get_tracer_provider()
        if isinstance(provider, otel.ProxyTracerProvider):  # nobody has configured tracing
            return None
        self._look_at(provider)
        parent = Parent(context, span, self._tracer, light=self._light, floor_ns=self._floor_ns)
        if parent.light and plain:
            cell.traced = parent
        return parent

    def _look_at(self, provider: TracerProvider) -> None:
        if provider is not self._provider:
            self._provider = provider
            self._tracer = provider.get_tracer(SCOPE, schema_url=SCHEMA_URL)
            self._processors = None
            stop_before_others_at_exit()
        if type(self._tracer) is Tracer:
            processors = getattr(self._tracer.span_processor, "_span_processors", None)
            if processors is not self._processors:
                self._processors = processors
                self._light = follows_parent(self._tracer.sampler) and start_quietly(processors)


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


_PROCESSORS = (SpanProcessor, BatchSpanProcessor, SimpleSpanProcessor)
