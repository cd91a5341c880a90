"""What the tests of spans and metrics start with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry import metrics, trace
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


@pytest.fixture(params=["light", "real"])
def spans(request: pytest.FixtureRequest, provide: Any) -> Spans:
    """Both ways of making spans: after the fact, and started in the hot path."""
    made: Spans = provide()
    if request.param == "real":
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
