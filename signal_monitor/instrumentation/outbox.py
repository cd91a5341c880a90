"""The bounded queue between the dispatching threads and the worker: appends, never waits, counts what it drops."""

from __future__ import annotations

from collections import deque
from typing import Any

from .tally import Tally


class Outbox:
    """What was dispatched and not yet seen by the worker.

    Appending takes no lock: a lock here would dead-lock in ``__del__``, in signal handlers and after fork.
    """

    def __init__(self, size: int = 10_000) -> None:
        self.size = size
        self._items: deque[Any] = deque()
        self._drops = Tally()

    def __len__(self) -> int:
        return len(self._items)

    @property
    def is_full(self) -> bool:
        """Whether the next item would be dropped."""
        return len(self._items) >= self.size

    def append(self, item: object) -> None:
        """Queue an item, or count it as dropped when the queue is full."""
        if len(self._items) < self.size:
            self._items.append(item)
        else:
            self._drops.add()

    def take(self, limit: int) -> list[Any]:
        """At most ``limit`` of the oldest items, which leave the queue."""
        items = self._items
        taken: list[Any] = []
        while items and len(taken) < limit:
            taken.append(items.popleft())
        return taken

    @property
    def dropped(self) -> int:
        """How many items were dropped so far."""
        return self._drops.value

    def clear(self) -> None:
        """Forget what is queued; for a forked child, whose parent delivers it."""
        self._items.clear()
        self._drops = Tally()


outbox = Outbox()
