"""OpenTelemetry metrics: how long dispatches and receiver calls take, what runs now, and what was dropped.

All is recorded by the worker; a measurement costs it some seven microseconds in the SDK.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import sub
from typing import TYPE_CHECKING, NamedTuple, cast

from opentelemetry import trace as otel
from opentelemetry.context import Context
from opentelemetry.metrics import CallbackOptions, Histogram, MeterProvider, Observation
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from signal_monitor.faults import contained
from signal_monitor.instrumentation.places import FIRST_END, SHAPE, STARTED
from signal_monitor.instrumentation.plans import Record
from signal_monitor.instrumentation.traces import DispatchTrace
from signal_monitor.pipeline import Observer, stop_before_others_at_exit
from signal_monitor.process import ThisProcess
from signal_monitor.records import Aggregate, Amendment, Dispatch, ReceiverCall
from signal_monitor.running import count_running

from .aside import SUPPRESSED
from .content import ERROR, FUNCTION, OUTCOME, SIGNAL
from .providers import SCHEMA_URL, SCOPE, VERSION, providers

if TYPE_CHECKING:
    from opentelemetry.util.types import Attributes

DISPATCH_DURATION = "django.signal.dispatch.duration"
RECEIVER_DURATION = "django.signal.receiver.duration"
RECEIVERS_RUNNING = "django.signal.receivers.running"
RECORDS_DROPPED = "signal_monitor.records.dropped"
REASON = "reason"
MAX_SERIES = 2_000
OVERFLOW: Attributes = {"otel.metric.overflow": True}
"""Stands for all combinations of attributes beyond MAX_SERIES of an instrument, as in the SDK."""
BOUNDARIES_S = (0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_NOWHERE = Context({"signal_monitor": "no span"})  # an empty one would stand for that of the moment
Place = tuple[tuple[str, object], ...]
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

    def place_of(self, *values: str | None) -> Place:
        """The same, to be counted by."""
        return tuple((self.of(*values) or {}).items())


class Instruments(NamedTuple):
    """What dispatches are recorded with."""

    dispatches: Histogram
    receivers: Histogram


class Metrics(Observer):
    """Records every dispatch that has ended, once somebody has configured metrics.

    There is one in a process: a provider calls back who has first made an instrument, whoever makes it again.
    ``enabled``: whether it records at all. ``process``: whose losses it tells.
    """

    def __init__(self) -> None:
        self.enabled = False
        self.process = ThisProcess()
        self._provider: MeterProvider | None = None
        self._instruments: Instruments | None = None
        self._dispatches = Series(SIGNAL, ERROR)
        self._receivers = Series(SIGNAL, FUNCTION, OUTCOME, ERROR)
        self._running = Series(SIGNAL, FUNCTION)
        # What has run once is told of with 0 when it does not: a series that ends would keep its last value.
        self._ran: set[Place] = set()

    def observe(self, dispatch: Dispatch, trace: DispatchTrace | None) -> None:
        """Record a dispatch and those of its receiver calls that have ended."""
        instruments = self._ready()
        if instruments is None or trace is SUPPRESSED:
            return
        error = dispatch.failure.type if dispatch.failure is not None else None
        attributes = self._dispatches.of(dispatch.signal, error)
        instruments.dispatches.record(dispatch.duration_ns / 1e9, attributes, _place(dispatch, dispatch.span_id))
        for call in dispatch.calls:
            if call.outcome not in {"late", "not_run"}:
                self._record(instruments, dispatch.signal, call, _place(dispatch, call.span_id))

    def aggregate(self, aggregate: Aggregate, records: Sequence[Record]) -> None:
        """Record ordinary dispatches, each with its own time."""
        instruments = self._ready()
        counted = [record for record in records if record[-1] is not SUPPRESSED]
        if instruments is None or not counted:
            return
        shape = counted[0][SHAPE]
        started, *ends = list(zip(*counted, strict=False))[STARTED : FIRST_END + len(shape.receivers)]
        _record_all(instruments.dispatches, self._dispatches.of(aggregate.signal, None), started, ends[-1])
        for info, ended in zip(shape.receivers, ends, strict=True):
            _record_all(
                instruments.receivers, self._receivers.of(aggregate.signal, info.name, "ok", None), started, ended
            )
            started = ended

    def amend(self, amendment: Amendment, call: ReceiverCall) -> None:
        """Record a late receiver call, now that its time is known."""
        instruments = self._ready()
        if instruments is not None:
            self._record(instruments, amendment.signal, call, _NOWHERE)

    def tick(self) -> None:
        """Follow the providers: what is running is asked for before anything has ended."""
        self._ready()

    def flush(self) -> None:
        """Follow the providers."""
        self._ready()

    def _record(self, instruments: Instruments, signal: str, call: ReceiverCall, place: Context) -> None:
        error = call.failure.type if call.failure is not None else None
        attributes = self._receivers.of(signal, call.receiver, call.outcome, error)
        instruments.receivers.record(call.duration_ns / 1e9, attributes, place)

    def _ready(self) -> Instruments | None:
        """The instruments of the provider of the moment."""
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

    @contained("the metric of running receivers", ())
    def _observe_running(self, options: CallbackOptions) -> Iterable[Observation]:
        if not self.enabled:
            return ()
        counts = dict.fromkeys(self._ran, 0)
        for names, count in count_running().items():
            place = self._running.place_of(*names)
            counts[place] = counts.get(place, 0) + count
        self._ran.update(counts)
        return [Observation(count, cast("Attributes", dict(place))) for place, count in counts.items()]

    @contained("the metric of dropped records", ())
    def _observe_dropped(self, options: CallbackOptions) -> Iterable[Observation]:
        losses = self.process.losses() if self.enabled else {}
        return [Observation(count, {REASON: reason.replace(" ", "_")}) for reason, count in losses.items()]


def _record_all(histogram: Histogram, attributes: Attributes, started: Sequence[float], ended: Sequence[float]) -> None:
    record = histogram.record
    for seconds in map(sub, ended, started):
        record(seconds, attributes, _NOWHERE)


def _place(dispatch: Dispatch, span_id: str | None) -> Context:
    """A context of the span that a measurement belongs to, for exemplars; an empty one where none is written."""
    if dispatch.trace_id is None or span_id is None:
        return _NOWHERE
    ids = SpanContext(int(dispatch.trace_id, 16), int(span_id, 16), False, TraceFlags(TraceFlags.SAMPLED))  # noqa: FBT003
    return otel.set_span_in_context(NonRecordingSpan(ids), _NOWHERE)
