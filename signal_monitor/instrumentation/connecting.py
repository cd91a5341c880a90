"""Observe ``connect`` and ``disconnect`` for what only they know: where, when, and what did not come about."""

from __future__ import annotations

import functools
import sys
import time
from pathlib import Path
from types import CodeType, FrameType, FunctionType, MethodType
from typing import Any
from weakref import ReferenceType, ref

import django
from django.apps import apps as default_apps
from django.apps.registry import Apps
from django.dispatch import Signal, dispatcher

from signal_monitor import names
from signal_monitor.errors import guarded
from signal_monitor.names.classes import class_dict, class_mro

from .connect_notes import (
    MAX_FAULTS,
    UNKNOWN_SENDER,
    Failed,
    Names,
    Note,
    Place,
    Taken,
    connecting,
    described,
    is_exact,
    is_plain,
    names_of,
    watch,
)
from .frames_as_django import UNCOUNTED_FILE, hidden_from_stacklevel
from .turned_off import in_request, note_turned_off

MAX_FRAMES = 10
LAST_ENTRIES = 4
_FUNCTIONS = {FunctionType, MethodType}
_DJANGO = Path(django.__file__).parent
_REGISTRY = str(_DJANGO / "apps" / "registry.py")
_SKIPPED_FILES = {dispatcher.__file__, str(_DJANGO / "db" / "models" / "signals.py"), _REGISTRY, UNCOUNTED_FILE}
"""The files of what passes a ``connect`` on."""


def observed_connect(original: FunctionType) -> Any:  # noqa: ANN401
    """Django's ``connect`` with the observation after it."""

    @functools.wraps(original)
    def connect(self: Signal, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        answer = original(self, *args, **kwargs)
        _note_connect(self, sys._getframe(1), *args, **kwargs)  # noqa: SLF001
        return answer

    return hidden_from_stacklevel(connect)


def observed_disconnect(original: FunctionType) -> Any:  # noqa: ANN401
    """Django's ``disconnect`` with the observation after it."""

    @functools.wraps(original)
    def disconnect(self: Signal, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        found = original(self, *args, **kwargs)
        _note_disconnect(self, sys._getframe(1), found, *args, **kwargs)  # noqa: SLF001
        return found

    return hidden_from_stacklevel(disconnect)


def observed_lazy_connect(original: FunctionType) -> Any:  # noqa: ANN401
    """``ModelSignal.connect``, which notes the place where a connection has to wait for a model."""

    @functools.wraps(original)
    def connect(self: Signal, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        answer = original(self, *args, **kwargs)
        _note_waiting(self, sys._getframe(1), *args, **kwargs)  # noqa: SLF001
        return answer

    return hidden_from_stacklevel(connect)


@guarded("the place of a connect", None, in_send=True)
def _note_connect(
    signal: Signal,
    frame: FrameType,
    receiver: Any,  # noqa: ANN401
    sender: object = None,
    weak: object = True,  # noqa: FBT002 - Django's own signature
    dispatch_uid: Any = None,  # noqa: ANN401
) -> None:
    connecting.changed()
    if not is_exact(dispatch_uid):
        return
    entry = _entry_of(signal, receiver, sender, dispatch_uid)
    if entry is None:
        if dispatch_uid:
            _note_if_taken(signal, frame, receiver, sender, dispatch_uid)
        return
    key, notes = entry[0], connecting.notes_of(signal)
    if not is_plain(key) or connecting.is_full():
        return
    before = notes.by_key.get(key)
    is_weak = issubclass(type(entry[1]), ReferenceType)
    if before is None or before.died_at or not before.is_of(receiver):  # else it was connected before
        note = notes.by_key[key] = Note(key, receiver, sender, _place(signal, frame, receiver), weak=is_weak)
        note.in_request = in_request()
        if is_weak:
            watch(note, notes, receiver)


def _entry_of(signal: Signal, receiver: object, sender: object, dispatch_uid: object) -> Any:  # noqa: ANN401
    """The entry that ``connect`` has made; None if it has made none. Other threads may have made some since."""
    for entry in reversed(signal.receivers[-LAST_ENTRIES:]):
        key = entry[0]
        is_key = key[0] is dispatch_uid if dispatch_uid else type(key[0]) in {int, tuple}
        if is_key and key[1] == _id_of(sender) and _holds(entry, receiver):
            return entry
    return None


def _note_if_taken(signal: Signal, frame: FrameType, receiver: Any, sender: object, dispatch_uid: Any) -> None:  # noqa: ANN401
    key = (dispatch_uid, _id_of(sender))
    if not is_plain(key):
        return
    for entry in list(signal.receivers):
        if is_plain(entry[0]) and entry[0] == key:
            other = _held(entry)
            if (
                other is not None
                and not _is_same(other, receiver)
                and not _is_one_definition(names_of(other), names_of(receiver))
            ):
                sender_name = "" if sender is None else described(sender)
                place = _place(signal, frame, receiver)
                uid = names.sender_name(dispatch_uid)
                connecting.taken.append(
                    Taken(ref(signal), uid, sender_name, names_of(receiver), names_of(other), place)
                )
            return


@guarded("the place of a disconnect", None, in_send=True)
def _note_disconnect(
    signal: Signal,
    frame: FrameType,
    found: object,
    receiver: Any = None,  # noqa: ANN401
    sender: object = None,
    dispatch_uid: Any = None,  # noqa: ANN401
) -> None:
    connecting.changed()
    key = _key_of(receiver, sender, dispatch_uid)
    if found:
        note_turned_off(signal, key, lambda: _place(signal, frame, receiver))
        _forget_disconnected(signal, receiver, sender, dispatch_uid)
        _note_disconnected(signal, key)
    elif found is False and receiver is not None and not _was_disconnected(signal, key):
        entry = _connected_otherwise(signal, receiver, sender)
        if entry is not None:
            connecting.failed.append(_failed(signal, entry, frame, receiver, sender, dispatch_uid))


def _connected_otherwise(signal: Signal, receiver: object, sender: object) -> Any:  # noqa: ANN401
    """The entry that a ``disconnect`` of a receiver should have removed: not one for another sender alone."""
    ids = {_id_of(sender), _id_of(None)}
    entries = [entry for entry in list(signal.receivers) if sender is None or entry[0][1] in ids]
    own = next((entry for entry in entries if _holds(entry, receiver)), None)
    return own or next((entry for entry in entries if _is_same(_held(entry), receiver)), None)


def _key_of(receiver: object, sender: object, dispatch_uid: Any) -> Any:  # noqa: ANN401
    """The key of an entry; None where the application's code would have to say whether there is a ``dispatch_uid``."""
    return (dispatch_uid or _id_of(receiver), _id_of(sender)) if is_exact(dispatch_uid) else None


def _note_disconnected(signal: Signal, key: Any) -> None:  # noqa: ANN401
    disconnected = connecting.notes_of(signal).disconnected
    if key is not None and is_plain(key) and len(disconnected) < MAX_FAULTS:
        disconnected.add(key)


def _was_disconnected(signal: Signal, key: Any) -> bool:  # noqa: ANN401
    return key is not None and is_plain(key) and key in connecting.notes_of(signal).disconnected


def _failed(
    signal: Signal,
    entry: Any,  # noqa: ANN401
    frame: FrameType,
    receiver: object,
    sender: object,
    dispatch_uid: object,
) -> Failed:
    key, note = entry[0], connecting.note_of(signal, entry[0], _held(entry))
    return Failed(
        signal=ref(signal),
        receiver=names_of(receiver),
        sender_name="" if sender is None else described(sender),
        dispatch_uid=None if is_exact(dispatch_uid) and not dispatch_uid else names.sender_name(dispatch_uid),
        connected=note.place if note is not None else None,
        connected_sender=note.sender_label if note is not None else _sender_label(entry),
        connected_uid=None if key[0] == _id_of(_held(entry)) else names.sender_name(key[0]),
        place=_place(signal, frame, receiver),
    )


def _sender_label(entry: Any) -> str:  # noqa: ANN401
    """The name of the sender of an entry that was made before it was observed."""
    if entry[0][1] == _id_of(None):
        return ""
    sender = entry[2]() if len(entry) == 4 and entry[2] is not None else None
    return UNKNOWN_SENDER if sender is None else names.sender_name(sender)


def _forget_disconnected(signal: Signal, receiver: object, sender: object, dispatch_uid: object) -> None:
    """Delete the note of what was disconnected, so that its death is no longer noted."""
    notes = connecting.by_signal.get(id(signal))
    if notes is None:
        return
    if not is_exact(dispatch_uid):
        return  # it is not asked whether it is true
    key = (dispatch_uid or _id_of(receiver), _id_of(sender))
    is_noted = is_plain(key) and notes.by_key.pop(key, None) is not None
    if not is_noted and not dispatch_uid and type(receiver) not in _FUNCTIONS:
        notes.purge()  # Django identifies an object with an attribute ``__func__`` by that


@guarded("the place of a connect", None, in_send=True)
def _note_waiting(
    signal: Signal,
    frame: FrameType,
    receiver: Any,  # noqa: ANN401
    sender: object = None,
    weak: object = True,  # noqa: FBT002 - Django's own signature
    dispatch_uid: object = None,
    apps: Any = None,  # noqa: ANN401
) -> None:
    if type(sender) is not str or sender.count(".") != 1 or len(connecting.waiting) >= MAX_FAULTS:
        return
    app_label, _, model = sender.partition(".")
    known = default_apps if apps is None else apps
    if issubclass(type(known), Apps) and known.all_models.get(app_label, {}).get(model.lower()) is None:
        connecting.changed()
        connecting.waiting[id(signal), id(receiver)] = _place(signal, frame, receiver)


def _place(signal: Signal, frame: FrameType, receiver: object) -> Place:
    """Where ``connect`` was called, outside Django and outside a method of the signal's own class around it."""
    at, found = time.time(), frame
    for _ in range(MAX_FRAMES):
        path = found.f_code.co_filename
        if path == _REGISTRY and (id(signal), id(receiver)) in connecting.waiting:
            return connecting.waiting.pop((id(signal), id(receiver)))
        outer = found.f_back
        if outer is None or not (path in _SKIPPED_FILES or _is_method_of(found, signal)):
            break
        found = outer
    return Place(found.f_code.co_filename, found.f_lineno, at, _stage())


def _is_method_of(frame: FrameType, signal: Signal) -> bool:
    """Whether the frame is of a ``connect`` of the signal's own; ``f_locals`` would keep the locals alive."""
    spaces = [signal.__dict__, *map(class_dict, class_mro(type(signal)))]
    return any(_is_code_of(frame.f_code, space.get(name)) for space in spaces for name in ("connect", "disconnect"))


def _is_code_of(code: CodeType, method: object) -> bool:
    """Whether a function, or one that it wraps, has this code."""
    for _ in range(MAX_FRAMES):
        function = method.__func__ if type(method) is MethodType else method
        if type(function) is not FunctionType:
            return False
        if function.__code__ is code:
            return True
        method = function.__dict__.get("__wrapped__")
    return False


def _stage() -> str:
    if default_apps.ready:
        return "after start"
    return "in ready()" if default_apps.models_ready else "loading apps"


def _is_one_definition(one: Names, other: Names) -> bool:
    """Whether two receivers are of the same lines: made anew, or imported under another name."""
    return one[1:] == other[1:] if one.path is not None else one.name == other.name


def _id_of(item: object) -> Any:  # noqa: ANN401
    """As Django identifies a sender or receiver."""
    if type(item) is MethodType:
        return id(item.__self__), id(item.__func__)
    return id(item)


def _held(entry: Any) -> Any:  # noqa: ANN401
    held = entry[1]
    return held() if issubclass(type(held), ReferenceType) else held


def _holds(entry: Any, receiver: object) -> bool:  # noqa: ANN401
    held = _held(entry)
    return held is receiver or _is_same_method(held, receiver)


def _is_same_method(one: Any, other: Any) -> bool:  # noqa: ANN401
    if not type(one) is type(other) is MethodType:
        return False
    return one.__func__ is other.__func__ and one.__self__ is other.__self__


def _is_same(connected: Any, receiver: Any) -> bool:  # noqa: ANN401
    """Whether a person would say that these are the same receiver: itself, or what it wraps."""
    if connected is receiver or _is_same_method(connected, receiver):
        return connected is not None
    inner = connected.func if type(connected) is functools.partial else names.unwrapped(connected)
    other = receiver.func if type(receiver) is functools.partial else names.unwrapped(receiver)
    if type(connected) is type(receiver) is functools.partial:
        return inner is other and _arguments(connected) == _arguments(receiver)
    return inner is other or _is_same_method(inner, other)


def _arguments(partial: functools.partial[Any]) -> tuple[list[int], list[tuple[str, int]]]:
    return list(map(id, partial.args)), [(name, id(value)) for name, value in partial.keywords.items()]
