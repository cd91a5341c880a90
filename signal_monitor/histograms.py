"""Durations in log-linear buckets: sixteen equal ones to each octave.

A bucket is at most a sixteenth wide of its lower bound, so a quantile read from it is within about 3 % of the true one.
A bucket's number is what stands in front of the last 48 bits of the duration in seconds, as a float: the exponent and
four bits of the mantissa, counted from 2 ** -30 s, which is a little less than a nanosecond. So many durations are put
into their buckets without a line of Python for each.
"""

from __future__ import annotations

import math
import sys
from array import array
from collections import Counter
from collections.abc import Mapping

BUCKETS_PER_OCTAVE = 16
_SMALLEST = -30  # the exponent of the first bucket's lower bound
_FIRST = (1023 + _SMALLEST) << 4  # the foremost 16 bits of that bound
_FOREMOST = 3 if sys.byteorder == "little" else 0


def bucket_of(duration_ns: int) -> int:
    """Number of the bucket that holds a duration in nanoseconds; 0 holds everything up to 1 ns."""
    mantissa, exponent = math.frexp(duration_ns / 1e9)  # a mantissa from a half to one
    step = int(mantissa * 2 * BUCKETS_PER_OCTAVE) - BUCKETS_PER_OCTAVE
    return max(0, (exponent - 1 - _SMALLEST) * BUCKETS_PER_OCTAVE + step) if duration_ns > 0 else 0


def buckets_of(durations: array[float]) -> Counter[int]:
    """How many of the durations, in seconds, are in which bucket."""
    found: Counter[int] = Counter()
    for foremost, count in Counter(array("H", durations.tobytes())[_FOREMOST::4]).items():
        found[max(0, foremost - _FIRST)] += count
    return found


def lower_bound_ns(bucket: int) -> float:
    """Smallest duration, in nanoseconds, that the bucket holds."""
    octave, step = divmod(bucket, BUCKETS_PER_OCTAVE)
    return float(2.0 ** (octave + _SMALLEST) * (1 + step / BUCKETS_PER_OCTAVE) * 1e9)


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
