"""Histograms of durations: as text, and as SVG."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import quantiles

from .chart import PADDING, WIDTH, bar, line, svg, text

FINE, COARSE = 1.06, 1.25
TICKS = (0.1, 0.2, 0.5, 1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 100, 200, 500, 1_000)
COUNTS = (1, 10, 100, 1_000, 10_000, 100_000)
LEFT, RIGHT, TOP, BOTTOM = 70, WIDTH - 30, 96, 330
HEIGHT = 366
TEXT_WIDTH = 40


@dataclass(frozen=True)
class Curve:
    """Durations in nanoseconds, the name of what took them, and the class of its line."""

    kind: str
    name: str
    durations: Sequence[int]

    def percentile(self, percent: int) -> float:
        """A percentile in nanoseconds."""
        return quantiles(self.durations, n=100, method="inclusive")[percent - 1]


@dataclass(frozen=True)
class Bins:
    """Bins of a histogram, each wider than the one before by a factor."""

    least: float
    factor: float
    number: int

    @classmethod
    def of(cls, curves: Iterable[Curve], factor: float) -> Bins:
        """Bins for all durations of some curves."""
        durations = [duration for curve in curves for duration in curve.durations]
        least, most = min(durations), max(durations)
        return cls(least, factor, math.floor(math.log(most / least, factor)) + 1)

    def place(self, duration: float) -> float:
        """Where a duration lies, in bins."""
        return math.log(max(duration, self.least) / self.least, self.factor)

    def start(self, number: float) -> float:
        """The duration at which a bin begins."""
        return float(self.least * self.factor**number)

    def counts(self, durations: Iterable[int]) -> list[int]:
        """How many durations lie in each bin."""
        found = [0] * self.number
        for duration in durations:
            found[min(self.number - 1, int(self.place(duration)))] += 1
        return found


def as_text(curves: Sequence[Curve]) -> list[str]:
    """A row for each bin, with a logarithmic bar and the number for each curve."""
    bins = Bins.of(curves, COARSE)
    counts = [bins.counts(curve.durations) for curve in curves]
    most = math.log1p(max(map(max, counts)))
    lines = [f"{'from':>10}  " + "  ".join(f"{curve.name:{TEXT_WIDTH + 7}}" for curve in curves)]
    for number in range(bins.number):
        cells = [
            f"{found[number]:6} {'#' * round(TEXT_WIDTH * math.log1p(found[number]) / most):{TEXT_WIDTH}}"
            for found in counts
        ]
        lines.append(f"{bins.start(number) / 1e6:7.2f} ms  {'  '.join(cells)}")
    return [row.rstrip() for row in lines]


def as_svg(title: str, note: str, curves: Sequence[Curve]) -> str:
    """Lines over bins, both scales logarithmic, with the 99th percentiles marked."""
    bins = Bins.of(curves, FINE)
    counts = [bins.counts(curve.durations) for curve in curves]
    most = max(map(max, counts))
    drawn = [text(PADDING, 30, title, "title"), text(PADDING, 50, note, "note"), *_grid(bins, most)]
    for number, (curve, found) in enumerate(zip(curves, counts, strict=True)):
        drawn += [bar(PADDING + 260 * number, 78, 14, curve.kind), text(PADDING + 260 * number + 22, 78, curve.name)]
        steps = "".join(f"V{_y(count, most):.1f}H{_x(place + 1, bins):.1f}" for place, count in enumerate(found))
        drawn.append(f'<path class="line {curve.kind}" d="M{LEFT},{BOTTOM}{steps}V{BOTTOM}"/>')
        x, y = _x(bins.place(curve.percentile(99)), bins), TOP + 10 + 18 * number
        drawn.append(f'<path class="line {curve.kind}" stroke-dasharray="4 3" d="M{x:.1f},{y}V{BOTTOM}"/>')
        drawn.append(text(x + 5, y + 8, f"p99 {curve.percentile(99) / 1e6:.2f} ms", "note"))
    return svg(title, HEIGHT, drawn)


def _x(place: float, bins: Bins) -> float:
    return LEFT + (RIGHT - LEFT) * place / bins.number


def _y(count: int, most: int) -> float:
    return BOTTOM - (BOTTOM - TOP) * math.log1p(count) / math.log1p(most)


def _grid(bins: Bins, most: int) -> list[str]:
    drawn = [line(LEFT, BOTTOM, RIGHT, BOTTOM)]
    for count in (count for count in COUNTS if count <= most):
        y = _y(count, most)
        drawn += [line(LEFT, y, RIGHT, y), text(PADDING, y + 4, f"{count:,}", "note")]
    for tick in (tick for tick in TICKS if bins.least <= tick * 1e6 <= bins.start(bins.number)):
        x = _x(bins.place(tick * 1e6), bins)
        drawn += [line(x, BOTTOM, x, BOTTOM + 5), text(x - 12, BOTTOM + 20, f"{tick:g} ms", "note")]
    return drawn
