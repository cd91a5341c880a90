"""Numbers that tell apart what has the same name."""

from __future__ import annotations

from weakref import ref

MAX_NUMBER = 50
"""How many objects of one name are told apart; all beyond share the last number."""


class _Holder:
    """Who has a number: an object, as its id, until it dies."""

    __slots__ = ("item_id", "reference")

    def __init__(self, item: object) -> None:
        self.item_id = id(item)
        self.reference: object = None

    def free_with(self, item: object, taken: dict[int, _Holder], number: int) -> None:
        """Free the number when the object dies; one without weak references keeps it."""
        try:
            self.reference = ref(item, lambda _reference: taken.pop(number, None))
        except TypeError:
            self.reference = None


class Numbers:
    """Gives each living object of a name a number: the lowest that is free. No lock is taken."""

    def __init__(self) -> None:
        self._taken: dict[str, dict[int, _Holder]] = {}

    def of(self, name: str, item: object) -> int:
        """The number of an object among those of its name; 1 for the first."""
        taken, mine = self._taken.setdefault(name, {}), _Holder(item)
        for number in range(1, MAX_NUMBER):
            holder = taken.setdefault(number, mine)
            if holder is mine:
                mine.free_with(item, taken, number)
            if holder.item_id == mine.item_id:
                return number
        return MAX_NUMBER


def numbered(name: str, number: int) -> str:
    """The name, with its number unless that is 1."""
    return name if number == 1 else f"{name} #{number}"
