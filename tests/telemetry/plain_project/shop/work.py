"""What the processes of the tests do, by name; each step answers what JSON can hold."""

from __future__ import annotations

import asyncio
import importlib
import os
import sys
from collections.abc import Callable

from django.dispatch import Signal
from django.test import Client
from opentelemetry import metrics, trace
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from .signals import ordered

METHODS = ("__init__", "_live_receivers", "asend", "asend_robust", "send", "send_robust")
TRACE_ID = "0af7651916cd43dd8448eb211c80319c"


def request() -> int:
    """A request, which Django's instrumentation makes a span of."""
    return Client().get("/order/").status_code


def remote() -> int:
    """A request that belongs to a trace of somebody else's."""
    return Client().get("/order/", headers={"traceparent": f"00-{TRACE_ID}-b7ad6b7169203331-01"}).status_code


def span() -> None:
    """Dispatch under a span of the project's own."""
    with trace.get_tracer("shop").start_as_current_span("work"):
        ordered.send(sender="shop")


def asend() -> None:
    """Dispatch from a running event loop, under a span of the project's own."""
    with trace.get_tracer("shop").start_as_current_span("work"):
        asyncio.run(ordered.asend(sender="shop"))


def fork() -> int:
    """Dispatch in a forked child, which ends as programs do."""
    child = os.fork()
    if child == 0:
        span()
        sys.exit()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def modules() -> list[str]:
    """What has been imported."""
    return sorted(sys.modules)


def counted() -> dict[str, int]:
    """How many dispatches of each signal the monitor's own store has."""
    importlib.import_module("signal_monitor.pipeline").flush()
    store = importlib.import_module("signal_monitor.stores").get_store()
    return {totals.key: totals.count for totals in store.totals("signal")}


def by_hand() -> dict[str, list[str]]:
    """Instrument twice and uninstrument, and say which methods of ``Signal`` each of these replaced."""
    from signal_monitor.instrumentor import SignalInstrumentor

    before = _methods()
    SignalInstrumentor().instrument()
    once = _methods()
    SignalInstrumentor().instrument()
    twice = _methods()
    SignalInstrumentor().uninstrument()
    return {
        "once": _differing(before, once),
        "again": _differing(once, twice),
        "at last": _differing(before, _methods()),
    }


def given() -> dict[str, list[str]]:
    """Instrument with providers that are not the global ones, and say which spans and metrics come out of each."""
    from signal_monitor.instrumentor import SignalInstrumentor

    own, others = Telemetry(), Telemetry()
    trace.set_tracer_provider(others.tracer_provider)
    metrics.set_meter_provider(others.meter_provider)
    SignalInstrumentor().instrument(tracer_provider=own.tracer_provider, meter_provider=own.meter_provider)
    span()
    SignalInstrumentor().uninstrument()
    span()
    return {"own": own.names(), "global": others.names()}


def measured() -> None:
    """Dispatch, and end, with a meter provider that is younger than the instrumentor and has been seen by it."""
    from signal_monitor.instrumentor import SignalInstrumentor

    SignalInstrumentor().instrument()
    metrics.set_meter_provider(MeterProvider([PeriodicExportingMetricReader(OTLPMetricExporter())]))
    ordered.send(sender="shop")
    importlib.import_module("signal_monitor.pipeline").flush()
    ordered.send(sender="shop")


class Telemetry:
    """Providers, and what came out of them."""

    def __init__(self) -> None:
        self.exporter, self.reader = InMemorySpanExporter(), InMemoryMetricReader()
        self.tracer_provider = TracerProvider()
        self.tracer_provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.meter_provider = MeterProvider([self.reader])

    def names(self) -> list[str]:
        """The names of all spans and metrics."""
        data = self.reader.get_metrics_data()
        found = [
            metric.name
            for of_resource in (data.resource_metrics if data is not None else ())
            for of_scope in of_resource.scope_metrics
            for metric in of_scope.metrics
        ]
        return [span.name for span in self.exporter.get_finished_spans()] + found


def _methods() -> dict[str, object]:
    return {name: Signal.__dict__[name] for name in METHODS}


def _differing(before: dict[str, object], after: dict[str, object]) -> list[str]:
    return [name for name in METHODS if before[name] is not after[name]]


STEPS: dict[str, Callable[[], object]] = {
    step.__name__: step for step in (request, remote, span, asend, fork, modules, counted, by_hand, given, measured)
}
