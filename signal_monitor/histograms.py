"""Durations in logarithmic buckets, sixteen to the octave.

A bucket is at most 2 ** (1 / 16) wide, so a quantile read from it is within about 4.4 % of the true one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

BUCKETS_PER_OCTAVE = 16


def bucket_of(duration_ns: int) -> int:
    """Number of the bucket that holds a duration in nanoseconds; 0 holds everything up to 1 ns."""
    if duration_ns <= 1:
        return 0
    return math.ceil(math.log2(duration_ns) * BUCKETS_PER_OCTAVE)


def upper_bound_ns(bucket: int) -> float:
    """Largest duration, in nanoseconds, that the bucket holds."""
    return float(2.0 ** (bucket / BUCKETS_PER_OCTAVE))


def quantile_ns(buckets: Mapping[int, int], quantile: float) -> int:
    """Duration in nanoseconds that a share ``quantile`` (0 to 1) of all durations does not exceed.

    The nearest-rank definition, with the geometric middle of the bucket as its value; 0 with no durations.
    """
    count = sum(buckets.values())
    if count == 0:
        return 0
    rank = max(1, math.ceil(quantile * count))
    seen = 0
    for bucket in sorted(buckets):
        seen += buckets[bucket]
        if seen >= rank:
            return round(2.0 ** ((bucket - 0.5) / BUCKETS_PER_OCTAVE)) if bucket else 1
    return round(upper_bound_ns(max(buckets)))


def merge(into: dict[int, int], other: Mapping[int, int]) -> None:
    """Add the counts of one histogram to another."""
    for bucket, count in other.items():
        into[bucket] = into.get(bucket, 0) + count
