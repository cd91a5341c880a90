"""The bounded queue between the dispatching threads and the worker."""

from __future__ import annotations

import contextlib
import sys
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

QUEUE_SIZE = 10_000
MAX_CELLS = 2_000_000
"""Values that all records of a full queue may have: a record has one for each receiver, of some 32 bytes."""
LEAST_SIZE = 100
UNCHECKED = 32
"""The most items that are queued between two checks of the worker and of the process."""


class RecordQueue:
    """Records, and what ends with them, that the worker has not seen yet.

    Appending takes no lock: a lock here would dead-lock in ``__del__``, in signal handlers and after fork. The send
    methods append to ``items`` themselves while it is shorter than ``size``; otherwise they call ``append``, which
    checks that this process has a worker, and raises ``size``: by one item at first, by twice as many each time, and by
    UNCHECKED in the end. The worker sets ``size`` to 0 when it rests, so that the next item is checked.
    ``capacity`` is the most items, fewer while they are large; ``dropped`` counts what had no room.
    """

    def __init__(self, capacity: int = QUEUE_SIZE) -> None:
        self.size = self.capacity = self._full_capacity = capacity
        self.items: deque[Any] = deque()
        self.dropped = 0
        self._unchecked = 1
        self._check: Callable[[], None] | None = None

    def __len__(self) -> int:
        return len(self.items)

    @property
    def is_full(self) -> bool:
        """Whether the next item is dropped."""
        return len(self.items) >= self.capacity

    @property
    def is_half_full(self) -> bool:
        """Whether the worker should not wait any longer."""
        return self.fullness == 1

    @property
    def fullness(self) -> float:
        """How much is queued: 0 for nothing, 1 where the queue is half full."""
        return min(1.0, 2 * len(self.items) / min(self.capacity, QUEUE_SIZE))

    def resize(self, capacity: int) -> None:
        """Have room for so many items."""
        self.capacity = self._full_capacity = capacity
        if self._check is None:
            self.size = capacity

    @contextlib.contextmanager
    def unlimited(self) -> Iterator[None]:
        """Drop nothing in a block, however many items wait."""
        before = self._full_capacity
        self.resize(sys.maxsize)
        try:
            yield
        finally:
            self.resize(before)

    def make_room_for(self, records: int, cells: int) -> None:
        """Have room for fewer items while records are large: so many of them had so many values."""
        if self._full_capacity == sys.maxsize:
            return
        most = MAX_CELLS * records // cells if cells else self._full_capacity
        capacity = min(self._full_capacity, max(LEAST_SIZE, most))
        if capacity != self.capacity:
            self.capacity = capacity
            self.size = capacity if self._check is None else min(self.size, capacity)

    def check_with(self, check: Callable[[], None]) -> None:
        """Call a function when the next item comes, and from time to time from then on."""
        self._check = check
        self.check_next()

    def check_no_more(self) -> None:
        """Call nothing when items come."""
        self.size, self._check = self.capacity, None

    def check_next(self) -> None:
        """Check the next item that comes, however few there are."""
        if self._check is not None:
            self.size, self._unchecked = 0, 1

    def check(self) -> None:
        """Check now, and when some more items have come."""
        if self._check is not None:
            # Before the check, which may dispatch signals itself.
            self.size = min(len(self.items) + self._unchecked, self.capacity)
            self._unchecked = min(2 * self._unchecked, UNCHECKED)
            self._check()

    def check_if_resting(self) -> None:
        """Check now if the worker rests or was not started yet: something begins whose record may be long in coming."""
        if not self.size:
            self.check()

    def append(self, item: object) -> None:
        """Queue an item, or count it as dropped when the queue is full."""
        if len(self.items) >= self.size:
            self.check()
        if len(self.items) < self.capacity:
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

    def clear_items(self) -> None:
        """Forget what is queued."""
        self.items.clear()

    def clear(self) -> None:
        """Forget what is queued, and what was dropped; for a forked child, whose parent delivers it."""
        self.clear_items()
        self.dropped = 0


record_queue = RecordQueue()
