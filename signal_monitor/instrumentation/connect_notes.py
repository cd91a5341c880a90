"""What is noted of ``connect`` and ``disconnect``: text and weak references, which keep nothing alive.

The number of notes is bounded.
"""

from __future__ import annotations

import itertools
import sys
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from types import FunctionType, MethodType
from typing import Any, NamedTuple
from weakref import ref

from django.dispatch import Signal

from signal_monitor import names

from .info import receiver_info

MAX_NOTES = 20_000
MAX_FAULTS = 1_000
PURGES = 20
"""Part of ``MAX_NOTES``: after so many changes, notes that are full are searched again for those of no use."""
MAX_ITEMS = 5
UNKNOWN_SENDER = "(unknown)"
"""The name of a sender of which Django keeps only the ``id()``."""
_PLAIN = {int, str, bytes}
_EXACT = {*_PLAIN, type(None), bool, float, tuple, frozenset}
_LOCAL = "<"

Key = tuple[Any, Any]
"""The first item of an entry of ``Signal.receivers``: of the receiver, or its ``dispatch_uid``, and of the sender."""


class Place(NamedTuple):
    """Where and when a method was called; ``stage`` says how far Django's start was."""

    path: str
    line: int
    at: float
    stage: str


class Names(NamedTuple):
    """What a note has of a receiver."""

    name: str
    path: str | None
    line: int | None


class Note:
    """What is known about a connection: it is in the notes of its signal under the key of its entry."""

    __slots__ = (
        "died_at",
        "in_request",
        "key",
        "place",
        "receiver",
        "sender",
        "sender_name",
        "sender_type",
        "target",
        "watch",
        "weak",
    )

    def __init__(self, key: Key, receiver: Any, sender: object, place: Place, *, weak: bool) -> None:  # noqa: ANN401
        self.key = key
        self.receiver = names_of(receiver)
        self.target = _reference(_owner(receiver))
        self.place = place
        self.weak = weak
        self.died_at = 0.0
        self.in_request = False
        self.watch: Watch | None = None
        self.sender: Callable[[], object] | None = None
        self.sender_name = self.sender_type = ""
        if sender is not None:
            self._note_sender(sender)

    def is_of(self, receiver: object) -> bool:
        """Whether this is the note of a receiver; of one that is gone (None), any is. An ``id()`` is used again."""
        return receiver is None or self.target is None or self.target() is _owner(receiver)

    def _note_sender(self, sender: object) -> None:
        self.sender = _reference(sender)
        if self.sender is None:
            self.sender_name = described(sender)
        self.sender_type = names.class_name(type(sender))

    @property
    def sender_label(self) -> str:
        """The name of the sender; of one that is gone, what it was."""
        sender = self.sender() if self.sender is not None else None
        if sender is not None:
            return names.sender_name(sender)
        return self.sender_name or (f"{self.sender_type} instance" if self.sender_type else "")


def _owner(receiver: Any) -> Any:  # noqa: ANN401
    """The receiver, or the object of a bound method: a method itself is soon gone."""
    return receiver.__self__ if type(receiver) is MethodType else receiver


def _reference(item: object) -> Callable[[], object] | None:
    try:
        return ref(item)
    except TypeError:
        return None


class Watch(ref[Any]):
    """A weak reference to a receiver, or to the object of a bound method, that tells of its death."""

    __slots__ = ("note", "notes")

    note: Note
    notes: Notes


class Notes:
    """The notes of one signal; ``disconnected`` has keys that were removed, ``turned_off`` those by requests."""

    __slots__ = ("by_key", "disconnected", "ref", "turned_off")

    def __init__(self, signal: Signal) -> None:
        # The dictionary itself, as the module's names are None when the interpreter ends.
        key, by_signal = id(signal), connecting.by_signal
        self.ref = ref(signal, lambda _: by_signal.pop(key, None))
        self.by_key: dict[Key, Note] = {}
        self.disconnected: set[Key] = set()
        self.turned_off: dict[Key, Any] = {}

    def purge(self) -> None:
        """Delete the notes of what is no longer connected: disconnected, dead, or removed by hand."""
        keys = list(self.by_key)  # before the entries are read: ``connect`` makes a note after its entry
        signal = self.ref()
        receivers = signal.__dict__.get("receivers") if signal is not None else None
        if type(receivers) is list:
            left = {entry[0] for entry in list(receivers) if is_plain(entry[0])}
            for key in keys:
                if key not in left:
                    self.by_key.pop(key, None)


class Taken(NamedTuple):
    """A receiver that was not connected, because another one has its ``dispatch_uid``."""

    signal: Callable[[], object]
    dispatch_uid: str
    sender_name: str
    receiver: Names
    taken_by: Names
    place: Place


class Failed(NamedTuple):
    """A ``disconnect`` that found nothing, while the receiver was connected in another way: ``connected`` is where."""

    signal: Callable[[], object]
    receiver: Names
    sender_name: str
    dispatch_uid: str | None
    connected: Place | None
    connected_sender: str
    connected_uid: str | None
    place: Place


class Dead(NamedTuple):
    """A weakly connected receiver that is gone."""

    signal: Callable[[], object]
    note: Note
    notes: Notes

    def forget(self) -> None:
        """Delete the note, unless there is another one for a receiver that was connected since."""
        if self.notes.by_key.get(self.note.key) is self.note:
            self.notes.by_key.pop(self.note.key, None)


class Connecting:
    """All notes of this process; ``changes`` is another number whenever something was connected or is gone."""

    def __init__(self) -> None:
        self.by_signal: dict[int, Notes] = {}
        self.taken: deque[Taken] = deque(maxlen=MAX_FAULTS)
        self.failed: deque[Failed] = deque(maxlen=MAX_FAULTS)
        self.dead: deque[Dead] = deque(maxlen=MAX_FAULTS)
        self.turned_off: deque[Any] = deque(maxlen=MAX_FAULTS)
        self.waiting: dict[tuple[int, int], Place] = {}
        self.changes = self._next_purge = 0
        self._counter = itertools.count(1)

    def changed(self) -> None:
        """Note that something is different."""
        self.changes = next(self._counter)

    def note_of(self, signal: Signal, key: Key, receiver: object) -> Note | None:
        """The note of a receiver's entry; None for one that was made without ``connect``, or before it was observed."""
        notes = self.by_signal.get(id(signal))
        if notes is None or notes.ref() is not signal or not is_plain(key):
            return None
        note = notes.by_key.get(key)
        return note if note is not None and note.is_of(receiver) else None

    def notes_of(self, signal: Signal) -> Notes:
        """The notes of a signal, new ones if it has none."""
        notes = self.by_signal.get(id(signal))
        if notes is None or notes.ref() is not signal:
            notes = self.by_signal[id(signal)] = Notes(signal)
        return notes

    def is_full(self) -> bool:
        """Whether there are as many notes as there may be."""
        # Each note is a change: with fewer changes, there is nothing to add up.
        if self.changes < MAX_NOTES:
            return False
        if self._number() >= MAX_NOTES and self.changes >= self._next_purge:
            self._next_purge = self.changes + MAX_NOTES // PURGES
            for notes in list(self.by_signal.values()):
                notes.purge()
        return self._number() >= MAX_NOTES

    def _number(self) -> int:
        return sum(len(notes.by_key) for notes in list(self.by_signal.values()))

    def forget(self) -> None:
        """Delete all notes."""
        self.by_signal.clear()
        self.waiting.clear()
        for noted in (self.taken, self.failed, self.dead, self.turned_off):
            noted.clear()


connecting = Connecting()


def is_exact(item: object) -> bool:
    """Whether an argument is of a type of Python's own, so that ``bool()`` of it runs no code of others."""
    return type(item) in _EXACT


def is_plain(key: Any) -> bool:  # noqa: ANN401
    """Whether hashing and comparing a key runs no code of the application's."""
    first = key[0]
    return type(first) in _PLAIN or (type(first) is tuple and all(type(item) in _PLAIN for item in first))


def names_of(receiver: Any) -> Names:  # noqa: ANN401
    """The names of a receiver: at once for a function of a module, which is most; otherwise as they are for records."""
    if type(receiver) is FunctionType and not receiver.__dict__ and _LOCAL not in receiver.__qualname__:
        code, module = receiver.__code__, receiver.__module__
        if type(module) is str:
            return Names(f"{module}.{receiver.__qualname__}", code.co_filename, code.co_firstlineno)
    info = receiver_info(receiver)
    return Names(info.name, info.path, info.line)


def described(sender: object) -> str:
    """The name of a sender; of a list, tuple or set with the names of what is in it."""
    if type(sender) in {list, tuple, set, frozenset}:
        items = list(itertools.islice(sender, MAX_ITEMS + 1))  # type: ignore[call-overload]
        told = ", ".join([names.sender_name(item) for item in items[:MAX_ITEMS]])
        return names.shortened(f"[{told}{', …' if len(items) > MAX_ITEMS else ''}]")
    return names.sender_name(sender)


def _died(watch: Watch, is_finalizing: Callable[[], bool] = sys.is_finalizing) -> None:
    """A receiver is gone; this may run anywhere, in the middle of a garbage collection.

    When the interpreter ends, nothing is noted, and the names of this module may be None.
    """
    if is_finalizing():
        return
    note, notes = watch.note, watch.notes
    note.watch = None
    note.died_at = time.time()
    if notes.ref() is not None and notes.by_key.get(note.key) is note:
        if len(connecting.dead) >= MAX_FAULTS:
            with suppress(IndexError):  # another thread has deleted them
                connecting.dead.popleft().forget()
        connecting.dead.append(Dead(notes.ref, note, notes))
        connecting.changed()


def watch(note: Note, notes: Notes, receiver: Any) -> None:  # noqa: ANN401
    """Note the death of a receiver, or of the object of a bound method."""
    reference = Watch(_owner(receiver), _died)
    reference.note, reference.notes = note, notes
    note.watch = reference
