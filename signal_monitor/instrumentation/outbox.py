"""The bounded queue between the dispatching threads and the worker: appends, never waits, counts what it drops."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .traces import DispatchTrace


QUEUE_SIZE = 10_000


class Outbox:
    """What was dispatched and not yet seen by the worker.

    Appending takes no lock: a lock here would dead-lock in ``__del__``, in signal handlers and after fork. The send
    methods append to ``items`` themselves, where it is shorter than ``size``. ``dropped`` counts what had no room.
    """

    def __init__(self, size: int = QUEUE_SIZE) -> None:
        self.size = size
        self.items: deque[Any] = deque()
        self.dropped = 0

    def __len__(self) -> int:
        return len(self.items)

    @property
    def is_full(self) -> bool:
        """Whether the next item would be dropped."""
        return len(self.items) >= self.size

    def append(self, item: object, trace: DispatchTrace | None = None) -> None:
        """Queue an item, or count it as dropped when the queue is full, unless others know one of its spans.

        Such a span has children. None begins while the queue is full.
        """
        if len(self.items) < self.size or (trace is not None and not trace.withhold()):
            self.items.append(item)
        else:
            self.dropped += 1

    def take(self, limit: int) -> list[Any]:
        """At most ``limit`` of the oldest items, which leave the queue."""
        items = self.items
        return [items.popleft() for _ in range(min(limit, len(items)))]

    def clear(self) -> None:
        """Forget what is queued; for a forked child, whose parent delivers it."""
        self.items.clear()
        self.dropped = 0


outbox = Outbox()
