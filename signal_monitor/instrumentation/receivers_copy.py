"""A copy of ``Signal.receivers``, by which a plan of a signal that does not cache knows whether it still holds.

To keep the entries themselves would be as quick. But an entry that outlives ``disconnect`` keeps the reference that
Django has made alive, and that of Django 6.1 tells the signal when a receiver dies.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from types import MethodType
from typing import Any

from django.dispatch import dispatcher

from signal_monitor.names.classes import class_dict, class_mro

Reference = Callable[[], Any]
Key = tuple[Any, int]


class ReceiversCopy:
    """A copy that equals ``Signal.receivers`` as long as these have not changed; it keeps nothing of them alive.

    ``entries`` have weak references of our own. Two references are equal if what they refer to is, so only what is
    compared by identity is copied. ``kinds`` are the types of the references if one is to a bound method: a reference
    to the method's object would be equal too. ``for_any_sender``: no receiver is connected for one sender only.
    """

    __slots__ = ("entries", "for_any_sender", "kinds")

    def __init__(self, entries: list[Any]) -> None:
        self.entries = entries
        self.for_any_sender = all(entry[0][1] == dispatcher.NONE_ID for entry in entries)
        kinds = _kinds(entries)
        self.kinds = kinds if weakref.WeakMethod in kinds else None

    def equals(self, receivers: object) -> bool:
        """Whether these are the receivers that were copied."""
        if type(receivers) is not list or receivers != self.entries:
            return False
        return self.kinds is None or self.kinds == _kinds(receivers)


def copy_of(receivers: object) -> ReceiversCopy | None:
    """A copy; None where something in it is dead, strongly connected, or compared by code of its own."""
    if type(receivers) is not list:
        return None
    copies = []
    for entry in list(receivers):
        copied = _copied(entry)
        if copied is None:
            return None
        copies.append(copied)
    return ReceiversCopy(copies)


def own_reference(held: object, target: Any) -> Reference:  # noqa: ANN401 - a receiver or a sender
    """A weak reference like the one that Django holds; also where Django holds the target itself."""
    return weakref.WeakMethod(target) if type(held) is weakref.WeakMethod else weakref.ref(target)


def _copied(entry: Any) -> tuple[Any, ...] | None:  # noqa: ANN401
    key, *items = entry
    if not _is_plain(key):
        return None
    copied = [key]
    for item in items:
        if item is None or type(item) is bool:
            copied.append(item)
            continue
        target = item() if type(item) in {weakref.ref, weakref.WeakMethod} else None
        if target is None or not _is_compared_by_identity(target):
            return None
        copied.append(own_reference(item, target))
    return tuple(copied)


def _is_plain(key: Key) -> bool:
    """Whether a key keeps nothing alive: anything may be a ``dispatch_uid``."""
    uid, _ = key
    return type(uid) in {int, str} or (type(uid) is tuple and set(map(type, uid)) <= {int})


def _is_compared_by_identity(target: Any) -> bool:  # noqa: ANN401
    if type(target) is MethodType:
        return _is_compared_by_identity(target.__self__) and _is_compared_by_identity(target.__func__)
    for cls in class_mro(type(target)):
        if "__eq__" in class_dict(cls):
            return cls is object
    return False


def _kinds(entries: list[Any]) -> list[type]:
    return [type(entry[1]) for entry in entries]
