"""Measurements that are added to the SDK's aggregations at once are the same as those recorded one by one."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.sdk.metrics import AlwaysOnExemplarFilter, Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import AggregationTemporality, InMemoryMetricReader
from opentelemetry.sdk.metrics.view import (
    DropAggregation,
    ExplicitBucketHistogramAggregation,
    ExponentialBucketHistogramAggregation,
    View,
)

from signal_monitor.telemetry import measurements
from signal_monitor.telemetry.measurements import NO_SPAN, is_known_sdk, record_all

ATTRIBUTES = {"signal": "paid", "receiver": "mail"}
SECONDS = [0.0, 0.0001, 0.001, 0.0015, 0.25, 3.5, 0.25, 20.0]
DELTA: dict[type, AggregationTemporality] = {Histogram: AggregationTemporality.DELTA}
PROVIDERS: dict[str, dict[str, Any]] = {
    "default": {},
    "view": {
        "views": [View(instrument_name="*", attribute_keys={"signal"}), View(instrument_name="took", name="again")]
    },
    "no min and max": {
        "views": [
            View(instrument_name="*", aggregation=ExplicitBucketHistogramAggregation([0.01], record_min_max=False))
        ]
    },
    "dropped": {"views": [View(instrument_name="*", aggregation=DropAggregation())]},
    "exponential": {"views": [View(instrument_name="*", aggregation=ExponentialBucketHistogramAggregation())]},
    "exemplars": {"exemplar_filter": AlwaysOnExemplarFilter()},
}


class Read:
    """A histogram, and what two readers are told of it."""

    def __init__(self, options: dict[str, Any]) -> None:
        self.readers = [InMemoryMetricReader(), InMemoryMetricReader(preferred_temporality=DELTA)]
        provider = MeterProvider(self.readers, shutdown_on_exit=False, **options)
        self.histogram = provider.get_meter("test").create_histogram(
            "took", explicit_bucket_boundaries_advisory=[0.001, 0.25, 1.0]
        )

    def points(self) -> list[Any]:
        told = []
        for reader in self.readers:
            data: Any = reader.get_metrics_data()
            for metric in data.resource_metrics[0].scope_metrics[0].metrics if data is not None else ():
                told += [(metric.name, *self._fields(point)) for point in metric.data.data_points]
        return told

    def _fields(self, point: Any) -> Any:
        buckets = getattr(point, "bucket_counts", None) or (point.positive, point.zero_count)
        return (
            dict(point.attributes),
            point.count,
            round(point.sum, 6),
            point.min,
            point.max,
            buckets,
            len(point.exemplars),
        )


@pytest.mark.parametrize("options", PROVIDERS.values(), ids=PROVIDERS)
def test_readers_are_told_the_same(options: dict[str, Any]) -> None:
    singly, at_once = Read(options), Read(options)
    for _ in range(2):
        for one in SECONDS:
            singly.histogram.record(one, ATTRIBUTES, NO_SPAN)
        record_all(at_once.histogram, ATTRIBUTES, [0.0] * len(SECONDS), SECONDS)

        assert at_once.points() == singly.points()


def test_installed_sdk_is_known() -> None:
    is_known_sdk.cache_clear()
    assert is_known_sdk()


def test_other_sdk_is_told_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """As one whose aggregations keep their sum elsewhere: what is added at once does not reach the reader."""
    monkeypatch.setattr(measurements, "_add", lambda *_: None)
    is_known_sdk.cache_clear()
    read = Read({})
    record_all(read.histogram, ATTRIBUTES, [0.0] * len(SECONDS), SECONDS)
    is_known_sdk.cache_clear()

    assert {fields[2] for fields in read.points()} == {len(SECONDS)}
