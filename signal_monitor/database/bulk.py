"""Notes bulk operations on models that have receivers: ``update``, ``bulk_create``, ``bulk_update`` and ``delete``.

The first three write rows without ``pre_save`` and ``post_save``; ``delete`` loads all rows for its receivers.
"""

from __future__ import annotations

import functools
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any, NamedTuple
from weakref import ReferenceType

from django.apps import apps
from django.db.models import Model, QuerySet
from django.db.models.signals import post_delete, post_save, pre_delete, pre_save
from django.dispatch import Signal

from signal_monitor.database_records import BulkOperationName
from signal_monitor.errors import guarded
from signal_monitor.instrumentation.capture import caller_lines
from signal_monitor.instrumentation.current import get_state
from signal_monitor.instrumentation.frames_as_django import hidden_from_stacklevel
from signal_monitor.instrumentation.hooks import hooks
from signal_monitor.instrumentation.info import Lines
from signal_monitor.instrumentation.record import ancestors, call_at, info_of

MAX_NOTED = 1_000
"""Operations that wait for the worker; of more, the oldest are left out."""
MAX_AROUND = 10
"""Receiver calls around an operation that are noted, innermost first."""
OPERATIONS: tuple[BulkOperationName, ...] = ("update", "bulk_create", "bulk_update", "delete")
_SAVING = {"pre_save": pre_save, "post_save": post_save}
_DELETING = {"pre_delete": pre_delete, "post_delete": post_delete}
_ANY_SENDER = id(None)
_inside: ContextVar[bool] = ContextVar("signal_monitor_bulk_operation", default=False)
Method = Callable[..., Any]


class NotedOperation(NamedTuple):
    """One bulk operation."""

    model: str
    operation: BulkOperationName
    signals: tuple[str, ...]
    rows: int
    lines: Lines
    receiver: str | None
    around: tuple[str, ...]
    at: float


noted_operations: deque[NotedOperation] = deque(maxlen=MAX_NOTED)


def observed_operation(name: BulkOperationName) -> Callable[[Method], Method]:
    """The function that makes the observed method of this name."""
    return functools.partial(_observed, name)


def _observed(name: BulkOperationName, original: Method) -> Method:
    @functools.wraps(original)
    def operation(self: QuerySet[Any], *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - Django's signatures
        if name == "delete" or not hooks.counts_queries:
            result = original(self, *args, **kwargs)
        elif _inside.get():  # bulk_update() calls update()
            return original(self, *args, **kwargs)
        else:
            token = _inside.set(True)
            try:
                result = original(self, *args, **kwargs)
            finally:
                _inside.reset(token)
        if hooks.counts_queries:
            _note(self.model, name, result)
        return result

    return hidden_from_stacklevel(operation)  # type: ignore[no-any-return]


@guarded("a bulk operation", None, in_send=True)
def _note(model: type[Model], name: BulkOperationName, result: object) -> None:
    state = get_state()
    if state.suppressed or model._meta.apps is not apps:  # noqa: SLF001 - a migration's
        return
    signals = _with_receivers(_DELETING if name == "delete" else _SAVING, model)
    rows = _rows(model, result)
    if not signals or not rows:
        return
    call, around = call_at(state.top), ancestors(state.top, time.perf_counter(), MAX_AROUND)
    receiver = info_of(call[0]).receivers[call[1]].name if call is not None else None
    names = tuple(dict.fromkeys(info_of(record).receivers[at].name for record, at, _ in around if at is not None))
    label = model._meta.label  # noqa: SLF001
    noted_operations.append(NotedOperation(label, name, signals, rows, caller_lines(), receiver, names, time.time()))


def _with_receivers(signals: Mapping[str, Signal], model: type[Model]) -> tuple[str, ...]:
    return tuple(name for name, signal in signals.items() if _has_receivers(signal, model))


def _has_receivers(signal: Signal, model: type[Model]) -> bool:
    """Whether a model has receivers.

    ``Signal.has_listeners`` waits for the signal's lock, which the interrupted code of this thread may hold.
    """
    keys = (_ANY_SENDER, id(model))
    return any(_is_alive(entry) for entry in list(signal.receivers) if entry[0][1] in keys)


def _is_alive(entry: tuple[Any, ...]) -> bool:
    """Whether neither the receiver nor the sender, if they are held weakly, is gone."""
    return all(part() is not None for part in entry[1:3] if issubclass(type(part), ReferenceType))


def _rows(model: type[Model], result: Any) -> int:  # noqa: ANN401 - what the method returns
    """How many rows were written: a number, the objects, or the numbers by model."""
    if type(result) is int:
        return result
    if type(result) is list:
        return len(result)
    if type(result) is tuple and len(result) == 2 and type(result[1]) in {dict, Counter}:
        return int(result[1].get(model._meta.label, 0))  # noqa: SLF001
    return 0


REPLACED: tuple[tuple[type, str, Callable[[Method], Method]], ...] = tuple(
    (QuerySet, name, observed_operation(name)) for name in OPERATIONS
)
