"""The bounded queue between the dispatching threads and the worker."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

QUEUE_SIZE = 10_000
MAX_CELLS = 2_000_000
"""Values that all records of a full queue may have: a record has one for each receiver, of some 32 bytes."""
LEAST_SIZE = 100


class RecordQueue:
    """Records, and what ends with them, that the worker has not seen yet.

    Appending takes no lock: a lock here would dead-lock in ``__del__``, in signal handlers and after fork. The send
    methods append to ``items`` themselves while it is shorter than ``size``. ``dropped`` counts what had no room.
    ``size`` is 0 until the first item comes: the send methods then call ``append``, which starts the worker.
    """

    def __init__(self, size: int = QUEUE_SIZE) -> None:
        self.size = self._full_size = size
        self.items: deque[Any] = deque()
        self.dropped = 0
        self._on_first: Callable[[], None] | None = None
        self._is_shrunk = False

    def __len__(self) -> int:
        return len(self.items)

    @property
    def is_full(self) -> bool:
        """Whether the next item is dropped."""
        return self._on_first is None and len(self.items) >= self.size

    def resize(self, size: int) -> None:
        """Have room for so many items, once the first has come."""
        self._full_size = size
        if self._on_first is None:
            self.size = size

    def make_room_for(self, records: int, cells: int) -> None:
        """Have room for fewer items while records are large: so many of them had so many values."""
        most = MAX_CELLS * records // cells if cells else self._full_size
        size = min(self._full_size, max(LEAST_SIZE, most))
        if self._on_first is None and (self._is_shrunk or size < self._full_size):
            self.size, self._is_shrunk = size, size < self._full_size

    def start_worker_on_first(self, start: Callable[[], None]) -> None:
        """Call a function when the next item comes."""
        self.size, self._on_first = 0, start

    def start_no_worker(self) -> None:
        """Call nothing when the next item comes."""
        self.size, self._on_first = self._full_size, None

    def start_worker(self) -> None:
        """Start the worker, if it waits for the first item."""
        if self._on_first is not None:
            start, self._on_first = self._on_first, None
            self.size = self._full_size
            start()

    def append(self, item: object) -> None:
        """Queue an item, or count it as dropped when the queue is full."""
        if self._on_first is not None:
            self.start_worker()
        if len(self.items) < self.size:
            self.items.append(item)
        else:
            self.dropped += 1

    def append_anyway(self, item: object) -> None:
        """Queue an item though the queue may be full: other code already holds the id of one of its spans."""
        self.items.append(item)

    def take(self, limit: int) -> list[Any]:
        """Remove and return at most ``limit`` of the oldest items."""
        items = self.items
        return [items.popleft() for _ in range(min(limit, len(items)))]

    def clear(self) -> None:
        """Forget what is queued; for a forked child, whose parent delivers it."""
        self.items.clear()
        self.dropped = 0


record_queue = RecordQueue()
