"""OpenTelemetry metrics: how long dispatches and receiver calls take, what runs now, and what was dropped.

All is recorded by the worker. A measurement costs it some seven microseconds in the SDK, so it adds up many first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, cast

from opentelemetry import trace as otel
from opentelemetry.context import Context
from opentelemetry.metrics import CallbackOptions, Histogram, MeterProvider, Observation
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags
from opentelemetry.util.types import Attributes

from signal_monitor.errors import guarded
from signal_monitor.instrumentation.current import Record
from signal_monitor.instrumentation.hooks import DispatchSpans
from signal_monitor.instrumentation.record import columns_of, spans_of
from signal_monitor.pipeline import Observer, stop_before_others_at_exit
from signal_monitor.pipeline.process import ThisProcess
from signal_monitor.pipeline.running_calls import count_running
from signal_monitor.records import Aggregate, Amendment, Dispatch, Failure, ReceiverCall

from .attributes import ERROR, FUNCTION, OUTCOME, SIGNAL
from .current_span import SUPPRESSED
from .measurements import NO_SPAN, record_all
from .providers import SCHEMA_URL, SCOPE, VERSION, providers

DISPATCH_DURATION = "django.signal.dispatch.duration"
RECEIVER_DURATION = "django.signal.receiver.duration"
RECEIVERS_RUNNING = "django.signal.receivers.running"
RECORDS_DROPPED = "signal_monitor.records.dropped"
REASON = "reason"
MAX_SERIES = 2_000
OVERFLOW: Attributes = {"otel.metric.overflow": True}
"""Stands for all combinations of attributes beyond MAX_SERIES of an instrument, as in the SDK."""
BOUNDARIES_S = (0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
Pairs = tuple[tuple[str, object], ...]
"""Attributes as pairs."""


class Series:
    """The combinations of attributes that an instrument is given; an attribute that is None is left out."""

    def __init__(self, *names: str) -> None:
        self._names = names
        self._known: dict[tuple[str | None, ...], Attributes] = {}

    def of(self, *values: str | None) -> Attributes:
        """The attributes with these values, or OVERFLOW where there are too many others."""
        known = self._known.get(values)
        if known is None:
            if len(self._known) >= MAX_SERIES:
                return OVERFLOW
            pairs = zip(self._names, values, strict=True)
            known = self._known[values] = {name: value for name, value in pairs if value is not None}
        return known

    def pairs_of(self, *values: str | None) -> Pairs:
        """The same as pairs, which may be the keys of a dict."""
        return tuple((self.of(*values) or {}).items())


class Instruments(NamedTuple):
    """What dispatches are recorded with."""

    dispatches: Histogram
    receivers: Histogram


class Metrics(Observer):
    """Records every dispatch that has ended, once somebody has configured metrics.

    A process has one: a provider calls back the first who has made an instrument, whoever makes it again.
    ``enabled`` says whether it records at all, ``process`` has the number of dropped records.
    """

    def __init__(self) -> None:
        self.enabled = False
        self.process = ThisProcess()
        self._provider: MeterProvider | None = None
        self._instruments: Instruments | None = None
        self._dispatches = Series(SIGNAL, ERROR)
        self._receivers = Series(SIGNAL, FUNCTION, OUTCOME, ERROR)
        self._running = Series(SIGNAL, FUNCTION)
        # A receiver that ran once is reported as 0 when it does not run: a series that ends would keep its last value.
        self._ran: set[Pairs] = set()

    def observe(self, dispatch: Dispatch, spans: DispatchSpans | None) -> None:
        """Record a dispatch and those of its receiver calls that have ended."""
        instruments = self._ready()
        if instruments is None or spans is SUPPRESSED:
            return
        attributes = self._dispatches.of(dispatch.signal, _type_of(dispatch.failure))
        instruments.dispatches.record(dispatch.duration_ns / 1e9, attributes, _context_of(dispatch, dispatch.span_id))
        for call in dispatch.calls:
            if call.outcome not in {"late", "not_run"}:
                self._record(instruments, dispatch.signal, call, _context_of(dispatch, call.span_id))

    def aggregate(self, aggregate: Aggregate, records: Sequence[Record]) -> None:
        """Record routine dispatches, each with its own time."""
        instruments = self._ready()
        counted = [record for record in records if spans_of(record) is not SUPPRESSED]
        if instruments is None or not counted:
            return
        columns = columns_of(counted)
        attributes = self._dispatches.of(aggregate.signal, _type_of(aggregate.failure))
        record_all(instruments.dispatches, attributes, columns.started, columns.finished)
        # The last receivers may not have run.
        for calls, begun, ended in zip(aggregate.calls, columns.begun, columns.ended, strict=False):
            attributes = self._receivers.of(aggregate.signal, calls.receiver, calls.outcome, _type_of(calls.failure))
            record_all(instruments.receivers, attributes, begun, ended)

    def amend(self, amendment: Amendment, call: ReceiverCall) -> None:
        """Record a late receiver call, now that its time is known."""
        instruments = self._ready()
        if instruments is not None:
            self._record(instruments, amendment.signal, call, NO_SPAN)

    def tick(self) -> None:
        """Follow the providers: what is running is asked for before anything has ended."""
        self._ready()

    def flush(self) -> None:
        """Follow the providers."""
        self._ready()

    def _record(self, instruments: Instruments, signal: str, call: ReceiverCall, context: Context) -> None:
        attributes = self._receivers.of(signal, call.receiver, call.outcome, _type_of(call.failure))
        instruments.receivers.record(call.duration_ns / 1e9, attributes, context)

    def _ready(self) -> Instruments | None:
        """The instruments of the current provider."""
        provider = providers.meter_provider() if self.enabled else None
        if provider is not self._provider:
            self._provider = provider
            stop_before_others_at_exit()
            self._instruments = self._made_by(provider) if provider is not None else None
        return self._instruments

    def _made_by(self, provider: MeterProvider) -> Instruments:
        meter = provider.get_meter(SCOPE, VERSION, SCHEMA_URL)
        meter.create_observable_up_down_counter(
            RECEIVERS_RUNNING, [self._observe_running], "{receiver}", "Receivers that have begun and not ended."
        )
        meter.create_observable_counter(
            RECORDS_DROPPED, [self._observe_dropped], "{record}", "What the monitor saw and could not keep."
        )
        return Instruments(
            meter.create_histogram(
                DISPATCH_DURATION, "s", "How long a send took.", explicit_bucket_boundaries_advisory=BOUNDARIES_S
            ),
            meter.create_histogram(
                RECEIVER_DURATION, "s", "How long a receiver ran.", explicit_bucket_boundaries_advisory=BOUNDARIES_S
            ),
        )

    @guarded("the metric of running receivers", ())
    def _observe_running(self, options: CallbackOptions) -> Iterable[Observation]:
        if not self.enabled:
            return ()
        counts = dict.fromkeys(self._ran, 0)
        for names, count in count_running().items():
            pairs = self._running.pairs_of(*names)
            counts[pairs] = counts.get(pairs, 0) + count
        self._ran.update(counts)
        return [Observation(count, cast("Attributes", dict(pairs))) for pairs, count in counts.items()]

    @guarded("the metric of dropped records", ())
    def _observe_dropped(self, options: CallbackOptions) -> Iterable[Observation]:
        losses = self.process.losses() if self.enabled else {}
        return [Observation(count, {REASON: reason.replace(" ", "_")}) for reason, count in losses.items()]


def _type_of(failure: Failure | None) -> str | None:
    return failure.type if failure is not None else None


def _context_of(dispatch: Dispatch, span_id: str | None) -> Context:
    """A context of the span that a measurement belongs to, for exemplars; an empty one where none is written."""
    if dispatch.trace_id is None or span_id is None:
        return NO_SPAN
    ids = SpanContext(int(dispatch.trace_id, 16), int(span_id, 16), False, TraceFlags(TraceFlags.SAMPLED))  # noqa: FBT003
    return otel.set_span_in_context(NonRecordingSpan(ids), NO_SPAN)
