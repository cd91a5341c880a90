"""Which durations are slow, in general and by pattern."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from signal_monitor.thresholds import severity, slow_limits


@pytest.mark.parametrize(
    ("slow_ms", "mail_ms", "other_ms"),
    [
        (20, 20, 20),
        (0.5, 0.5, 0.5),
        ({"shop.*": 5}, 5, 100),
        ({"shop.*": 5, "*": 30}, 5, 30),
        ({"*": 30, "shop.*": 5}, 30, 30),  # the first pattern that matches decides
        ({"*.mail": 1, "shop.*": 5}, 1, 100),
        ({}, 100, 100),
    ],
)
def test_limit_of_a_name(slow_ms: float | Mapping[str, float], mail_ms: float, other_ms: float) -> None:
    limits = slow_limits(slow_ms)
    assert limits.limit_ns("shop.receivers.mail") == mail_ms * 1e6
    assert limits.limit_ns("bakery.receivers.bake") == other_ms * 1e6


def test_general_limit_is_not_one_of_the_patterns() -> None:
    limits = slow_limits({"shop.*": 5, "*": 30})
    assert (limits.slow_ns, dict(limits.by_pattern)) == (30_000_000, {"shop.*": 5_000_000})


def test_severity() -> None:
    assert [severity(duration, 10) for duration in (9, 10, 99, 100)] == ["normal", "slow", "slow", "critical"]
