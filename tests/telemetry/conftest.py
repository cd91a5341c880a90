"""What the tests of spans and metrics start with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider

from signal_monitor import pipeline
from tests.telemetry.providing import Eager, Meters, Spans


@pytest.fixture
def provide(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Make a provider the global one, for the test alone."""

    def make(provider: TracerProvider | None = None) -> Spans:
        spans = Spans(provider or TracerProvider(shutdown_on_exit=False))
        monkeypatch.setattr(trace, "_TRACER_PROVIDER", spans.provider)
        return spans

    yield make
    pipeline.flush()


@pytest.fixture(params=["exported", "written", "live"])
def spans(request: pytest.FixtureRequest, provide: Any, monkeypatch: pytest.MonkeyPatch) -> Spans:
    """The ways of making spans: by the worker, directly or through the API where the SDK counts them, and live."""
    if request.param == "written":
        monkeypatch.setenv("OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED", "true")
        meters = MeterProvider([InMemoryMetricReader()], shutdown_on_exit=False)
        made: Spans = provide(TracerProvider(meter_provider=meters, shutdown_on_exit=False))
    else:
        made = provide()
    if request.param == "live":
        made.provider.add_span_processor(Eager())
    return made


@pytest.fixture
def meters(monkeypatch: pytest.MonkeyPatch) -> Iterator[Meters]:
    """Meters of the test's own as the global ones, for the test alone."""
    meters = Meters()
    with monkeypatch.context() as patch:
        patch.setattr(metrics._internal, "_METER_PROVIDER", meters.provider)
        pipeline.flush()
        yield meters
        pipeline.flush()
    pipeline.flush()
    meters.provider.shutdown()
