"""Help for tests of a queue that is full."""

from __future__ import annotations

import pytest

from signal_monitor.instrumentation.record_queue import record_queue


def fill_queue(patch: pytest.MonkeyPatch) -> None:
    """Leave no room in the queue while a patch lasts; the worker runs, as after the first record."""
    record_queue.check()
    patch.setattr(record_queue, "make_room_for", lambda records, cells: None)  # the worker has nothing to do
    patch.setattr(record_queue, "capacity", 0)
    patch.setattr(record_queue, "size", 0)
