"""The signals and receivers of this process with the objects themselves, for rules that run in it.

It is read only: nothing is imported, called or connected to find out. The kind of an object is taken from ``type()``,
because ``isinstance()`` asks lazy objects for their class, and so evaluates them.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MethodType
from typing import Any

from django.dispatch import Signal, dispatcher

from signal_monitor import names
from signal_monitor.errors import done_for_each
from signal_monitor.instrumentation.connect_notes import Note
from signal_monitor.instrumentation.info import receiver_info, signal_info
from signal_monitor.pipeline.runtime import installed_apps
from signal_monitor.scrubbing import scrub

from .connect_calls import connect_call, note_of, sender_of, waiting_call
from .pending import PendingConnection, pending_connections
from .records import ANY_SENDER, UNKNOWN_SENDER, ConnectCall
from .search import classes_by_id, find_signals

WHERE = "the look at a connection"
ID_OF_NONE: int = dispatcher.NONE_ID


class Unknown:
    """The sender of a connection of which Django keeps only the ``id()``."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN = Unknown()
_apps = installed_apps()


@dataclass(frozen=True, slots=True)
class LiveConnection:
    """A receiver that is connected to a signal.

    ``receiver`` is None if it is gone. ``sender`` is None for all senders, UNKNOWN where only its ``id()`` is known. A
    ``pending`` one waits for the model that ``sender`` names. ``dead`` says that the receiver or its sender is gone.
    """

    signal_name: str
    signal: Signal
    receiver: object | None
    sender: object | None
    sender_name: str
    sender_type: str
    weak: bool
    is_async: bool
    dispatch_uid: object | None
    order: int
    name: str
    module: str
    path: str | None
    line: int | None
    app: str | None
    connected: ConnectCall | None = None
    dead: bool = False
    pending: bool = False


@dataclass(frozen=True, slots=True)
class LiveSignal:
    """A signal and its connections in the order of ``Signal.receivers``; those that are pending come last."""

    name: str
    signal: Signal
    connections: tuple[LiveConnection, ...]


def live_signals() -> Iterator[LiveSignal]:
    """Every signal of this process, by name."""
    found = sorted(((signal_info(signal).name, signal) for signal in find_signals()), key=lambda pair: pair[0])
    entries = {id(signal): _entries(signal) for _name, signal in found}
    senders = classes_by_id(_unknown_senders(found, entries))
    pending = pending_connections()
    for name, signal in found:
        waiting = [item for item in pending if item.signal is signal]
        yield LiveSignal(name, signal, tuple(_connections(name, signal, entries.pop(id(signal)), senders, waiting)))


def _connections(
    name: str,
    signal: Signal,
    entries: Sequence[tuple[Any, ...]],
    senders: Mapping[int, object],
    waiting: Sequence[PendingConnection],
) -> list[LiveConnection]:
    """The connections of one signal; one that cannot be read is left out."""
    made = done_for_each(WHERE, lambda item: _connection(name, signal, *item, senders), enumerate(entries))
    numbered = enumerate(waiting, len(made))
    return [*made, *done_for_each(WHERE, lambda item: _pending(name, *item), numbered)]


def _entries(signal: Signal) -> list[Any]:
    """The entries of ``Signal.receivers``, where they are as Django makes them."""
    receivers = signal.__dict__.get("receivers")
    if type(receivers) is not list:
        return []
    return [entry for entry in list(receivers) if _is_djangos(entry)]


def _is_djangos(entry: object) -> bool:
    """Whether this is an entry of Django 5.2, which lacks the weak reference to the sender, or of a later version."""
    if type(entry) is not tuple or len(entry) not in {3, 4}:
        return False
    return type(entry[0]) is tuple and len(entry[0]) == 2


def _unknown_senders(found: Sequence[tuple[str, Signal]], entries: Mapping[int, list[Any]]) -> set[int]:
    """The ids of senders to which neither the entries nor the notes have a reference."""
    return {
        entry[0][1]
        for _name, signal in found
        for entry in entries[id(signal)]
        if _has_unreferred_sender(entry) and note_of(signal, entry) is None
    }


def _has_unreferred_sender(entry: tuple[Any, ...]) -> bool:
    key = entry[0][1]
    return type(key) is int and key != ID_OF_NONE and (len(entry) == 3 or entry[2] is None)


def _connection(
    name: str, signal: Signal, order: int, entry: tuple[Any, ...], senders: Mapping[int, object]
) -> LiveConnection:
    key, held = entry[0], entry[1]
    weak = issubclass(type(held), weakref.ReferenceType)
    receiver, note = held() if weak else held, note_of(signal, entry)
    sender = _sender(entry, senders)
    if sender is UNKNOWN and note is not None:
        known = sender_of(note)
        sender = UNKNOWN if known is None else known  # the sender is not asked whether it is true
    info = receiver_info(receiver) if receiver is not None else None
    told = note.receiver if note is not None and info is None else None
    return LiveConnection(
        signal_name=name,
        signal=signal,
        receiver=receiver,
        sender=sender,
        sender_name=_sender_name(sender, note),
        sender_type=_sender_type(sender, note),
        weak=weak,
        is_async=entry[-1] is True,
        dispatch_uid=dispatch_uid_of(key[0], receiver),
        order=order,
        name=info.name if info else told.name if told else "",
        module=info.module if info else "",
        path=info.path if info else told.path if told else None,
        line=info.line if info else told.line if told else None,
        app=_apps.of(info.module) if info else None,
        connected=connect_call(note.place) if note else None,
        dead=receiver is None or _is_sender_gone(entry),
    )


def _pending(name: str, order: int, item: PendingConnection) -> LiveConnection:
    info = receiver_info(item.receiver)
    return LiveConnection(
        signal_name=name,
        signal=item.signal,
        receiver=item.receiver,
        sender=item.model,
        sender_name=scrub(item.model),
        sender_type="builtins.str",
        weak=item.weak,
        is_async=False,
        dispatch_uid=item.dispatch_uid,
        order=order,
        name=info.name,
        module=info.module,
        path=info.path,
        line=info.line,
        app=_apps.of(info.module),
        connected=waiting_call(item.signal, item.receiver),
        pending=True,
    )


def dispatch_uid_of(key: object, receiver: object) -> object | None:
    """The ``dispatch_uid`` in a key of Django's; None where the key is made of the receiver itself."""
    if type(receiver) is MethodType:
        return None if key == (id(receiver.__self__), id(receiver.__func__)) else key
    if receiver is not None and type(key) is int:
        return None if key == id(receiver) else key
    return None if type(key) is int or _is_pair_of_ids(key) else key


def _is_pair_of_ids(key: object) -> bool:
    """Whether this is a key of a bound method, or of something that looks like one."""
    return type(key) is tuple and len(key) == 2 and set(map(type, key)) == {int}


def _sender(entry: tuple[Any, ...], senders: Mapping[int, object]) -> object | None:
    key = entry[0][1]
    if key == ID_OF_NONE:
        return None
    reference: Callable[[], object] | None = entry[2] if len(entry) == 4 else None
    sender = reference() if reference is not None else senders.get(key)
    return UNKNOWN if sender is None else sender


def _is_sender_gone(entry: tuple[Any, ...]) -> bool:
    return len(entry) == 4 and entry[2] is not None and entry[2]() is None


def _sender_name(sender: object, note: Note | None) -> str:
    if sender is None:
        return ANY_SENDER
    if sender is UNKNOWN:
        return scrub(note.sender_name if note else "") or UNKNOWN_SENDER
    return scrub(names.sender_name(sender))


def _sender_type(sender: object, note: Note | None) -> str:
    if sender is None:
        return ""
    if sender is UNKNOWN:
        return note.sender_type if note else ""
    return names.class_name(type(sender))
