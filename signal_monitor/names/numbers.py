"""Numbers that tell apart what has the same name."""

from __future__ import annotations

import contextlib
import weakref

MAX_NUMBER = 50
"""How many objects of one name are told apart; all beyond share the last number."""


class Numbers:
    """Gives each living object of a name a number: the lowest that is free. No lock is taken."""

    def __init__(self) -> None:
        self._taken: dict[str, dict[int, object]] = {}

    def of(self, name: str, item: object) -> int:
        """The number of an object among those of its name; 1 for the first."""
        taken = self._taken.setdefault(name, {})
        key = (id(item),)
        for number in range(1, MAX_NUMBER):
            holder = taken.setdefault(number, key)
            if holder is key:
                self._free_with(item, taken, number)
            if holder == key:
                return number
        return MAX_NUMBER

    @staticmethod
    def _free_with(item: object, taken: dict[int, object], number: int) -> None:
        with contextlib.suppress(TypeError):  # no weak reference is possible: the number stays taken
            weakref.finalize(item, taken.pop, number, None).atexit = False


def numbered(name: str, number: int) -> str:
    """The name, with its number unless that is 1."""
    return name if number == 1 else f"{name} #{number}"
