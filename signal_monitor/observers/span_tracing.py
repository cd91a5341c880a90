"""The hot path's side of the spans: whether a dispatch gets any, which ids they have, what is current meanwhile.

Light spans are the rule. Where they would differ from what the provider does by itself (another tracer, a processor
that wants to see spans start, a sampler that does not follow the parent), real spans are started instead.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from opentelemetry import context as otel_context
from opentelemetry import trace as otel
from opentelemetry.context import Context
from opentelemetry.sdk.trace import SpanLimits, SpanProcessor, Tracer
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased, Sampler
from opentelemetry.trace import SpanContext

from signal_monitor.faults import contained
from signal_monitor.instrumentation.catalogue import ReceiverInfo
from signal_monitor.instrumentation.dispatch import ActiveDispatch
from signal_monitor.pipeline import stop_before_others_at_exit

from .span_content import dispatch_name, receiver_name
from .span_light import LightSpan

if TYPE_CHECKING:
    from opentelemetry.trace import Span, TracerProvider

SCOPE = "signal_monitor"
SCHEMA_URL = "https://opentelemetry.io/schemas/1.44.0"
_QUIET_STARTS = {SpanProcessor.on_start, BatchSpanProcessor.on_start, SimpleSpanProcessor.on_start}


class Trace:
    """The spans of one dispatch: their ids are given out while it runs, their content is written by the worker."""

    def __init__(self, tracer: otel.Tracer, dispatch: ActiveDispatch, span: Span, *, light: bool) -> None:
        self._tracer = tracer
        self._dispatch: ActiveDispatch | None = dispatch
        self._infos: tuple[ReceiverInfo, ...] = ()
        self.span = span
        self.light = light
        self.parent: SpanContext | None = None
        self.receivers: dict[int, Span] = {}
        self.epoch_ns = time.time_ns() - time.perf_counter_ns()
        self.started_ns = self.ended_ns = 0

    @property
    def tracer(self) -> Any:  # noqa: ANN401 - the SDK's Tracer where the spans are light
        """The tracer that the spans belong to."""
        return self._tracer

    @property
    def trace_id_hex(self) -> str:
        """The trace id, as records hold it."""
        return f"{self.span.get_span_context().trace_id:032x}"

    @property
    def span_id_hex(self) -> str:
        """The dispatch span's id, as records hold it."""
        return f"{self.span.get_span_context().span_id:016x}"

    def receiver_span_id_hex(self, index: int) -> str | None:
        """A receiver span's id, as records hold it; None where the receiver was not run."""
        span = self.receivers.get(index)
        return f"{span.get_span_context().span_id:016x}" if span is not None else None

    @contained("a receiver's span", None, in_send=True)
    def enter(self, index: int) -> object:
        """Make the span of a synchronous receiver's call current."""
        outer = otel_context.get_current()
        otel_context.attach(otel.set_span_in_context(self._span_of(index)))
        return outer, index

    @contained("a receiver's span", None, in_send=True)
    def leave(self, entered: Any) -> None:  # noqa: ANN401 - what enter answered, or None where it failed
        """Make the outer span current again; baggage and whatever else the receiver has attached stays."""
        if entered is None:
            return
        outer, index = entered
        current = otel_context.get_current()
        if otel.get_current_span(current) is not self.receivers[index]:
            return  # the receiver has attached a span of its own for its caller
        kept = otel.set_span_in_context(otel.get_current_span(outer), current)
        otel_context.attach(outer if _same_but_span(outer, current) else kept)

    @contained("an async receiver's span", None, in_send=True)
    def resume(self, index: int, left: Any) -> object:  # noqa: ANN401 - what pause answered, or None at the first step
        """Make current what an async receiver had when it paused, or its span."""
        outer = otel_context.get_current()
        otel_context.attach(otel.set_span_in_context(self._span_of(index)) if left is None else left)
        return outer

    @contained("an async receiver's span", None, in_send=True)
    def pause(self, outer: Any) -> object:  # noqa: ANN401 - what resume answered, or None where it failed
        """Make current what was before, and answer what the receiver leaves."""
        left = otel_context.get_current()
        if outer is not None:
            otel_context.attach(outer)
        return left

    def _span_of(self, index: int) -> Span:
        span = self.receivers.get(index)
        if span is None:
            span = self.receivers[index] = self._receiver_span(index)
        return span

    def end(self, dispatch: ActiveDispatch) -> None:
        """Take over the times and names; nothing else of the dispatch is needed any more."""
        self.started_ns, self.ended_ns = dispatch.started_ns + self.epoch_ns, dispatch.ended_ns + self.epoch_ns
        self._infos, self._dispatch = dispatch.receivers, None

    def _name_of(self, index: int) -> str:
        infos = self._dispatch.receivers if self._dispatch is not None else self._infos
        return receiver_name(infos[index].name)

    def _receiver_span(self, index: int) -> Span:
        if self.light:
            return light_span(self.tracer, self.span.get_span_context(), self._name_of(index))
        name = self._name_of(index)
        return self._tracer.start_span(name, context=otel.set_span_in_context(self.span), start_time=time.time_ns())


def _same_but_span(one: Context, other: Context) -> bool:
    """Whether two contexts hold the same, but for the current span."""
    keys = {*one, *other} - {_SPAN_KEY}
    return all(one.get(key) is other.get(key) for key in keys)


# The key under which the API keeps the current span: whatever a context with a span has more than an empty one.
_SPAN_KEY = next(iter(otel.set_span_in_context(otel.INVALID_SPAN, Context())))


def light_span(tracer: Any, parent: SpanContext, name: str) -> LightSpan:  # noqa: ANN401 - the SDK's, with its private limits
    """A new span under a sampled parent."""
    context = SpanContext(
        parent.trace_id,
        tracer.id_generator.generate_span_id(),
        is_remote=False,
        trace_flags=parent.trace_flags,
        trace_state=parent.trace_state,
    )
    return LightSpan(name, context, parent, tracer.resource, getattr(tracer, "_span_limits", None) or SpanLimits())


class Tracing:
    """Decides, at the start of a dispatch, whether it gets spans and of which kind."""

    def __init__(self, *, need_parent: bool) -> None:
        self._need_parent = need_parent
        self._provider: TracerProvider | None = None
        self._tracer: otel.Tracer = otel.NoOpTracer()
        self._processors: object = None
        self._light = False

    @contained("the start of a trace", None, in_send=True)
    def open(self, dispatch: ActiveDispatch) -> Trace | None:
        """The spans of a dispatch that begins now; None where it gets none."""
        parent = otel.get_current_span()
        if self._need_parent and not parent.is_recording():
            return None
        provider = otel.get_tracer_provider()
        if isinstance(provider, otel.ProxyTracerProvider):  # nobody has configured tracing
            return None
        self._look_at(provider)
        context = parent.get_span_context()
        if self._light and context.is_valid and context.trace_flags.sampled:
            span: Span = light_span(self._tracer, context, dispatch_name(dispatch.signal.name))
            trace = Trace(self._tracer, dispatch, span, light=True)
        else:
            span = self._tracer.start_span(dispatch_name(dispatch.signal.name))
            if not span.is_recording():
                return None
            trace = Trace(self._tracer, dispatch, span, light=False)
        trace.parent = context if context.is_valid else None
        return trace

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
