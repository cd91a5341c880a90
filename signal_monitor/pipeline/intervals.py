"""Sets of moments, as sorted intervals that do not overlap."""

from __future__ import annotations

from collections.abc import Iterable
from operator import le

Interval = tuple[float, float]
Intervals = list[Interval]


def union(intervals: Iterable[Interval]) -> Intervals:
    """What any of the intervals covers."""
    merged: Intervals = []
    for start, end in sorted(intervals):
        if end <= start:
            continue
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def without(intervals: Intervals, removed: Intervals) -> Intervals:
    """What of the intervals is not in the removed ones; both are unions."""
    left: Intervals = []
    place = 0
    for start, end in intervals:
        while place < len(removed) and removed[place][1] <= start:
            place += 1
        at, reached = place, start
        while at < len(removed) and removed[at][0] < end:
            if removed[at][0] > reached:
                left.append((reached, removed[at][0]))
            reached = max(reached, removed[at][1])
            at += 1
        if reached < end:
            left.append((reached, end))
    return left


def moments_until(intervals: Intervals, end: float) -> Intervals:
    """What any of the intervals covers up to a moment; those of one thread, which lie apart, are not merged."""
    intervals = sorted(intervals)
    if all(map(le, [one[1] for one in intervals], [one[0] for one in intervals[1:]])):
        if not intervals or intervals[-1][1] <= end:
            return intervals
        return [(start, min(ended, end)) for start, ended in intervals if start < end]
    return union((start, min(ended, end)) for start, ended in intervals)


def moments_from(intervals: Intervals, start: float) -> Intervals:
    """What any of the intervals covers from a moment on."""
    return union([(max(began, start), end) for began, end in intervals if end > start])


def clipped(intervals: Iterable[Interval], start: float, end: float) -> Intervals:
    """What of the intervals is between two moments."""
    return [(max(a, start), min(b, end)) for a, b in intervals if a < end and b > start]


def length(intervals: Iterable[Interval]) -> float:
    """How long they are together."""
    return sum([end - start for start, end in intervals])


def nanoseconds(seconds: float) -> int:
    """Seconds as whole nanoseconds."""
    return round(seconds * 1e9)
