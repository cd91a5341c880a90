"""Divides the time of dispatches: own times of receivers, and what was waited for or done outside them.

A receiver's own time is that of its call without the dispatches that it sent. Each moment of a thread is the own time
of at most one receiver, so that own times can be added up.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from signal_monitor.instrumentation.current import Record
from signal_monitor.instrumentation.info import DispatchInfo
from signal_monitor.instrumentation.record import (
    Ancestor,
    CallTimes,
    details_of,
    ended_at,
    has_concurrent_calls,
    info_of,
    root_of,
    started_at,
)
from signal_monitor.records import Outside

from .intervals import Interval, Intervals, clipped, length, union, without

MAX_OVERLAPPING = 2_000
"""Dispatches sent inside one dispatch that are kept one by one; those beyond it are only added up."""
MAX_PARENTS = 10_000

OutsideTimes = dict[Outside, Intervals]
_NO_INTERVALS: Intervals = []


@dataclass(slots=True)
class _Sent:
    """What one receiver call has sent: seconds of dispatches, and those that may overlap or had time outside."""

    seconds: float = 0.0
    overlapping: list[DispatchTimes] = field(default_factory=list)
    counted: dict[str, float] = field(default_factory=dict)

    def add(self, times: DispatchTimes, *, keep_moments: bool) -> None:
        if keep_moments and len(self.overlapping) < MAX_OVERLAPPING:
            self.overlapping.append(times)
        else:
            self.seconds += times.ended - times.started
        if len(self.counted) < len(times.counted):
            self.counted, times.counted = times.counted, self.counted
        for receiver, seconds in times.counted.items():
            self.counted[receiver] = self.counted.get(receiver, 0.0) + seconds


@dataclass(slots=True)
class CallTime:
    """One receiver call: its own time, and what calls of the same receiver inside it took, in seconds.

    ``own`` has the moments of a concurrent call's own time, so that what overlaps is not added up.
    """

    started: float = 0.0
    ended: float = 0.0
    own_seconds: float = 0.0
    repeated_seconds: float = 0.0
    own: Intervals | None = None

    @property
    def seconds(self) -> float:
        """From its start to its end; to that of its dispatch, if it goes on."""
        return self.ended - self.started


@dataclass(slots=True)
class DispatchTimes:
    """One dispatch: when a receiver ran, and what else took time; ``nested`` is what of that its receivers have sent.

    ``outside`` has the moments outside its receivers, and ``nested_outside`` those outside the receivers of what was
    sent inside it. ``counted`` has the seconds that each receiver took, itself or further inside.
    """

    started: float
    ended: float
    calls: list[CallTime | None]
    outside: OutsideTimes = field(default_factory=dict)
    nested_outside: OutsideTimes = field(default_factory=dict)
    nested_seconds: float = 0.0
    counted: dict[str, float] = field(default_factory=dict)

    @property
    def receivers(self) -> Intervals:
        """When a receiver ran, here or further inside."""
        idle = union(part for times in (self.outside, self.nested_outside) for one in times.values() for part in one)
        return without([(self.started, self.ended)], idle)


class Within(NamedTuple):
    """The moments that are a dispatch's, where it has more than its own: those of the send method that has made it.

    ``key`` stands for that method; ``last`` says that it makes no other dispatch.
    """

    window: Interval
    key: int | None = None
    last: bool = False


class OwnTimes:
    """Computes the times of dispatches, which it is given in the order of their ends: nested ones first."""

    def __init__(self) -> None:
        self._sent: OrderedDict[int, dict[int | None, _Sent]] = OrderedDict()

    def add(
        self,
        record: Record,
        read: Sequence[CallTimes],
        key: int,
        parent: Ancestor | None = None,
        parent_key: int | None = None,
        within: Within | None = None,
    ) -> DispatchTimes:
        """The times of a dispatch that has ended, from those of its calls.

        Its key and its parent's are any numbers that stand for them.
        """
        sent = self._sent.pop(key, {})
        if within is None and _is_simple(record) and _is_added_up(sent):
            times = _simple(record, read, sent)
        else:
            times = _times(record, read, sent, within, self._sent_by(within))
        if sent and has_concurrent_calls(record) and any(not call.ended for call in read):
            self._sent[key] = sent  # the late calls are asked for when they end
        if parent is not None and parent_key is not None:
            times.counted = _counted(record, times, sent)
            around = self._sent.setdefault(parent_key, {}).setdefault(parent.position, _Sent())
            may_overlap = not _is_sequential(record, parent)
            around.add(times, keep_moments=may_overlap or bool(times.outside or times.nested_outside))
            while len(self._sent) > MAX_PARENTS:
                self._sent.popitem(last=False)
        return times

    def _sent_by(self, within: Within | None) -> Sequence[DispatchTimes]:
        """What the send method around a dispatch has sent itself, to other signals."""
        if within is None or within.key is None:
            return ()
        sent = self._sent.pop(within.key, {}) if within.last else self._sent.get(within.key, {})
        return sent[None].overlapping if None in sent else ()

    def late(self, key: int, index: int, times: CallTimes, receiver: str) -> CallTime:
        """The times of a call that has ended after its dispatch."""
        return _call(times, times.ended, self._sent.get(key, {}).get(index), receiver, is_concurrent=True)


def _is_simple(record: Record) -> bool:
    details = details_of(record)
    return not has_concurrent_calls(record) and (details is None or not details.resumed)


def _is_added_up(sent: Mapping[int | None, _Sent]) -> bool:
    """Whether all that was sent is known in seconds, and by its receiver."""
    return all(index is not None and not one.overlapping for index, one in sent.items()) if sent else True


def _simple(record: Record, read: Sequence[CallTimes], sent: Mapping[int | None, _Sent]) -> DispatchTimes:
    """The times of a dispatch whose calls follow each other at once, and have sent what is added up."""
    calls: list[CallTime | None] = [
        CallTime(started, ended, ended - started) if started and ended else None for started, ended in read
    ]
    times = DispatchTimes(started_at(record), ended_at(record), calls)
    for index, one in sent.items():
        call = calls[index] if index is not None else None
        if call is not None:
            seconds = call.own_seconds
            call.own_seconds = max(0.0, seconds - one.seconds)
            call.repeated_seconds = min(one.counted.get(info_of(record).receivers[index or 0].name, 0.0), seconds)
            times.nested_seconds += seconds - call.own_seconds
    return times


def _is_sequential(record: Record, parent: Ancestor) -> bool:
    """Whether a dispatch overlaps no other one of the same receiver call: both are synchronous, in one thread."""
    if has_concurrent_calls(record) or parent.position is None:
        return False
    is_async = info_of(parent.record).is_async(parent.position)
    return not is_async and root_of(record) is root_of(parent.record)


def _times(
    record: Record,
    read: Sequence[CallTimes],
    sent: Mapping[int | None, _Sent],
    within: Within | None,
    sent_by_method: Sequence[DispatchTimes],
) -> DispatchTimes:
    ended, info = ended_at(record), info_of(record)
    calls = [
        _call(times, ended, sent.get(index), info.receivers[index].name, is_concurrent=index >= info.sequential_count)
        if times.started and times.started <= ended
        else None
        for index, times in enumerate(read)
    ]
    made = [call for call in calls if call is not None]
    running = union((call.started, min(call.ended, ended)) for call in made)
    started, ended = within.window if within is not None else (started_at(record), ended)
    # A custom send method, or a log handler, has sent these itself.
    inside = [(one.started, one.ended) for one in (*(sent[None].overlapping if None in sent else ()), *sent_by_method)]
    running = union([*running, *clipped(inside, started, ended)])
    outside = _outside(without([(started, ended)], running), record, calls)
    own = union(part for call in made for part in call.own or ())
    own_seconds = length(clipped(own, started, ended)) + sum(call.own_seconds for call in made if call.own is None)
    own_seconds -= sum(sent[i].seconds for i, call in enumerate(calls) if call is not None and call.own and i in sent)
    parts = [*sent_by_method, *(times for one in sent.values() for times in one.overlapping)]
    nested_outside = _nested_outside(parts, without(running, own))
    nested_seconds = max(0.0, length(running) - max(0.0, own_seconds))
    return DispatchTimes(started, ended, calls, outside, nested_outside, nested_seconds)


def _call(times: CallTimes, dispatch_ended: float, sent: _Sent | None, name: str, *, is_concurrent: bool) -> CallTime:
    started, ended = times.started, times.ended or dispatch_ended
    own: Intervals = [(started, ended)]
    if sent is not None and sent.overlapping:
        own = without(own, union(clipped(((one.started, one.ended) for one in sent.overlapping), started, ended)))
    own_seconds = max(0.0, length(own) - (sent.seconds if sent is not None else 0.0))
    repeated = min(sent.counted.get(name, 0.0), ended - started) if sent is not None else 0.0
    return CallTime(started, ended, own_seconds, repeated, own if is_concurrent else None)


def _counted(record: Record, times: DispatchTimes, sent: Mapping[int | None, _Sent]) -> dict[str, float]:
    """The seconds of each receiver in a dispatch and further inside it, each moment once per receiver."""
    counted: dict[str, float] = {}
    for index, call in enumerate(times.calls):
        within = sent[index].counted if index in sent else {}
        if call is not None:
            within[info_of(record).receivers[index].name] = call.seconds
        if len(counted) < len(within):
            counted, within = within, counted
        for receiver, seconds in within.items():
            counted[receiver] = counted.get(receiver, 0.0) + seconds
    return counted


def _outside(gaps: Intervals, record: Record, calls: list[CallTime | None]) -> OutsideTimes:
    """The moments in which no receiver of a dispatch ran, by what was done or waited for instead."""
    own, found = [(started_at(record), ended_at(record))], OutsideTimes()
    around = without(gaps, own)
    if around:
        found["send method"] = around
    for gap in without(gaps, around):
        found.setdefault(_kind(gap, record, calls), []).append(gap)
    return found


def _nested_outside(parts: Sequence[DispatchTimes], running: Intervals) -> OutsideTimes:
    """What was waited for inside the receivers, while no other of the nested dispatches ran a receiver."""
    return outside_of(parts, running)


def outside_of(parts: Iterable[DispatchTimes], within: Intervals, running: Intervals = _NO_INTERVALS) -> OutsideTimes:
    """The moments in which no receiver of several dispatches ran, by what was done or waited for instead.

    ``running`` are moments in which other receivers ran.
    """
    parts = list(parts)
    if not any(times.outside or times.nested_outside for times in parts):
        return {}
    taken = union([*running, *(part for times in parts for part in times.receivers)])
    found: OutsideTimes = {}
    for kind in KINDS:
        waited = union(part for times in parts for some in (times.outside, times.nested_outside)
                       for part in some.get(kind, ()))  # fmt: skip
        waited = without(union(_within(waited, within)), taken)
        if waited:
            found[kind] = waited
            taken = union([*taken, *waited])
    return found


def _within(intervals: Intervals, within: Intervals) -> Intervals:
    return without(intervals, without(intervals, within))


KINDS: tuple[Outside, ...] = ("thread", "event loop", "send method", "log handlers")


def _kind(gap: Interval, record: Record, calls: list[CallTime | None]) -> Outside:
    """What a dispatch did or waited for while none of its receivers ran."""
    info = info_of(record)
    if info.custom:
        return "send method"
    if not info.method.startswith("a"):
        logs = _is_between_sequential(gap, info, calls) or _follows_failure(gap, record, calls)
        return "log handlers" if logs else "event loop"
    grouped = [call for call in calls[: info.sync_count] if call is not None]
    if info.sync_count and (not grouped or gap[1] <= grouped[0].started):
        return "thread"
    if grouped and gap[1] <= grouped[-1].started:
        return "log handlers" if _follows_failure(gap, record, calls) else "send method"
    return "event loop"


def _follows_failure(gap: Interval, record: Record, calls: list[CallTime | None]) -> bool:
    """Whether the receiver called before the gap has failed, so that a robust send has logged that."""
    details = details_of(record)
    failed = details.failures if details is not None else {}
    return any(call is not None and call.ended == gap[0] and index in failed for index, call in enumerate(calls))


def _is_between_sequential(gap: Interval, info: DispatchInfo, calls: list[CallTime | None]) -> bool:
    """Whether a synchronous receiver was called after the gap."""
    later = [call for call in calls[: info.sequential_count] if call is not None and call.started >= gap[1]]
    return bool(later)
