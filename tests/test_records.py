"""Figures that records compute."""

from __future__ import annotations

import pytest

from tests.dashboard.examples import MS, call_at, waited


@pytest.mark.parametrize(
    ("calls", "outside_ms"),
    [
        ([(0, 10), (20, 10)], 80),
        ([(0, 30), (10, 10)], 70),
        ([(0, 30), (10, 40)], 50),
        ([(90, 400)], 90),
        ([(300, 10)], 100),
        ([(0, 0)], 100),
    ],
)
def test_time_outside_the_receivers_is_what_none_of_them_covers(calls: list[tuple[int, int]], outside_ms: int) -> None:
    row = waited(*(call_at(*call) for call in calls), duration_ms=100)

    assert row.outside_receivers_ns == outside_ms * MS
