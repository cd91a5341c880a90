"""What is connected in this process, with the real objects; it imports, calls and connects nothing."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import MethodType
from typing import Any

from django.apps import AppConfig
from django.db.models import Model
from django.dispatch import Signal

from signal_monitor import names
from signal_monitor.instrumentation.info import signal_info


class Unknown:
    """The sender of a connection of which only the id is known: one that no weak reference can be made to."""


UNKNOWN = Unknown()


@dataclass(frozen=True, slots=True)
class LiveConnection:
    """A receiver that is connected; ``receiver`` is None if it is gone, ``sender`` None for all senders."""

    signal_name: str
    signal: Signal
    receiver: object | None
    sender: object | None
    weak: bool
    is_async: bool
    dispatch_uid: object | None
    order: int
    name: str
    module: str
    path: str | None
    line: int | None


@dataclass(frozen=True, slots=True)
class LiveSignal:
    """A signal and its connections, in the order in which they are called."""

    name: str
    signal: Signal
    connections: tuple[LiveConnection, ...]


def live_signals() -> Iterator[LiveSignal]:
    """Every signal of this process."""
    # type(x), because isinstance() asks lazy objects for their class, and so evaluates them.
    found = [each for each in gc.get_objects() if issubclass(type(each), Signal)]
    wanted = {_sender_id(entry) for signal in found for entry in list(signal.receivers)}
    by_id = _senders(wanted) if found and any(len(entry) == 3 for s in found for entry in list(s.receivers)) else {}
    for signal in found:
        name = signal_info(signal).name
        entries = enumerate(list(signal.receivers))
        yield LiveSignal(
            name, signal, tuple(_connection(signal, name, order, entry, by_id) for order, entry in entries)
        )


def _connection(
    signal: Signal, signal_name: str, order: int, entry: tuple[Any, ...], by_id: dict[int, object]
) -> LiveConnection:
    (receiver_key, _), held, is_async = entry[0], entry[1], entry[-1]
    weak = isinstance(held, weakref.ReferenceType)
    receiver = held() if weak else held
    source = names.receiver_source(receiver) if receiver is not None else None
    return LiveConnection(
        signal_name=signal_name,
        signal=signal,
        receiver=receiver,
        sender=_sender(entry, by_id),
        weak=weak,
        is_async=bool(is_async),
        dispatch_uid=None if receiver_key == _key_of(receiver) else receiver_key,
        order=order,
        name=names.receiver_name(receiver) if receiver is not None else "",
        module=names.receiver_module(receiver) if receiver is not None else "",
        path=source.path if source else None,
        line=source.line if source else None,
    )


def _key_of(receiver: object) -> object:
    """What Django identifies a receiver by where there is no ``dispatch_uid``."""
    if type(receiver) is MethodType:
        return id(receiver.__self__), id(receiver.__func__)
    return id(receiver)


def _sender_id(entry: tuple[Any, ...]) -> int:
    key = entry[0][1]
    return key if type(key) is int else 0


def _sender(entry: tuple[Any, ...], by_id: dict[int, object]) -> object | None:
    key = _sender_id(entry)
    if key == id(None):
        return None
    if len(entry) > 3:  # Django keeps a weak reference to it, where there can be one
        reference: Callable[[], object] | None = entry[2]
        sender = reference() if reference is not None else None
        return UNKNOWN if sender is None else sender
    return by_id.get(key, UNKNOWN)


def _senders(wanted: set[int]) -> dict[int, object]:
    """The classes, models and app configurations with these ids."""
    return {
        id(each): each
        for each in gc.get_objects()
        if id(each) in wanted and issubclass(type(each), (type, Model, AppConfig))
    }


def connections(signals: Sequence[LiveSignal]) -> Iterator[LiveConnection]:
    """The connections of all signals whose receivers are there."""
    for signal in signals:
        yield from (each for each in signal.connections if each.receiver is not None)
