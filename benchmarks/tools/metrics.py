"""OpenTelemetry's metrics: a meter provider whose reader counts the measurements."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from .base import Bounds, Tool, Work, exactly

OWN = "benchmarks."
DURATIONS = ("django.signal.dispatch.duration", "django.signal.receiver.duration")


class Metered(Tool):
    """A meter provider, which is read at the end."""

    def prepare(self) -> None:
        self._reader = InMemoryMetricReader()
        metrics.set_meter_provider(MeterProvider([self._reader]))

    def recorded(self) -> Mapping[str, int]:
        data: Any = self._reader.get_metrics_data()
        points = [
            point
            for of_resource in (data.resource_metrics if data is not None else ())
            for of_scope in of_resource.scope_metrics
            for metric in of_scope.metrics
            if metric.name in DURATIONS
            for point in metric.data.data_points
        ]
        return {"measurements": sum(point.count for point in points if _is_own(point.attributes))}

    def expected(self, work: Work) -> Mapping[str, Bounds]:
        return {"measurements": exactly(work.dispatches + work.calls)}


def _is_own(attributes: Mapping[str, str]) -> bool:
    """Whether a measurement is one of the benchmark's signals; of Django's signals, only ``post_save`` is."""
    return attributes["django.signal.name"].startswith((OWN, "django.db.models.signals.post_save"))
