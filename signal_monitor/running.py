"""What has begun and not ended: read from the live cells of every thread, while it still runs."""

from __future__ import annotations

import sys

from .expansion import Expander
from .instrumentation.cells import live_cells
from .records import RunningCall

NOTABLE_NS = 50_000_000
"""From how long on a running receiver call is worth a row."""


def running_calls(expander: Expander) -> tuple[RunningCall, ...]:
    """The receiver calls of this process that have been running for a while, longest first."""
    found: dict[tuple[str, int], RunningCall] = {}
    threads = sys._current_frames()  # noqa: SLF001 - the documented way to another thread's stack
    for cell in live_cells():
        position = cell.top
        while position is not None:
            key = (expander.dispatch_id(position.dispatch.number), position.index)
            call = None if key in found else expander.running(position, cell, threads)
            if call is not None and call.running_ns >= NOTABLE_NS:
                found[key] = call
            position = position.outer
    return tuple(sorted(found.values(), key=lambda call: call.running_ns, reverse=True))
