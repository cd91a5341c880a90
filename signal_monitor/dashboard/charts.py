"""Geometry of the charts. Templates render it as inline SVG, which a strict content security policy allows."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from signal_monitor.dashboard import formatting
from signal_monitor.histograms import BUCKETS_PER_OCTAVE, upper_bound_ns
from signal_monitor.stores.base import WINDOW_SECONDS, Totals

CHART_WIDTH = 100
"""In percent of the width available; heights are in pixels."""
HISTOGRAM_HEIGHT = 120
MINUTES_HEIGHT = 56
MOST_BINS = 40
FEWEST_BINS = 12
MINUTES = 60


@dataclass(frozen=True)
class Bar:
    """A vertical bar; ``kind`` is its CSS class, ``title`` its tooltip."""

    x: float
    y: float
    width: float
    height: float
    title: str
    kind: str = ""


@dataclass(frozen=True)
class Tick:
    """A mark on the horizontal axis."""

    x: float
    label: str


@dataclass(frozen=True)
class Chart:
    """Bars over a horizontal axis, with a line at the slow limit if that is within the chart."""

    bars: Sequence[Bar]
    height: int
    ticks: Sequence[Tick] = ()
    limit: float | None = None
    peak: str = ""
    width: int = CHART_WIDTH


@dataclass(frozen=True)
class _Bins:
    """Histogram buckets in groups of ``group``, along a logarithmic axis."""

    group: int
    first: int
    last: int

    @property
    def step(self) -> float:
        return CHART_WIDTH / (self.last - self.first + 1)

    def lower_ns(self, index: int) -> float:
        return upper_bound_ns((index - 1) * self.group)

    def x_of(self, duration_ns: float) -> float:
        return (math.log2(max(duration_ns, 1)) * BUCKETS_PER_OCTAVE / self.group - (self.first - 1)) * self.step


def histogram(totals: Totals, limit_ns: int) -> Chart:
    """The distribution of durations on a logarithmic axis; the totals must have at least one call."""
    group = _group_size(max(totals.buckets) - min(totals.buckets))
    counts: Counter[int] = Counter()
    for bucket, number in totals.buckets.items():
        counts[math.ceil(bucket / group)] += number
    bins = _Bins(group, *_widened(min(counts), max(counts)))
    peak = max(counts.values())
    bars = [_bin_bar(bins, index, number, peak, limit_ns) for index, number in sorted(counts.items())]
    start, end = bins.lower_ns(bins.first), bins.lower_ns(bins.last + 1)
    ticks = [Tick(bins.x_of(value), formatting.duration(value)) for value in _round_durations(start, end)]
    limit = bins.x_of(limit_ns) if start < limit_ns < end else None
    return Chart(bars, HISTOGRAM_HEIGHT, ticks, limit, f"{formatting.count(peak)} in one bar")


def _group_size(buckets: int) -> int:
    group = 2
    while buckets / group > MOST_BINS:
        group *= 2
    return group


def _widened(first: int, last: int) -> tuple[int, int]:
    missing = max(0, FEWEST_BINS - (last - first + 1))
    return first - missing // 2, last + missing - missing // 2


def _bin_bar(bins: _Bins, index: int, number: int, peak: int, limit_ns: int) -> Bar:
    low, high = bins.lower_ns(index), bins.lower_ns(index + 1)
    size = max(2.0, number / peak * HISTOGRAM_HEIGHT)
    title = f"{formatting.duration(low)} to {formatting.duration(high)}: {formatting.count(number)}"
    x = (index - bins.first) * bins.step
    return Bar(x + 0.1, HISTOGRAM_HEIGHT - size, bins.step - 0.2, size, title, "slow" if low >= limit_ns else "")


def _round_durations(start: float, end: float) -> list[float]:
    """Round durations within a range: powers of ten, and multiples of them if there are fewer than three."""
    decades = range(math.floor(math.log10(start)), math.ceil(math.log10(end)) + 1)
    found: list[float] = []
    for factors in ((1,), (1, 3), (1, 2, 5)):
        found = [factor * 10.0**power for power in decades for factor in factors]
        found = [value for value in found if start * 1.05 < value < end * 0.95]
        if len(found) > 2:
            return found
    return found


def calls_per_minute(history: Sequence[Totals]) -> Chart:
    """Calls in each minute of the last hour, the failed ones at the bottom of each bar."""
    minutes = _by_minute(history)
    height = MINUTES_HEIGHT
    peak = max((row.count for row in minutes.values()), default=0) or 1
    bars = []
    for x, row in minutes.items():
        if not row.count:
            continue
        failures = formatting.count(row.failures)
        title = f"{formatting.clock(row.window)[:5]}: {formatting.count(row.count)}, {failures} failed"
        size = max(1.5, row.count / peak * height)
        bars.append(_minute_bar(x, height - size, size, title))
        if row.failures:
            failed = max(2.0, row.failures / peak * height)
            bars.append(_minute_bar(x, height - failed, failed, title, "failed"))
    return Chart(bars, height, _hour_ticks(), peak=f"{formatting.count(peak)} a minute" if bars else "")


def p95_per_minute(history: Sequence[Totals], limit_ns: int) -> Chart:
    """The p95 of each minute of the last hour, or the longest of a few calls, against the slow limit."""
    minutes = _by_minute(history)
    height = MINUTES_HEIGHT
    peak = max((row.high_ns for row in minutes.values()), default=0) or 1
    bars = []
    for x, row in minutes.items():
        if not row.count:
            continue
        size = max(1.5, row.high_ns / peak * height)
        what = "p95" if row.has_p95 else f"longest of {row.count}"
        title = f"{formatting.clock(row.window)[:5]}: {what} {formatting.duration(row.high_ns)}"
        bars.append(_minute_bar(x, height - size, size, title, "slow" if row.high_ns >= limit_ns else ""))
    limit = height - limit_ns / peak * height if limit_ns <= peak else None
    return Chart(bars, height, _hour_ticks(), limit, formatting.duration(peak) if bars else "")


def _minute_bar(x: float, y: float, height: float, title: str, kind: str = "") -> Bar:
    return Bar(x, y, CHART_WIDTH / MINUTES - 0.3, height, title, kind)


def _by_minute(history: Sequence[Totals]) -> dict[float, Totals]:
    """The windows of the last hour by their position on the axis."""
    newest = int(time.time() // WINDOW_SECONDS) * WINDOW_SECONDS
    oldest = newest - (MINUTES - 1) * WINDOW_SECONDS
    step = CHART_WIDTH / MINUTES
    return {(row.window - oldest) / WINDOW_SECONDS * step: row for row in history if oldest <= row.window <= newest}


def _hour_ticks() -> list[Tick]:
    return [Tick(CHART_WIDTH * part, label) for part, label in ((0.0, "1 h ago"), (0.5, "30 min"), (1.0, "now"))]
