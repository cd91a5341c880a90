"""Windows of totals: stores merge those of a minute into longer ones when they are old.

A store merges one block of short windows after the other, each when all of it is older than SHORT_KEPT_SECONDS, and
keeps the time up to which it has merged. So twelve hours take about 200 rows for each subject, not 720.
"""

from __future__ import annotations

from signal_monitor.stores.retention import WINDOWS_KEPT_SECONDS

LONG_SECONDS = 300
"""The length of a merged window."""
SHORT_KEPT_SECONDS = 65 * 60
"""Windows are merged when they are older; charts of an hour show each minute."""
CLOCK_STEP_SECONDS = 60 * 60


def block_of(at: float) -> int:
    """The start of the long window that a time belongs to."""
    return int(at) // LONG_SECONDS * LONG_SECONDS


def next_block(merged: int, now: float) -> int | None:
    """The block to merge, in a store that has merged up to a time; None if the next one is too young.

    After the clock was set back, merging goes on from the new time.
    """
    due = block_of(now - SHORT_KEPT_SECONDS)
    if merged > due + CLOCK_STEP_SECONDS:
        return due - LONG_SECONDS
    start = max(merged, due - WINDOWS_KEPT_SECONDS)
    return start if start < due else None
