"""Durations in log-linear buckets: each octave has sixteen buckets of equal width.

The width of a bucket is at most a sixteenth of its lower bound, so a quantile is within about 3 % of the true value.
The number of a bucket is the first 16 bits of the duration in seconds as a float, the exponent and four bits of the
mantissa, counted from 2 ** -30 s, which is a little less than a nanosecond. So many durations are sorted into buckets
without a line of Python for each.
"""

from __future__ import annotations

import math
import sys
from array import array
from collections import Counter
from collections.abc import Mapping

BUCKETS_PER_OCTAVE = 16
_SMALLEST = -30  # the exponent of the lower bound of the first bucket
_FIRST = (1023 + _SMALLEST) << 4  # the first 16 bits of that bound
_FOREMOST = 3 if sys.byteorder == "little" else 0


def bucket_of(duration_ns: int) -> int:
    """Number of the bucket of a duration in nanoseconds; bucket 0 has everything up to 1 ns."""
    mantissa, exponent = math.frexp(duration_ns / 1e9)  # the mantissa is at least 0.5 and less than 1
    step = int(mantissa * 2 * BUCKETS_PER_OCTAVE) - BUCKETS_PER_OCTAVE
    return max(0, (exponent - 1 - _SMALLEST) * BUCKETS_PER_OCTAVE + step) if duration_ns > 0 else 0


def buckets_of(durations: array[float]) -> Counter[int]:
    """Number of durations, given in seconds, in each bucket."""
    found: Counter[int] = Counter()
    for foremost, count in Counter(array("H", durations.tobytes())[_FOREMOST::4]).items():
        found[max(0, foremost - _FIRST)] += count
    return found


def lower_bound_ns(bucket: int) -> float:
    """Smallest duration of a bucket, in nanoseconds."""
    octave, step = divmod(bucket, BUCKETS_PER_OCTAVE)
    return float(2.0 ** (octave + _SMALLEST) * (1 + step / BUCKETS_PER_OCTAVE) * 1e9)


def upper_bound_ns(bucket: int) -> float:
    """Smallest duration of the next bucket, in nanoseconds."""
    return lower_bound_ns(bucket + 1)


def quantile_ns(buckets: Mapping[int, int], quantile: float) -> int:
    """A quantile (0 to 1) of the durations, in nanoseconds; 0 without any.

    The definition is nearest-rank, and the value is the middle of the bucket.
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
