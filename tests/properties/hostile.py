"""Objects that notice being touched: senders, named values and what they are made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn


class Hostile:
    """Raises wherever it is printed, compared, iterated or tested; it may be hashed."""

    def _refuse(self, *_args: object) -> NoReturn:
        raise AssertionError("touched")

    __repr__ = __str__ = __bool__ = __len__ = __iter__ = __eq__ = __ne__ = __lt__ = _refuse
    __contains__ = __getitem__ = _refuse
    __hash__ = object.__hash__


class Shy(Hostile):
    """Hostile, but may be compared, so that it can be a key."""

    __eq__ = object.__eq__  # type: ignore[assignment] # it answers, where its base refuses
    __hash__ = object.__hash__


class Plain:
    """A sender like most."""


class Slotted:
    """A sender that can not be weakly referenced."""

    __slots__ = ()


class Unhashable:
    """A sender like a model instance without a primary key."""

    __hash__ = None  # type: ignore[assignment]


class Equal:
    """A sender that equals all others of its class, as two instances of one model row do."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Equal)

    def __hash__(self) -> int:
        return 1


def _new_class() -> type:
    return type("Sender", (), {})


SENDERS: dict[str, Callable[[], Any]] = {
    "class": _new_class,
    "plain": Plain,
    "hostile": Hostile,
    "shy": Shy,
    "slotted": Slotted,
    "unhashable": Unhashable,
    "equal": Equal,
    "model": lambda: "auth.User",
    "string": lambda: "a sender",
    "integer": lambda: 12345,
}
