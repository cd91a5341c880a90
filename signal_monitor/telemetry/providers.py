"""Whose tracers and meters are used: those that an instrumentor was given, or else the global ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry import metrics, trace

import signal_monitor

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider

SCOPE = "signal_monitor"
VERSION = signal_monitor.__version__
SCHEMA_URL = "https://opentelemetry.io/schemas/1.44.0"


class Providers:
    """The providers that were given; None stands for the global one of the moment."""

    def __init__(self) -> None:
        self.given_tracer_provider: TracerProvider | None = None
        self.given_meter_provider: MeterProvider | None = None

    def use(self, tracer_provider: TracerProvider | None = None, meter_provider: MeterProvider | None = None) -> None:
        """Use these from now on."""
        self.given_tracer_provider = tracer_provider
        self.given_meter_provider = meter_provider

    def tracer_provider(self) -> TracerProvider | None:
        """Whose tracers are used; None while nobody has configured tracing."""
        provider = self.given_tracer_provider or trace.get_tracer_provider()
        return None if isinstance(provider, trace.ProxyTracerProvider) else provider

    def meter_provider(self) -> MeterProvider | None:
        """Whose meters are used; None while nobody has configured metrics."""
        provider = self.given_meter_provider or metrics.get_meter_provider()
        # The API's own providers keep nothing. That of the time before a real one is set has no public name.
        return None if type(provider).__module__.startswith(metrics.__name__) else provider


providers = Providers()
