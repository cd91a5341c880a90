"""A counter that threads share without a lock."""

from __future__ import annotations

import itertools


class Tally:
    """Counts calls of ``add``; one C call each, so that no count is lost between threads."""

    __slots__ = ("_counter", "add")

    def __init__(self) -> None:
        self._counter = itertools.count()
        self.add = self._counter.__next__

    @property
    def value(self) -> int:
        """The count so far."""
        # The counter's text is the one way to read it without counting: its pickling left Python in 3.14.
        return int(repr(self._counter)[len("count(") : -1])
