"""What was noted of ``connect`` and ``disconnect``, as records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, TypeVar, cast
from weakref import ReferenceType

from django.dispatch import Signal

from signal_monitor.instrumentation.connect_notes import Dead, Failed, Note, Place, Taken, connecting
from signal_monitor.instrumentation.info import signal_info
from signal_monitor.instrumentation.turned_off import TurnedOff as TurnedOffNote
from signal_monitor.scrubbing import scrub
from signal_monitor.text import MAX_LINE, cleaned

from .records import ConnectCall, DeadReceiver, FailedDisconnect, RegisteredSignal, Stage, TakenUid, TurnedOff

MAX_FAULTS = 100
"""Faults of a kind that are told; the same fault again is counted."""

R = TypeVar("R", TakenUid, FailedDisconnect, DeadReceiver, TurnedOff)


def note_of(signal: Signal, entry: tuple[Any, ...]) -> Note | None:
    """What was noted when an entry of ``Signal.receivers`` was made."""
    held = entry[1]
    is_weak = issubclass(type(held), ReferenceType)
    return connecting.note_of(signal, entry[0], held() if is_weak else held)


def sender_of(note: Note) -> object | None:
    """The sender that ``connect`` was given; None if it is gone, or if there is no reference to it."""
    return note.sender() if note.sender is not None else None


def connect_call(place: Place) -> ConnectCall:
    """A place as a record."""
    return ConnectCall(cleaned(place.path, MAX_LINE), place.line, place.at, cast("Stage", place.stage))


def waiting_call(signal: Signal, receiver: object) -> ConnectCall | None:
    """Where ``connect`` was called for a connection that waits for a model."""
    place = connecting.waiting.get((id(signal), id(receiver)))
    return connect_call(place) if place is not None else None


def taken_uids() -> tuple[TakenUid, ...]:
    """The receivers that were not connected, because their ``dispatch_uid`` was taken."""
    return _counted(list(connecting.taken), _taken, lambda one: (one.signal, one.dispatch_uid, one.receiver))


def failed_disconnects() -> tuple[FailedDisconnect, ...]:
    """The calls of ``disconnect`` that left a receiver connected."""
    return _counted(
        list(connecting.failed), _failed, lambda one: (one.signal, one.receiver, one.call.path, one.call.line)
    )


def dead_receivers() -> tuple[DeadReceiver, ...]:
    """The weakly connected receivers that are gone; those of one place are one."""
    return _counted(list(connecting.dead), _dead, _where)


def turned_off_receivers(signals: Iterable[RegisteredSignal]) -> tuple[TurnedOff, ...]:
    """The receivers that requests have disconnected; ``signals`` are those of the process, as they are now."""
    found = _counted(list(connecting.turned_off), _turned_off, _where)
    there = {(signal.name, each.receiver, each.sender) for signal in signals for each in signal.connections}
    return tuple(replace(each, is_back=(each.signal, each.receiver, each.sender) in there) for each in found)


def _where(one: FailedDisconnect | DeadReceiver | TurnedOff) -> tuple[object, ...]:
    return one.signal, one.receiver, one.call.path, one.call.line


def _counted(noted: Iterable[object], record: Callable[..., R | None], key: Callable[[R], object]) -> tuple[R, ...]:
    """The last of each kind, with their number; those whose signal is gone are left out."""
    found = [made for item in noted if (made := record(item)) is not None]
    counts, last = Counter(map(key, found)), {key(item): item for item in found}
    return tuple(replace(item, count=counts[place]) for place, item in last.items())[-MAX_FAULTS:]


def _taken(item: Taken) -> TakenUid | None:
    signal = item.signal()
    if signal is None:
        return None
    return TakenUid(
        signal=signal_info(signal).name,
        sender=scrub(item.sender_name),
        dispatch_uid=scrub(item.dispatch_uid),
        receiver=item.receiver.name,
        taken_by=item.taken_by.name,
        call=connect_call(item.place),
    )


def _failed(item: Failed) -> FailedDisconnect | None:
    signal: Any = item.signal()
    if signal is None:
        return None
    return FailedDisconnect(
        signal=signal_info(signal).name,
        receiver=item.receiver.name,
        sender=scrub(item.sender_name),
        dispatch_uid=_scrubbed(item.dispatch_uid),
        connected_sender=scrub(item.connected_sender),
        connected_uid=_scrubbed(item.connected_uid),
        call=connect_call(item.place),
        connected=connect_call(item.connected) if item.connected is not None else None,
    )


def _scrubbed(uid: str | None) -> str | None:
    return uid and scrub(uid)


def _turned_off(item: TurnedOffNote) -> TurnedOff | None:
    signal: Any = item.signal()
    if signal is None:
        return None
    return TurnedOff(
        signal=signal_info(signal).name,
        receiver=item.receiver.name,
        sender=scrub(item.sender_label),
        call=connect_call(item.place),
        connected=connect_call(item.connected),
        path=item.receiver.path and cleaned(item.receiver.path, MAX_LINE),
        line=item.receiver.line,
    )


def _dead(item: Dead) -> DeadReceiver | None:
    signal = item.signal()
    if signal is None:
        return None
    note = item.note
    return DeadReceiver(
        signal=signal_info(signal).name,
        receiver=note.receiver.name,
        sender=scrub(note.sender_label),
        died_at=note.died_at,
        call=connect_call(note.place),
        path=note.receiver.path and cleaned(note.receiver.path, MAX_LINE),
        line=note.receiver.line,
    )
