"""Quantiles from logarithmic buckets, against the exact ones."""

from __future__ import annotations

import random
from array import array
from collections import Counter

import pytest

from signal_monitor.histograms import (
    BUCKETS_PER_OCTAVE,
    bucket_of,
    buckets_of,
    lower_bound_ns,
    merge,
    quantile_ns,
    upper_bound_ns,
)

WIDTH = 1 + 1 / BUCKETS_PER_OCTAVE


@pytest.mark.parametrize("duration_ns", [1, 2, 3, 999, 1_000, 123_456, 2**30, 10**12])
def test_bucket_holds_its_duration(duration_ns: int) -> None:
    bucket = bucket_of(duration_ns)
    assert lower_bound_ns(bucket) <= duration_ns < upper_bound_ns(bucket)


def test_many_at_once_are_in_the_buckets_of_each() -> None:
    generator = random.Random(7)
    durations = [0, 1, 2, 3, *(int(generator.lognormvariate(12, 3)) for _ in range(2_000))]

    assert buckets_of(array("d", (duration / 1e9 for duration in durations))) == Counter(map(bucket_of, durations))


@pytest.mark.parametrize("quantile", [0.5, 0.95, 0.99])
def test_quantile_is_within_half_a_bucket(quantile: float) -> None:
    durations = sorted(int(random.Random(7).lognormvariate(15, 2) * (1 + index)) for index in range(5_000))
    buckets: dict[int, int] = {}
    for duration in durations:
        merge(buckets, {bucket_of(duration): 1})

    exact = durations[max(0, -(-int(quantile * 100) * len(durations) // 100) - 1)]
    assert 1 / WIDTH <= quantile_ns(buckets, quantile) / exact <= WIDTH


def test_no_durations() -> None:
    assert quantile_ns({}, 0.95) == 0


def test_merge_adds_counts() -> None:
    into = {1: 2}
    merge(into, {1: 3, 4: 5})
    assert into == {1: 5, 4: 5}
