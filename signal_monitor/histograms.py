"""Durations in log-linear buckets: sixteen equal ones to each octave.

A bucket is at most a sixteenth wider than its lower bound, so a quantile read from it is within about 3 % of the true
one. A bucket's number is what stands in front of a float's last 48 bits, the exponent and four bits of the mantissa,
counted from the one that holds 1 ns: many durations are put into their buckets without a line of Python for each.
"""

from __future__ import annotations

import math
import sys
from array import array
from collections import Counter
from collections.abc import Mapping

BUCKETS_PER_OCTAVE = 16
_FIRST = 0x3FF0  # the foremost 16 bits of 1.0
_FOREMOST = 3 if sys.byteorder == "little" else 0


def bucket_of(duration_ns: int) -> int:
    """Number of the bucket that holds a duration in nanoseconds; 0 holds everything up to 1 ns."""
    if duration_ns <= 1:
        return 0
    octave = duration_ns.bit_length() - 1
    return octave * BUCKETS_PER_OCTAVE + (duration_ns * BUCKETS_PER_OCTAVE >> octave) - BUCKETS_PER_OCTAVE


def buckets_of(durations_ns: array[float]) -> Counter[int]:
    """How many of the durations are in which bucket."""
    found: Counter[int] = Counter()
    for foremost, count in Counter(array("H", durations_ns.tobytes())[_FOREMOST::4]).items():
        found[max(0, foremost - _FIRST)] += count
    return found


def lower_bound_ns(bucket: int) -> float:
    """Smallest duration, in nanoseconds, that the bucket holds."""
    octave, step = divmod(bucket, BUCKETS_PER_OCTAVE)
    return float(2.0**octave * (1 + step / BUCKETS_PER_OCTAVE))


def upper_bound_ns(bucket: int) -> float:
    """Where the next bucket begins, in nanoseconds."""
    return lower_bound_ns(bucket + 1)


def quantile_ns(buckets: Mapping[int, int], quantile: float) -> int:
    """Duration in nanoseconds that a share ``quantile`` (0 to 1) of all durations does not exceed.

    The nearest-rank definition, with the middle of the bucket as its value; 0 with no durations.
    """
    count = sum(buckets.values())
    if count == 0:
        return 0
    rank = max(1, math.ceil(quantile * count))
    seen = 0
    for bucket in sorted(buckets):
        seen += buckets[bucket]
        if seen >= rank:
            return round((lower_bound_ns(bucket) + upper_bound_ns(bucket)) / 2) if bucket else 1
    return round(upper_bound_ns(max(buckets)))


def merge(into: dict[int, int], other: Mapping[int, int]) -> None:
    """Add the counts of one histogram to another."""
    for bucket, count in other.items():
        into[bucket] = into.get(bucket, 0) + count
