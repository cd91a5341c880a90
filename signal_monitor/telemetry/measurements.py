"""Adds many measurements to a histogram at once, where the inside of its SDK is known.

OpenTelemetry's API records one measurement at a time, in seven microseconds. The first one of some with the same
attributes goes that way: it makes the SDK's aggregations, one for each reader and view, to which the others are added.
Whether this gives the same as the API is tried once in each process, with a provider of our own.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from functools import cache, partial
from operator import sub
from typing import Any

from opentelemetry.context import Context
from opentelemetry.metrics import Histogram
from opentelemetry.sdk import metrics as sdk
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.util.types import Attributes

NO_SPAN = Context({"signal_monitor": "no span"})  # an empty one would mean the current context
FEW = 3
"""So many measurements are recorded one by one."""
_CONSUMER, _AGGREGATION = "SynchronousMeasurementConsumer", "_ExplicitBucketHistogramAggregation"
_NO_EXEMPLARS = {"TraceBasedExemplarFilter", "AlwaysOffExemplarFilter"}
"""The filters that take no exemplar from a measurement without a span."""
_TRIED = (0.0001, 0.004, 0.1, 0.25, 20.0)


def record_all(histogram: Histogram, attributes: Attributes, started: Sequence[float], ended: Sequence[float]) -> None:
    """Record how long each of some calls took, outside all spans."""
    seconds = list(map(sub, ended, started))
    if len(seconds) > FEW and is_known_sdk():
        histogram.record(seconds.pop(), attributes, NO_SPAN)
        seconds = _left_by_aggregations(histogram, attributes, seconds)
    record = histogram.record
    for one in seconds:
        record(one, attributes, NO_SPAN)


def _left_by_aggregations(histogram: Histogram, attributes: Attributes, seconds: list[float]) -> list[float]:
    """Add measurements to the SDK's aggregations; returns those that are left to be recorded: all or none."""
    aggregations = _aggregations_of(histogram, attributes)
    for aggregation in aggregations:
        _add(aggregation, seconds)
    return [] if aggregations else seconds


def _aggregations_of(histogram: Any, attributes: Attributes) -> list[Any]:  # noqa: ANN401 - the SDK's
    """What the SDK adds measurements with these attributes to; nothing where it does more than that with some."""
    consumer: Any = getattr(histogram, "_measurement_consumer", None)
    if type(consumer).__name__ != _CONSUMER or not isinstance(histogram, sdk.Histogram):
        return []
    if type(consumer._sdk_config.exemplar_filter).__name__ not in _NO_EXEMPLARS:  # noqa: SLF001 - see is_known_sdk
        return []
    found = []
    for storage in consumer._reader_storages.values():  # noqa: SLF001
        for match in storage._instrument_view_instrument_matches.get(histogram, ()):  # noqa: SLF001
            aggregation = _aggregation_of(match, attributes)
            if type(aggregation).__name__ == _AGGREGATION:
                found.append(aggregation)
            elif type(aggregation).__name__ != "_DropAggregation":
                return []
    return found


def _aggregation_of(match: Any, attributes: Attributes) -> object:  # noqa: ANN401 - the SDK's
    kept, names = dict(attributes or {}), match._view._attribute_keys  # noqa: SLF001
    if names is not None:
        kept = {name: value for name, value in kept.items() if name in names}
    for aggregation in list(match._attributes_aggregation.values()):  # noqa: SLF001
        if aggregation._attributes == kept:  # noqa: SLF001
            return aggregation
    return None


def _add(aggregation: Any, seconds: Sequence[float]) -> None:  # noqa: ANN401 - the SDK's
    counts = Counter(map(partial(bisect_left, aggregation._boundaries), seconds))  # noqa: SLF001
    with aggregation._lock:  # noqa: SLF001
        if aggregation._value is None:  # noqa: SLF001
            aggregation._value = aggregation._get_empty_bucket_counts()  # noqa: SLF001
        for bucket, count in counts.items():
            aggregation._value[bucket] += count  # noqa: SLF001
        aggregation._sum += sum(seconds)  # noqa: SLF001
        if aggregation._record_min_max:  # noqa: SLF001
            aggregation._min = min(aggregation._min, *seconds)  # noqa: SLF001
            aggregation._max = max(aggregation._max, *seconds)  # noqa: SLF001


@cache
def is_known_sdk() -> bool:
    """Whether measurements added at once give the same as those recorded one by one."""
    try:
        singly, at_once = _Trial(), _Trial()
        for one in _TRIED:
            singly.histogram.record(one, _Trial.attributes, NO_SPAN)
        at_once.histogram.record(_TRIED[0], _Trial.attributes, NO_SPAN)
        left = _left_by_aggregations(at_once.histogram, _Trial.attributes, list(_TRIED[1:]))
        return not left and singly.result() == at_once.result()
    except Exception:  # noqa: BLE001 - another SDK may have anything in place of what is read here
        return False


class _Trial:
    """A histogram of a provider of our own."""

    attributes: Attributes = {"name": "tried"}

    def __init__(self) -> None:
        self._reader = InMemoryMetricReader()
        provider = sdk.MeterProvider([self._reader], Resource.get_empty(), shutdown_on_exit=False)
        self.histogram = provider.get_meter("signal_monitor").create_histogram(
            "tried", explicit_bucket_boundaries_advisory=[0.001, 0.25, 1.0]
        )

    def result(self) -> list[object]:
        """What a reader is told."""
        data: Any = self._reader.get_metrics_data()
        (point,) = data.resource_metrics[0].scope_metrics[0].metrics[0].data.data_points
        found = (point.count, round(point.sum, 9), point.min, point.max, point.bucket_counts, point.exemplars)
        return [*found, point.explicit_bounds, dict(point.attributes)]
