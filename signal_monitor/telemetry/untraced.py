"""Whether dispatches find a span around them, and what to install where none does."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from importlib import metadata
from importlib.util import find_spec

from opentelemetry import trace
from opentelemetry.trace import Span, TracerProvider

from signal_monitor.instrumentation.current import Record
from signal_monitor.instrumentation.hooks import DispatchSpans
from signal_monitor.instrumentation.record import info_of, spans_of
from signal_monitor.pipeline import Observer
from signal_monitor.records import Aggregate, Dispatch

from .policy import Policy
from .providers import SCOPE, providers

_PREFIX = "opentelemetry-instrumentation"
_OF_SAME_VERSION = (_PREFIX, "opentelemetry-distro")
"""Packages that have the version of all instrumentations."""


class UntracedDispatches(Observer):
    """Counts the dispatches without a span around them, as long as none has had one and OpenTelemetry is configured.

    A span that is not sampled is one as well: the sampler's choice needs no advice.
    """

    def __init__(self) -> None:
        self.policy = Policy()
        self.count = 0
        self._has_seen_span = False
        self._provider: TracerProvider | None = None
        self._is_configured = False

    def see(self, span: Span) -> None:
        """A dispatch begins under a span, or under none; not called for each one that has the same as the last."""
        ids = span.get_span_context()
        if ids.is_valid and not ids.is_remote:
            self._has_seen_span = True

    def observe(self, dispatch: Dispatch, spans: DispatchSpans | None) -> None:
        """Count a dispatch."""
        if spans is None and self._counts(dispatch.signal, dispatch.sender):
            self.count += 1

    def aggregate(self, aggregate: Aggregate, records: Sequence[Record]) -> None:
        """Count routine dispatches."""
        info = info_of(records[0])
        if not self._has_seen_span and self._counts(info.signal.name, info.sender):
            self.count += sum(spans_of(record) is None for record in records)

    def _counts(self, signal: str, sender: str) -> bool:
        return not self._has_seen_span and self._is_traced() and self.policy.selection.takes_dispatch(signal, sender)

    def _is_traced(self) -> bool:
        """Whether OpenTelemetry is configured here, to do something, and dispatches may have spans."""
        provider = providers.tracer_provider()
        if provider is not self._provider:
            self._provider = provider
            self._is_configured = provider is not None and not isinstance(provider.get_tracer(SCOPE), trace.NoOpTracer)
        return self.policy.enabled and self._is_configured

    def without_parent(self) -> int:
        """The number of dispatches if none of them had a span around it; otherwise 0."""
        return 0 if self._has_seen_span or not self._is_traced() else self.count

    def forget(self) -> None:
        """Count from nothing in a forked child."""
        self.count = 0


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _is_there(name: str) -> bool:
    try:
        return find_spec(f"opentelemetry.instrumentation.{name}") is not None
    except ImportError:
        return False


@functools.cache
def advice() -> str:
    """What to do where requests have no spans; reading the versions takes milliseconds."""
    version = next(filter(None, map(_version, _OF_SAME_VERSION)), None)
    pin = f"=={version}" if version else ""
    missing = [f"{_PREFIX}-{name}" for name in ("django", "asgi") if not _is_there(name)]
    if f"{_PREFIX}-django" in missing:
        return f"Nothing traces Django's requests: pip install {' '.join(name + pin for name in missing)}"
    if missing:
        return f"Under ASGI, Django's requests are traced only with one more package: pip install {missing[0]}{pin}"
    return (
        "The instrumentation of Django is installed. Start the process with opentelemetry-instrument, or instrument it "
        "before the application is made: later, Django has read MIDDLEWARE already."
    )
