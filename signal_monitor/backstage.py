"""The monitor's own work, which nobody wants to see: what it dispatches is not observed, what it queries not traced."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping

from opentelemetry import context as otel_context

from .instrumentation.cells import suppress

# What instrumentations ask before they do anything, and exporters set; the second has no public name.
_PLAIN = "suppress_instrumentation"
_KEYS = (_PLAIN, getattr(otel_context, "_SUPPRESS_INSTRUMENTATION_KEY", _PLAIN))


@contextlib.contextmanager
def backstage() -> Iterator[None]:
    """Work for the monitor in a block."""
    context = otel_context.get_current()
    for key in _KEYS:
        context = otel_context.set_value(key, True, context)  # noqa: FBT003 - OpenTelemetry's signature
    token = otel_context.attach(context)
    try:
        with suppress():
            yield
    finally:
        otel_context.detach(token)


def is_suppressed(context: Mapping[str, object]) -> bool:
    """Whether OpenTelemetry's instrumentations are to do nothing in a context."""
    return any(context.get(key) for key in _KEYS)
