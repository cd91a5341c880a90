"""The providers whose tracers and meters are used, and what a tracer allows.

Those that an instrumentor was given come before the global ones.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any
from weakref import WeakSet

from opentelemetry import metrics, trace
from opentelemetry.metrics import MeterProvider
from opentelemetry.sdk.trace import ConcurrentMultiSpanProcessor, SpanProcessor, SynchronousMultiSpanProcessor, Tracer
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased, Sampler
from opentelemetry.trace import TracerProvider

import signal_monitor
from signal_monitor import pipeline

SCOPE = "signal_monitor"
VERSION = signal_monitor.__version__
SCHEMA_URL = "https://opentelemetry.io/schemas/1.44.0"
_NO_TRACER: trace.Tracer = trace.NoOpTracer()
_SDK_PROCESSORS = (SpanProcessor, BatchSpanProcessor, SimpleSpanProcessor)
_NO_OP_STARTS = {processor.on_start for processor in _SDK_PROCESSORS}
_NO_OP_ENDINGS = {getattr(processor, "_on_ending", None) for processor in _SDK_PROCESSORS}


class Providers:
    """The providers that an instrumentor was given; None stands for the global one at the time."""

    def __init__(self) -> None:
        self._tracer_provider: TracerProvider | None = None
        self._meter_provider: MeterProvider | None = None

    def use(self, tracer_provider: TracerProvider | None = None, meter_provider: MeterProvider | None = None) -> None:
        """Use these from now on."""
        self._tracer_provider = tracer_provider
        self._meter_provider = meter_provider

    def tracer_provider(self) -> TracerProvider | None:
        """The provider of tracers; None while tracing is not configured."""
        provider = self._tracer_provider or trace.get_tracer_provider()
        return None if isinstance(provider, trace.ProxyTracerProvider) else provider

    def meter_provider(self) -> MeterProvider | None:
        """The provider of meters; None while metrics are not configured."""
        provider = self._meter_provider or metrics.get_meter_provider()
        # The API's own providers keep nothing. The one before a real one is set has no public name.
        return None if type(provider).__module__.startswith(metrics.__name__) else provider


providers = Providers()


class KnownTracer:
    """The tracer of a provider."""

    def __init__(self, provider: TracerProvider | None = None) -> None:
        self.provider = provider
        self.tracer: Any = _NO_TRACER
        self._processors: object = None
        self._is_live = True
        if provider is not None:
            self.tracer = provider.get_tracer(SCOPE, VERSION, SCHEMA_URL)
            deliver_on_flush(provider)
            pipeline.stop_before_others_at_exit()

    @property
    def is_live(self) -> bool:
        """Whether spans are started and ended in place, because something may see them while they last.

        Not so for the SDK's own tracer, where it samples what the parent has, and no processor sees a span start. More
        processors may have been added since the last time.
        """
        if type(self.tracer) is not Tracer or not _is_enabled(self.tracer):
            return True
        processors = getattr(self.tracer.span_processor, "_span_processors", None)
        if processors is not self._processors:
            self._processors = processors
            self._is_live = not (starts_are_unseen(processors) and follows_parent(self.tracer.sampler))
        return self._is_live

    @property
    def exports(self) -> bool:
        """Whether finished spans may be handed to the processors, because nothing but these would see them start."""
        return not self.is_live and _counts_nothing(self.tracer)


def _is_enabled(tracer: Any) -> bool:  # noqa: ANN401 - the SDK's
    """Whether the provider's configuration of tracers, which is experimental, leaves a tracer switched on."""
    is_enabled = getattr(tracer, "_is_enabled", None)
    return is_enabled is None or bool(is_enabled())


def _counts_nothing(tracer: Any) -> bool:  # noqa: ANN401 - the SDK's
    """Whether the SDK keeps no metrics of its own about the spans that a tracer starts."""
    counts = getattr(tracer, "_tracer_metrics", None)
    return counts is None or type(counts).__name__.startswith("NoOp")


def follows_parent(sampler: Sampler) -> bool:
    """Whether a sampler samples every child of a sampled local parent."""
    if sampler is ALWAYS_ON:
        return True
    is_standard = isinstance(sampler, ParentBased) and type(sampler).should_sample is ParentBased.should_sample
    return is_standard and vars(sampler).get("_local_parent_sampled") is ALWAYS_ON


def starts_are_unseen(processors: object) -> bool:
    """Whether no span processor does anything when a span starts, or before it has ended."""
    return isinstance(processors, tuple) and all(
        type(item).on_start in _NO_OP_STARTS and getattr(type(item), "_on_ending", None) in _NO_OP_ENDINGS
        for item in processors
    )


class DeliverOnFlush(SpanProcessor):
    """Has the pipeline deliver what is queued when its provider is flushed or shut down."""

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Deliver the spans of all dispatches that have ended."""
        pipeline.flush()
        return True

    def shutdown(self) -> None:
        """Deliver the spans of all dispatches that have ended."""
        pipeline.flush()


_COMBINED = (SynchronousMultiSpanProcessor, ConcurrentMultiSpanProcessor)
_delivering: WeakSet[SpanProcessor] = WeakSet()
"""The processors of providers whose own methods deliver first."""


def deliver_on_flush(provider: Any) -> None:  # noqa: ANN401 - of whatever kind
    """Make flushing a provider of the SDK's deliver our spans before its other processors are flushed.

    Processors are flushed in their order, and the public method would add ours as the last. Where they are flushed
    concurrently, or in a way of a subclass, our delivery comes before.
    """
    combined = getattr(provider, "_active_span_processor", None)
    if type(combined) is SynchronousMultiSpanProcessor:
        with combined._lock:  # noqa: SLF001 - see above
            processors = combined._span_processors  # noqa: SLF001
            if not any(type(item) is DeliverOnFlush for item in processors):
                combined._span_processors = (DeliverOnFlush(), *processors)  # noqa: SLF001
    elif isinstance(combined, _COMBINED) and combined not in _delivering:
        _delivering.add(combined)
        vars(combined)["force_flush"] = _delivering_first(combined.force_flush)
        vars(combined)["shutdown"] = _delivering_first(combined.shutdown)


def _delivering_first(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def deliver_first(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - the SDK's signatures
        pipeline.flush()
        return method(*args, **kwargs)

    return deliver_first
