"""Geometry of the charts. Templates render it as inline SVG, which a strict content security policy allows."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from signal_monitor.dashboard import formatting
from signal_monitor.histograms import BUCKETS_PER_OCTAVE, upper_bound_ns
from signal_monitor.stores.base import WINDOW_SECONDS, Totals
from signal_monitor.stores.windows import LONG_SECONDS, SHORT_KEPT_SECONDS

CHART_WIDTH = 100
"""In percent of the width available; heights are in pixels."""
HISTOGRAM_HEIGHT = 120
TREND_HEIGHT = 56
MOST_BINS = 40
FEWEST_BINS = 12
MOST_BARS = 62


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
    """Bars over a horizontal axis, with a line at the slow limit if that is in the chart, and ``marks`` across it."""

    bars: Sequence[Bar]
    height: int
    ticks: Sequence[Tick] = ()
    limit: float | None = None
    peak: str = ""
    width: int = CHART_WIDTH
    marks: Sequence[Tick] = ()


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
    for factors in ((1,), (1, 3), (1, 2, 5), (1, 2, 3, 4, 5, 7)):
        found = [factor * 10.0**power for power in decades for factor in factors]
        found = [value for value in found if start * 1.05 < value < end * 0.95]
        if len(found) > 2:
            return found
    return found


@dataclass(frozen=True)
class Trend:
    """The windows of a period, from ``start`` to ``end``, and the ``marks``: moments with what happened then."""

    history: Sequence[Totals]
    start: float
    end: float
    marks: Sequence[tuple[float, str]] = ()

    @property
    def seconds(self) -> int:
        """How long a bar is."""
        return bin_seconds(self.end - self.start, MOST_BARS)

    @property
    def step(self) -> float:
        """The width of a bar."""
        return CHART_WIDTH * self.seconds / max(self.end - self.start, self.seconds)

    @property
    def each(self) -> str:
        """The length of a bar in words: "minute", "5 min"."""
        return "minute" if self.seconds == WINDOW_SECONDS else formatting.span(self.seconds)

    def bars(self) -> list[tuple[float, str, Totals]]:
        """The bars that have calls: position, time in words, and totals."""
        found: dict[int, Totals] = {}
        for row in self.history:
            index = int((row.window - self.start) // self.seconds)
            found.setdefault(index, Totals(row.kind, row.key)).add(row)
        at = {index: formatting.clock(self.start + index * self.seconds)[:5] for index in found}
        return [(index * self.step, at[index], row) for index, row in sorted(found.items()) if row.count]

    def ticks(self) -> list[Tick]:
        """The time of day at the beginning, in the middle and at the end."""
        times = (self.start, (self.start + self.end) / 2, self.end)
        labels = [formatting.clock(at)[:5] for at in times[:2]]
        return [
            Tick(x, label)
            for x, label in zip((0.0, CHART_WIDTH / 2, float(CHART_WIDTH)), (*labels, "now"), strict=True)
        ]

    def lines(self) -> list[Tick]:
        """The marks by their position."""
        length = max(self.end - self.start, 1.0)
        return [
            Tick((at - self.start) / length * CHART_WIDTH, f"{formatting.clock(at)[:5]}: {what} was started")
            for at, what in self.marks
        ]


def calls_over_time(trend: Trend) -> Chart:
    """The number of calls over a period, the failed ones at the bottom of each bar."""
    found, height = trend.bars(), TREND_HEIGHT
    peak = max((row.count for _x, _at, row in found), default=0) or 1
    bars = []
    for x, at, row in found:
        title = f"{at}: {formatting.count(row.count)}, {formatting.count(row.failures)} failed"
        size = max(1.5, row.count / peak * height)
        bars.append(_trend_bar(trend, x, size, title))
        if row.failures:
            bars.append(_trend_bar(trend, x, max(2.0, row.failures / peak * height), title, "failed"))
    told = f"{formatting.count(peak)} in {_a(trend.each)}" if bars else ""
    return Chart(bars, height, trend.ticks(), peak=told, marks=trend.lines())


def p95_over_time(trend: Trend, limit_ns: int) -> Chart:
    """The p95 over a period, or the longest of a few calls, against the slow limit."""
    found, height = trend.bars(), TREND_HEIGHT
    peak = max((row.high_ns for _x, _at, row in found), default=0) or 1
    bars = []
    for x, at, row in found:
        what = "p95" if row.has_p95 else f"longest of {row.count}"
        title = f"{at}: {what} {formatting.duration(row.high_ns)}"
        size = max(1.5, row.high_ns / peak * height)
        bars.append(_trend_bar(trend, x, size, title, "slow" if row.high_ns >= limit_ns else ""))
    limit = height - limit_ns / peak * height if limit_ns <= peak else None
    told = formatting.duration(peak) if bars else ""
    return Chart(bars, height, trend.ticks(), limit, told, marks=trend.lines())


def _a(each: str) -> str:
    return f"a {each}" if each == "minute" else each


def _trend_bar(trend: Trend, x: float, size: float, title: str, kind: str = "") -> Bar:
    return Bar(x, TREND_HEIGHT - size, max(0.2, min(trend.step, CHART_WIDTH - x) - 0.3), size, title, kind)


SPARK_BARS = 20
SPARK_WIDTH = 74
SPARK_HEIGHT = 20


def sparkline(figures: Sequence[tuple[float, float]], start: float, end: float) -> list[Bar]:
    """Small bars of a figure over a time: one for each moment with its figure is added to the bar it falls in."""
    seconds = bin_seconds(end - start, SPARK_BARS)
    sums: Counter[int] = Counter()
    for at, figure in figures:
        sums[int((at - start) // seconds)] += round(figure)
    number, peak = max(1, math.ceil((end - start) / seconds)), max(sums.values(), default=0) or 1
    step = SPARK_WIDTH / number
    sizes = {index: max(1.5, sums[index] / peak * SPARK_HEIGHT) if sums[index] else 1.0 for index in range(number)}
    return [
        Bar(index * step, SPARK_HEIGHT - size, max(1.0, step - 1), size, "", "" if sums[index] else "rest")
        for index, size in sizes.items()
    ]


def bin_seconds(seconds: float, most: int) -> int:
    """How long each of at most so many bars of a time is: whole windows, the long ones if it has such."""
    unit = LONG_SECONDS if seconds > SHORT_KEPT_SECONDS else WINDOW_SECONDS
    return max(1, math.ceil(seconds / most / unit)) * unit
