"""Charts: bars stand where the numbers say, whatever the numbers are."""

from __future__ import annotations

import time
from dataclasses import replace
from itertools import pairwise

import pytest

from signal_monitor.dashboard import charts
from signal_monitor.stores.base import WINDOW_SECONDS, Totals
from tests.dashboard.examples import MS, SEND_MAIL, totals

LIMIT_NS = 100 * MS


def of_durations(*durations_ms: float) -> Totals:
    return totals(SEND_MAIL, *durations_ms)[0]


@pytest.mark.parametrize("durations_ms", [(0.000001,), (5.0,), (1.0, 1.01), (0.001, 3_600_000.0)])
def test_histogram_stays_inside_its_frame(durations_ms: tuple[float, ...]) -> None:
    chart = charts.histogram(of_durations(*durations_ms), LIMIT_NS)

    assert all(bar.x >= 0 and bar.x + bar.width <= chart.width for bar in chart.bars)
    assert all(bar.y >= 0 and bar.y + bar.height <= chart.height for bar in chart.bars)


def test_histogram_marks_the_bars_over_the_limit() -> None:
    chart = charts.histogram(of_durations(10, 20, 500), LIMIT_NS)

    assert [bar.kind for bar in chart.bars] == ["", "", "slow"]
    assert chart.limit is not None
    assert chart.bars[1].x < chart.limit < chart.bars[2].x


def test_histogram_bar_is_as_high_as_its_share_of_the_peak() -> None:
    chart = charts.histogram(of_durations(1, 1, 1, 1, 50), LIMIT_NS)

    tall, low = chart.bars
    assert tall.height == chart.height
    assert low.height == pytest.approx(chart.height / 4)


def test_histogram_labels_its_axis_with_rising_round_durations() -> None:
    ticks = charts.histogram(of_durations(1, 1000), LIMIT_NS).ticks

    assert "100 ms" in [tick.label for tick in ticks]
    assert all(left.x < right.x for left, right in pairwise(ticks))


def minutes_ago(number: int, **fields: int) -> Totals:
    window = (int(time.time() // WINDOW_SECONDS) - number) * WINDOW_SECONDS
    return replace(of_durations(10, 10, 10, 10), window=window, **fields)  # type: ignore[arg-type]


def hour(*history: Totals, starts: tuple[float, ...] = ()) -> charts.Trend:
    start = minutes_ago(60).window
    return charts.Trend(history, start, start + 3660.0, [(at, "daphne") for at in starts])


def test_calls_stand_where_their_minute_is() -> None:
    chart = charts.calls_over_time(hour(minutes_ago(60), minutes_ago(59), minutes_ago(0)))

    assert [round(bar.x) for bar in chart.bars] == [0, 2, 98]
    assert all(bar.x + bar.width <= chart.width for bar in chart.bars)
    assert hour().each == "minute"


def test_longer_periods_have_longer_bars_with_each_call_once() -> None:
    start = minutes_ago(360).window // 300 * 300
    history = [replace(minutes_ago(age), seconds=300 if age > 70 else 60) for age in range(0, 360, 5)]
    trend = charts.Trend(history, start, start + 6 * 3600.0)

    assert trend.each == "10 min"
    assert sum(row.count for _x, _at, row in trend.bars()) == 4 * 72
    assert len(trend.bars()) <= charts.MOST_BARS


def test_starts_of_processes_are_marked() -> None:
    trend = hour(minutes_ago(1), starts=(minutes_ago(60).window + 1830.0,))
    for chart in (charts.calls_over_time(trend), charts.p95_over_time(trend, LIMIT_NS)):
        assert [mark.x for mark in chart.marks] == [50.0]
        assert chart.marks[0].label.endswith(": daphne was started")


def test_calls_draw_failures_at_the_foot() -> None:
    whole, failed = charts.calls_over_time(hour(minutes_ago(1, failures=1))).bars

    assert failed.kind == "failed"
    assert failed.height == pytest.approx(whole.height / 4)
    assert failed.y + failed.height == whole.y + whole.height


def test_p95_draws_the_limit_only_where_it_is_in_sight() -> None:
    fast = charts.p95_over_time(hour(minutes_ago(1)), LIMIT_NS)
    slow = charts.p95_over_time(hour(minutes_ago(1)), 5 * MS)

    assert fast.limit is None
    assert slow.limit == pytest.approx(slow.height / 2, rel=0.05)
    assert [bar.kind for bar in slow.bars] == ["slow"]


def test_minutes_without_a_call_have_no_bars() -> None:
    not_run = Totals("receiver", SEND_MAIL, minutes_ago(1).window, not_run=3)

    charted = [charts.calls_over_time(hour(not_run)), charts.p95_over_time(hour(not_run), LIMIT_NS)]

    assert [(chart.bars, chart.peak) for chart in charted] == [([], ""), ([], "")]


def test_charts_of_no_history_are_empty() -> None:
    assert charts.calls_over_time(hour()).bars == []
    assert charts.p95_over_time(hour(), LIMIT_NS).bars == []
