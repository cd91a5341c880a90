"""How many records the worker takes and the queue keeps: fewer while they are large."""

from __future__ import annotations

from collections.abc import Sequence

from signal_monitor.instrumentation.current import Record
from signal_monitor.instrumentation.record import details_of
from signal_monitor.instrumentation.record_queue import RecordQueue

CHUNK = 512
LEAST_CHUNK = 16
CELLS_OF_CHUNK = 50_000
CELLS_OF_FAILURE = 50
CELLS_OF_ONE = 100


class Chunks:
    """The size of the chunks in which the worker takes records from a queue.

    A dispatch to thousands of receivers has thousands of values, its cells, and takes the worker milliseconds.
    """

    def __init__(self, queue: RecordQueue) -> None:
        self._queue = queue
        self.size = CHUNK

    def adapt(self, items: Sequence[object]) -> None:
        """Follow the size of the records that were taken last."""
        records = [item for item in items if isinstance(item, list)]
        failures = [len(details.failures) for details in map(details_of, records) if details is not None]
        cells = sum(map(len, records)) + sum(failures) * CELLS_OF_FAILURE
        self._queue.make_room_for(len(items), cells)
        self.size = max(LEAST_CHUNK, min(CHUNK, CELLS_OF_CHUNK * len(items) // max(1, cells)))

    def forget(self) -> None:
        """Have room for many records again: all were taken, and the next ones may be small."""
        self._queue.make_room_for(0, 0)


def weight_of(record: Record) -> int:
    """How many of the dispatches that observers want one counts for: one of very many receivers counts for several."""
    return 1 + len(record) // CELLS_OF_ONE
