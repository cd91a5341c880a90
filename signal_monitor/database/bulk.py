"""Notes bulk operations on models that have receivers: ``update``, ``bulk_create``, ``bulk_update`` and ``delete``.

The first three write rows without ``pre_save`` and ``post_save``; ``delete`` loads all rows for its receivers. Those of
a through model send no ``m2m_changed``. Statements that a cursor of the application runs send nothing.
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
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_delete, pre_save
from django.dispatch import Signal

from signal_monitor.database_records import BulkOperationName
from signal_monitor.errors import guarded
from signal_monitor.instrumentation.async_calls import as_steps, run_with
from signal_monitor.instrumentation.capture import caller_lines
from signal_monitor.instrumentation.current import get_state
from signal_monitor.instrumentation.frames_as_django import hidden_from_stacklevel
from signal_monitor.instrumentation.hooks import hooks
from signal_monitor.instrumentation.info import Lines
from signal_monitor.instrumentation.record import ancestors, call_at, info_of

from .callers import DJANGO, MANAGER_METHODS, called_by, is_by_django
from .statements import read_statement

MAX_NOTED = 1_000
"""Operations that wait for the worker; of more, the oldest are left out."""
MAX_AROUND = 10
"""Receiver calls around an operation that are noted, innermost first."""
OPERATIONS: tuple[BulkOperationName, ...] = ("update", "bulk_create", "bulk_update", "delete", "_raw_delete")
ASYNC_OPERATIONS = ("aupdate", "abulk_create", "abulk_update", "adelete")
_SAVING = {"pre_save": pre_save, "post_save": post_save}
_DELETING = {"pre_delete": pre_delete, "post_delete": post_delete}
_OF_THROUGH = {"m2m_changed": m2m_changed}
_DELETES = frozenset({"delete", "_raw_delete", "DELETE"})
_WORDS: Mapping[str, BulkOperationName] = {"insert": "INSERT", "update": "UPDATE", "delete": "DELETE"}
_ANY_SENDER = id(None)
_inside: ContextVar[bool] = ContextVar("signal_monitor_bulk_operation", default=False)
awaited_at: ContextVar[Lines | None] = ContextVar("signal_monitorawaited_at", default=None)
"""The lines of the coroutine that waits for an operation, which runs in a thread."""
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


class NotedStatement(NamedTuple):
    """One statement that writes, which a cursor of the application has run; ``word`` is its first."""

    word: str
    sql: str
    vendor: str
    rows: int
    lines: Lines
    receiver: str | None
    around: tuple[str, ...]
    at: float


noted_operations: deque[NotedOperation | NotedStatement] = deque(maxlen=MAX_NOTED)


def observed_operation(name: BulkOperationName) -> Callable[[Method], Method]:
    """The function that makes the observed method of this name."""
    return functools.partial(_observed, name)


def _observed(name: BulkOperationName, original: Method) -> Method:
    @functools.wraps(original)
    def operation(self: QuerySet[Any], *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - Django's signatures
        if name in _DELETES or not hooks.counts_queries:
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


def observed_async(original: Method) -> Method:
    """A coroutine method that runs an operation in a thread; the operation is noted there, with the lines from here."""

    @functools.wraps(original)
    async def operation(self: QuerySet[Any], *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        lines, coroutine = _lines_of_caller(), original(self, *args, **kwargs)
        return await (coroutine if lines is None else run_with(awaited_at, lines, as_steps(coroutine)))

    return hidden_from_stacklevel(operation)  # type: ignore[no-any-return]


@guarded("the lines of a bulk operation", None, in_send=True)
def _lines_of_caller() -> Lines | None:
    return caller_lines() if hooks.counts_queries else None


@guarded("a bulk operation", None, in_send=True)
def _note(model: type[Model], name: BulkOperationName, result: object) -> None:
    if get_state().suppressed or model._meta.apps is not apps:  # noqa: SLF001 - a migration's
        return
    signals, rows = _with_receivers(_left_out(model, name), model), _rows(model, result)
    if not signals or not rows:
        return
    called = called_by()
    if called == DJANGO and name == "_raw_delete":
        return  # of rows that have no receivers
    if called in MANAGER_METHODS:
        if signals == ("m2m_changed",) or name != "bulk_create":
            return  # it sends m2m_changed itself
        name = MANAGER_METHODS[called]
    label = model._meta.label  # noqa: SLF001
    lines = awaited_at.get() or caller_lines()
    noted_operations.append(NotedOperation(label, name, signals, rows, lines, *_receivers_around(), time.time()))


@guarded("a statement of the application's", None, in_send=True)
def note_raw_statement(word: str, sql: str, vendor: str, rows: int) -> None:
    """Note a statement that writes, if a cursor of the application has run it; the worker reads its table."""
    if word in _WORDS and rows > 0 and not is_by_django() and not get_state().suppressed:
        lines = awaited_at.get() or caller_lines()
        noted_operations.append(NotedStatement(word, sql, vendor, rows, lines, *_receivers_around(), time.time()))


def of_statement(noted: NotedStatement) -> NotedOperation | None:
    """A statement as an operation on the model of its table; None if that has no receivers."""
    table, name = read_statement(noted.sql, noted.vendor).table, _WORDS[noted.word]
    models = apps.get_models(include_auto_created=True) if apps.models_ready else []
    for model in models:
        options = model._meta  # noqa: SLF001
        if table is not None and options.db_table == table:
            signals = _with_receivers(_left_out(model, name), model)
            return NotedOperation(options.label, name, signals, *noted[3:]) if signals else None
    return None


def _receivers_around() -> tuple[str | None, tuple[str, ...]]:
    """The receiver call in which this runs, and those around it."""
    top = get_state().top
    call, around = call_at(top), ancestors(top, time.perf_counter(), MAX_AROUND)
    receiver = info_of(call[0]).receivers[call[1]].name if call is not None else None
    names = (info_of(record).receivers[at].name for record, at, _ in around if at is not None)
    return receiver, tuple(dict.fromkeys(names))


def _left_out(model: type[Model], name: BulkOperationName) -> Mapping[str, Signal]:
    """The signals that an operation does not send, or for which ``delete`` loads the rows."""
    if model._meta.auto_created:  # noqa: SLF001
        return _OF_THROUGH
    return _DELETING if name in _DELETES else _SAVING


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


REPLACED: tuple[tuple[type, str, Callable[[Method], Method]], ...] = (
    *((QuerySet, name, observed_operation(name)) for name in OPERATIONS),
    *((QuerySet, name, observed_async) for name in ASYNC_OPERATIONS),
)
