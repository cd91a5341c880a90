"""Suppression of the monitor's own work: its dispatches are not observed, its queries are not traced."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator, Mapping

from opentelemetry import context as otel_context
from opentelemetry import trace

from signal_monitor.instrumentation import suppress

# The keys that instrumentations read before they do anything, and exporters set; the second has no public name.
_PLAIN = "suppress_instrumentation"
_KEYS = (_PLAIN, getattr(otel_context, "_SUPPRESS_INSTRUMENTATION_KEY", _PLAIN))


@contextlib.contextmanager
def suppressed() -> Iterator[None]:
    """Do the monitor's own work in a block."""
    context = otel_context.get_current()
    for key in _KEYS:
        context = otel_context.set_value(key, True, context)  # noqa: FBT003 - OpenTelemetry's signature
    token = otel_context.attach(context)
    try:
        with suppress():
            yield
    finally:
        otel_context.detach(token)


@contextlib.contextmanager
def unsuppressed() -> Iterator[None]:
    """Let others work in a block as if it were not the monitor's own: span processors that ask are handed its spans."""
    context = otel_context.get_current()
    token = otel_context.attach(otel_context.Context({key: context[key] for key in context if key not in _KEYS}))
    try:
        yield
    finally:
        otel_context.detach(token)


@contextlib.contextmanager
def untraced() -> Iterator[None]:
    """Do the monitor's own work in a block, under a span that is not sampled: what samplers make of it is no span."""
    ids = trace.get_current_span().get_span_context()
    unsampled = trace.SpanContext(
        ids.trace_id or secrets.randbits(128),
        ids.span_id or secrets.randbits(64),
        is_remote=False,
        trace_flags=trace.TraceFlags(trace.TraceFlags.DEFAULT),
    )
    with suppressed():
        token = otel_context.attach(trace.set_span_in_context(trace.NonRecordingSpan(unsampled)))
        try:
            yield
        finally:
            otel_context.detach(token)


def is_suppressed(context: Mapping[str, object]) -> bool:
    """Whether OpenTelemetry's instrumentations do nothing in a context."""
    return any(context.get(key) for key in _KEYS)
