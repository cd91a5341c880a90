"""Suppression of the monitor's own work: its dispatches are not observed, its queries are not traced."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping

from opentelemetry import context as otel_context

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


def is_suppressed(context: Mapping[str, object]) -> bool:
    """Whether OpenTelemetry's instrumentations do nothing in a context."""
    return any(context.get(key) for key in _KEYS)
