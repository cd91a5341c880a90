"""Connections whose sender is the name of a model that is not loaded: Django makes them when it is."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from types import FunctionType, MethodType
from typing import Any, NamedTuple

from django.apps import apps
from django.db.models.signals import ModelSignal

from signal_monitor.instrumentation.connect_notes import is_exact

MAX_STEPS = 5


class PendingConnection(NamedTuple):
    """What ``connect`` was given, while it waits for a model."""

    signal: ModelSignal
    receiver: object
    model: str
    weak: bool
    dispatch_uid: object | None


def pending_connections() -> list[PendingConnection]:
    """The connections that wait for models, in the order in which ``connect`` was called for each model."""
    operations = vars(apps).get("_pending_operations", {})
    waiting = [(key, list(functions)) for key, functions in list(operations.items())]
    found = (_connection(".".join(key), function) for key, functions in waiting for function in functions)
    return [item for item in found if item is not None]


def _connection(model: str, function: object) -> PendingConnection | None:
    for call in _partials(function):
        signal = _connecting(call.func)
        if signal is not None:
            given = call.keywords
            receiver = call.args[0] if call.args else given.get("receiver")
            weak = given.get("weak", True)
            is_weak = bool(weak) if is_exact(weak) else True
            return PendingConnection(signal, receiver, model, is_weak, given.get("dispatch_uid"))
    return None


def _connecting(function: object) -> ModelSignal | None:
    """The signal of whose ``connect`` this is the method."""
    if type(function) is not MethodType or function.__func__.__name__ != "connect":
        return None
    signal = function.__self__
    return signal if issubclass(type(signal), ModelSignal) else None  # type: ignore[return-value]


def _partials(function: Any) -> Iterator[functools.partial[Any]]:  # noqa: ANN401
    """The partials in a function that waits for a model: Django puts one around another, in attributes ``func``."""
    for _ in range(MAX_STEPS):
        if type(function) is functools.partial:
            yield function
            function = function.func
        elif type(function) is FunctionType:
            function = function.__dict__.get("func")
        else:
            return
