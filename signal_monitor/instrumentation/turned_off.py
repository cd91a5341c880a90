"""Notes of ``disconnect`` in a request, which turns a receiver off for all other requests of the process too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple
from weakref import ref

from django.dispatch import Signal

from .connect_notes import Names, Place, connecting, is_plain
from .current import current_origin

REQUEST = "request"


class TurnedOff(NamedTuple):
    """A receiver that a request has disconnected, and no request has connected."""

    signal: Callable[[], object]
    receiver: Names
    sender_label: str
    connected: Place
    place: Place


def in_request() -> bool:
    """Whether this thread or task works for a request."""
    origin = current_origin()
    return origin is not None and origin.kind == REQUEST


def note_turned_off(signal: Signal, key: Any, place: Callable[[], Place]) -> None:  # noqa: ANN401
    """Note that the receiver with this key is disconnected, if a request does it; before its note is deleted.

    One that is connected again keeps what was noted first, so that each time counts.
    """
    notes = connecting.by_signal.get(id(signal))
    if key is None or notes is None or not is_plain(key) or not in_request():
        return
    note = notes.by_key.get(key)
    first = notes.turned_off.get(key)
    if first is None and note is not None and not note.in_request:
        first = notes.turned_off[key] = TurnedOff(ref(signal), note.receiver, note.sender_label, note.place, place())
    if first is not None:
        connecting.turned_off.append(first._replace(place=place()))
