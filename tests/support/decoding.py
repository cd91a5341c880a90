"""Spans and metrics as they arrive at a collector, decoded from OTLP's protobuf."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.metrics.v1 import metrics_pb2
from opentelemetry.proto.trace.v1 import trace_pb2


@dataclass(frozen=True, slots=True)
class SpanEvent:
    """An event of a span, such as a recorded exception."""

    name: str
    at_ns: int
    attributes: dict[str, Any]


@dataclass(frozen=True, slots=True)
class SpanLink:
    """A link of a span to another one."""

    trace_id: str
    span_id: str
    attributes: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Span:
    """A span as it arrived: ids in hexadecimal, times in nanoseconds since the epoch, names of enumerated values."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str
    kind: str
    status: str
    status_message: str
    start_ns: int
    end_ns: int
    attributes: dict[str, Any]
    events: tuple[SpanEvent, ...]
    links: tuple[SpanLink, ...]
    scope: str
    scope_version: str
    schema_url: str
    resource: dict[str, Any]
    protocol: str

    @property
    def duration_ns(self) -> int:
        """How long the span took."""
        return self.end_ns - self.start_ns


@dataclass(frozen=True, slots=True)
class Exemplar:
    """A single measurement of a metric, and the span that it was made in."""

    value: float
    at_ns: int
    trace_id: str
    span_id: str


@dataclass(frozen=True, slots=True)
class Point:
    """A data point of a metric as it arrived.

    ``kind``: "histogram", "sum" or "gauge". ``value``: the number itself, or the sum of a histogram. ``count``,
    ``bounds`` and ``buckets`` are a histogram's, ``temporality`` (CUMULATIVE, DELTA) a histogram's or a sum's.
    """

    metric: str
    kind: str
    unit: str
    description: str
    temporality: str
    monotonic: bool
    attributes: dict[str, Any]
    value: float
    count: int
    bounds: tuple[float, ...]
    buckets: tuple[int, ...]
    exemplars: tuple[Exemplar, ...]
    start_ns: int
    at_ns: int
    scope: str
    scope_version: str
    schema_url: str
    resource: dict[str, Any]
    protocol: str

    @property
    def series(self) -> tuple[str, str, str]:
        """What tells a series of points from all others: metric, attributes, resource."""
        return self.metric, repr(sorted(self.attributes.items())), repr(sorted(self.resource.items()))


def decode_spans(export: ExportTraceServiceRequest, protocol: str) -> Iterator[Span]:
    """The spans of an export request."""
    for of_resource in export.resource_spans:
        resource = _attributes(of_resource.resource.attributes)
        for of_scope in of_resource.scope_spans:
            for span in of_scope.spans:
                yield Span(
                    name=span.name,
                    trace_id=span.trace_id.hex(),
                    span_id=span.span_id.hex(),
                    parent_id=span.parent_span_id.hex(),
                    kind=trace_pb2.Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
                    status=trace_pb2.Status.StatusCode.Name(span.status.code).removeprefix("STATUS_CODE_"),
                    status_message=span.status.message,
                    start_ns=span.start_time_unix_nano,
                    end_ns=span.end_time_unix_nano,
                    attributes=_attributes(span.attributes),
                    events=tuple(
                        SpanEvent(event.name, event.time_unix_nano, _attributes(event.attributes))
                        for event in span.events
                    ),
                    links=tuple(
                        SpanLink(link.trace_id.hex(), link.span_id.hex(), _attributes(link.attributes))
                        for link in span.links
                    ),
                    scope=of_scope.scope.name,
                    scope_version=of_scope.scope.version,
                    schema_url=of_scope.schema_url,
                    resource=resource,
                    protocol=protocol,
                )


def decode_points(export: ExportMetricsServiceRequest, protocol: str) -> Iterator[Point]:
    """The data points of an export request."""
    for of_resource in export.resource_metrics:
        resource = _attributes(of_resource.resource.attributes)
        for of_scope in of_resource.scope_metrics:
            for metric in of_scope.metrics:
                kind: Any = metric.WhichOneof("data")
                data = getattr(metric, kind)
                for point in data.data_points:
                    yield Point(
                        metric=metric.name,
                        kind=kind,
                        unit=metric.unit,
                        description=metric.description,
                        temporality=_temporality(data) if kind != "gauge" else "",
                        monotonic=kind == "sum" and data.is_monotonic,
                        attributes=_attributes(point.attributes),
                        value=point.sum if kind == "histogram" else _number(point),
                        count=point.count if kind == "histogram" else 0,
                        bounds=tuple(point.explicit_bounds) if kind == "histogram" else (),
                        buckets=tuple(point.bucket_counts) if kind == "histogram" else (),
                        exemplars=tuple(map(_exemplar, point.exemplars)),
                        start_ns=point.start_time_unix_nano,
                        at_ns=point.time_unix_nano,
                        scope=of_scope.scope.name,
                        scope_version=of_scope.scope.version,
                        schema_url=of_scope.schema_url,
                        resource=resource,
                        protocol=protocol,
                    )


def _temporality(data: Any) -> str:
    name: str = metrics_pb2.AggregationTemporality.Name(data.aggregation_temporality)
    return name.removeprefix("AGGREGATION_TEMPORALITY_")


def _exemplar(exemplar: Any) -> Exemplar:
    return Exemplar(_number(exemplar), exemplar.time_unix_nano, exemplar.trace_id.hex(), exemplar.span_id.hex())


def _number(point: Any) -> float:
    return float(getattr(point, point.WhichOneof("value")))


def _attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> Any:
    match value.WhichOneof("value"):
        case None:
            return None
        case "array_value":
            return [_value(item) for item in value.array_value.values]
        case "kvlist_value":
            return _attributes(value.kvlist_value.values)
        case kind:
            return getattr(value, kind)
