"""OpenTelemetry: a tracer provider with a batch processor, spans made by hand, and its Django instrumentation."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from inspect import iscoroutinefunction
from typing import Any

from django.dispatch import Signal
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, ParentBased, Sampler

from . import ENCODE
from .base import Bounds, Tool, Work, exactly

QUEUE_SIZE = 1_000_000
"""The SDK's own, 2,048, would drop the spans of a batch: what is dropped costs nothing."""
tracer = trace.get_tracer("benchmarks")


class CountingExporter(SpanExporter):
    """Counts spans and drops them; with ENCODE, it encodes them before."""

    def __init__(self) -> None:
        self.children = 0
        self.roots = 0
        self.kept: list[ReadableSpan] | None = None
        self._encodes = bool(os.environ.get(ENCODE))

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Count."""
        children = sum(1 for span in spans if span.parent is not None)
        self.children += children
        self.roots += len(spans) - children
        if self.kept is not None:
            self.kept.extend(spans)
        if self._encodes:
            from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans  # from the extra "otlp"

            encode_spans(spans).SerializeToString()
        return SpanExportResult.SUCCESS


exporter = CountingExporter()


def exported() -> int:
    """The number of exported spans that have a parent."""
    _flush()
    return exporter.children


def _flush() -> None:
    provider = trace.get_tracer_provider()
    assert isinstance(provider, TracerProvider)  # noqa: S101 - for the type checker: set by Sampled.prepare
    provider.force_flush()


def parent() -> AbstractContextManager[object]:
    """A span like that of a request."""
    return tracer.start_as_current_span("request")


class Sampled(Tool):
    """A provider that samples all, and a root span around the sends."""

    sampler: Sampler = ParentBased(ALWAYS_ON)

    def prepare(self) -> None:
        provider = TracerProvider(sampler=self.sampler)
        provider.add_span_processor(BatchSpanProcessor(exporter, max_queue_size=QUEUE_SIZE))
        trace.set_tracer_provider(provider)

    def opened(self) -> AbstractContextManager[object]:
        return parent()

    def flush(self) -> None:
        _flush()

    def recorded(self) -> Mapping[str, int]:
        return {"spans": exporter.children, "root spans": exporter.roots}


class Unsampled(Sampled):
    """A provider that samples nothing: the root span does not record."""

    sampler = ParentBased(ALWAYS_OFF)

    def expected(self, work: Work) -> Mapping[str, Bounds]:
        return {"spans": exactly(0), "root spans": exactly(0)}


class ByHand(Sampled):
    """A span per dispatch and per receiver call, written by hand."""

    def receiver(self, receiver: Callable[..., Any]) -> Callable[..., Any]:
        return _spanned(receiver, f"receive {receiver.__module__}.{receiver.__qualname__}")

    def send(self, send: Callable[..., Any]) -> Callable[..., Any]:
        return _spanned(send, f"send {send.__qualname__}")

    def expected(self, work: Work) -> Mapping[str, Bounds]:
        return {"spans": exactly(work.dispatches + work.orphans + work.calls)}

    def check(self) -> None:
        seen: list[int] = []

        def look(**kwargs: object) -> None:
            seen.append(trace.get_current_span().get_span_context().span_id)

        signal, receiver = Signal(), self.receiver(look)
        signal.connect(receiver)
        with parent():
            look()
            self.send(signal.send)(None)
        if len(set(seen)) != len(("request", "receiver call")):
            raise AssertionError("no span is current in a receiver but the request's")


class UnsampledByHand(ByHand):
    """The same under a root span that does not record."""

    sampler = Unsampled.sampler

    def expected(self, work: Work) -> Mapping[str, Bounds]:
        return {"spans": exactly(0), "root spans": exactly(0)}


def _spanned(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    def call(*args: object, **kwargs: object) -> object:
        with tracer.start_as_current_span(name):
            return function(*args, **kwargs)

    async def acall(*args: object, **kwargs: object) -> object:
        with tracer.start_as_current_span(name):
            return await function(*args, **kwargs)

    return acall if iscoroutinefunction(function) else call


class Instrumented(Sampled):
    """OpenTelemetry's own span for each request."""

    def prepare(self) -> None:
        super().prepare()
        from opentelemetry.instrumentation.django import DjangoInstrumentor  # from the dependency group "benchmarks"

        DjangoInstrumentor().instrument()

    def opened(self) -> AbstractContextManager[object]:
        return contextlib.nullcontext()

    def expected(self, work: Work) -> Mapping[str, Bounds]:
        return {"root spans": exactly(work.requests), "spans": exactly(0)}


def check_parents(flush: Callable[[], None]) -> None:
    """Fail if spans of async receivers are not children of their dispatch's, or not current in the receivers."""
    seen: set[int] = set()

    async def look(**kwargs: object) -> None:
        for _ in range(2):
            seen.add(trace.get_current_span().get_span_context().span_id)
            await asyncio.sleep(0)

    signal, receivers = Signal(), [partial(look) for _ in range(3)]
    for receiver in receivers:
        signal.connect(receiver)
    exporter.kept = []
    with tracer.start_as_current_span("request") as root:
        asyncio.run(signal.asend(None))
    flush()
    _flush()
    spans, exporter.kept = [span for span in exporter.kept if span.parent is not None], None
    root_id = root.get_span_context().span_id
    dispatches = [span for span in spans if _parent_id(span) == root_id]
    calls = [span for span in spans if span not in dispatches]
    if len(dispatches) != 1 or {_parent_id(span) for span in calls} != {_id(dispatches[0])}:
        raise AssertionError("the spans of a dispatch are not under one another as they should be")
    if {_id(span) for span in calls} != seen or len(seen) != len(receivers):
        raise AssertionError("the spans of async receivers are not those that the receivers stood in")


def _id(span: ReadableSpan) -> int:
    context = span.get_span_context()
    return context.span_id if context is not None else 0


def _parent_id(span: ReadableSpan) -> int:
    return span.parent.span_id if span.parent is not None else 0
