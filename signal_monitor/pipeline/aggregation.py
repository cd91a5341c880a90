"""From many records to one aggregate: sums, and nothing of a single dispatch."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import sub

from signal_monitor.histograms import buckets_of
from signal_monitor.instrumentation.capture import DispatchDetails
from signal_monitor.instrumentation.record import arguments_of, columns_of, details_of
from signal_monitor.names import Apps
from signal_monitor.records import Aggregate, AggregatedCalls, Durations
from signal_monitor.scrubbing import scrub

from .intervals import nanoseconds
from .routine import Group
from .stacks import failure

_NO_DETAILS = DispatchDetails()
_NO_DURATIONS = Durations(0, 0, 0, {})


def aggregate_of(group: Group, apps: Apps, wall_clock: Callable[[float], float]) -> Aggregate:
    """Dispatches of one DispatchInfo added up: they are routine, or share the details of their failure."""
    info, records = group.info, group.records
    columns = columns_of(records)
    said = [one for one in map(arguments_of, records) if one is not None]
    created = [one.created for one in said]
    seconds = [list(map(sub, ended, begun)) for begun, ended in zip(columns.begun, columns.ended, strict=True)]
    durations, details = list(map(_durations, seconds)), details_of(records[0]) or _NO_DETAILS
    whole, logging_ns, nested_ns = durations[0], 0, []
    if details.resumed:
        whole = _durations([sum(of_one) for of_one in zip(*seconds, strict=True)])
        logging_ns = max(0, nanoseconds(sum(columns.finished) - sum(columns.started)) - whole.total_ns)
    elif len(seconds) > 1:
        whole = _durations(list(map(sub, columns.finished, columns.started)))
    if group.nested:
        nested = list(zip(*group.nested, strict=True))
        nested_ns = [nanoseconds(sum(column)) for column in nested]
        durations = [_durations(_without(*columns)) for columns in zip(seconds, nested, strict=True)]
    return Aggregate(
        signal=info.signal.name,
        sender=scrub(info.sender),
        ended_at=wall_clock(columns.finished[-1]),
        durations=whole,
        calls=tuple(_calls_of(group, apps, durations, nested_ns, details)),
        created=created.count(True),
        existing=created.count(False),
        raw=sum(1 for one in said if one.raw),
        failure=failure(details.failure),
        logging_ns=logging_ns,
        nested_ns=sum(nested_ns),
    )


def _calls_of(
    group: Group, apps: Apps, durations: Sequence[Durations], nested_ns: Sequence[int], details: DispatchDetails
) -> Iterator[AggregatedCalls]:
    """The calls of each receiver; dispatches that failed have not come to the last ones."""
    for index, receiver in enumerate(group.info.receivers):
        runs = index < len(durations)
        yield AggregatedCalls(
            receiver.name,
            durations[index] if runs else _NO_DURATIONS,
            apps.of(receiver.module),
            receiver.path,
            receiver.line,
            details.outcomes.get(index, "ok"),
            0 if runs else len(group.records),
            failure(details.failures.get(index)),
            nested_ns[index] if nested_ns else 0,
        )


def _without(seconds: Iterable[float], nested: Iterable[float]) -> list[float]:
    """The own times of calls, from whole ones and those of what they have sent."""
    return [max(0.0, whole - part) for whole, part in zip(seconds, nested, strict=True)]


def _durations(seconds: Sequence[float]) -> Durations:
    return Durations(
        len(seconds), nanoseconds(sum(seconds)), nanoseconds(max(seconds)), buckets_of(array("d", seconds))
    )
