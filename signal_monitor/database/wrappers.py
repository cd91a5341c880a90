"""Replaces methods of Django's ``CursorWrapper`` and ``BaseDatabaseWrapper``, and restores them.

``connection.execute_wrappers`` would do for statements, but it belongs to the application. All wrappers, those of
debugging, of copies of a connection and of other backends, inherit these methods.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

from signal_monitor.errors import guarded
from signal_monitor.instrumentation.frames_as_django import hidden_from_stacklevel
from signal_monitor.instrumentation.hooks import hooks

from .bulk import note_raw_statement
from .notes import DatabaseNotes, Effect, EffectKind, Places, Statement, current_places
from .statements import MAX_TEXT, WRITES, is_control, read_control
from .transactions import (
    Transaction,
    attribute_of,
    end_transaction,
    is_open,
    known_transaction,
    note_savepoint,
    note_savepoint_rollback,
    transaction_of,
    unproxied,
)

LONG_SECONDS = 0.05
"""A statement that takes so long may have waited for a lock."""
_LAST_PARAMETER = (int, str)
CONTROLS = {"commit", "rollback", "savepoint"}
"""Statements with which the application controls a transaction itself, as Django does for savepoints."""

Method = Callable[..., Any]


def observed_execute(original: Method) -> Method:
    """A method of ``CursorWrapper`` that runs a statement, observed."""

    def execute(self: CursorWrapper, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - Django's signatures
        began, failed = perf_counter(), True
        try:
            result = original(self, *args, **kwargs)
            failed = False
        finally:
            if hooks.counts_queries:
                note_statement(self, began, args, kwargs, failed=failed)
        return result

    return _named_as(original, execute)


def observed_commit(original: Method) -> Method:
    """``BaseDatabaseWrapper.commit``, observed."""

    def commit(self: BaseDatabaseWrapper, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        began = perf_counter()
        result = original(self, *args, **kwargs)
        if hooks.counts_queries:
            _note_commit(self, began)
        return result

    return _named_as(original, commit)


def observed_rollback(original: Method) -> Method:
    """``BaseDatabaseWrapper.rollback`` or ``close``, observed."""

    def rollback(self: BaseDatabaseWrapper, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        result = original(self, *args, **kwargs)
        if hooks.counts_queries:  # not where it was refused
            _note_rollback(self)
        return result

    return _named_as(original, rollback)


def observed_savepoint(original: Method) -> Method:
    """``BaseDatabaseWrapper.savepoint``, observed."""

    def savepoint(self: BaseDatabaseWrapper, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        name = original(self, *args, **kwargs)
        if hooks.counts_queries:
            _note_savepoint(self, name)
        return name

    return _named_as(original, savepoint)


def observed_savepoint_rollback(original: Method) -> Method:
    """``BaseDatabaseWrapper.savepoint_rollback``, observed."""

    def savepoint_rollback(self: BaseDatabaseWrapper, sid: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        result = original(self, sid, *args, **kwargs)
        if hooks.counts_queries:
            _note_savepoint_rollback(self, sid)
        return result

    return _named_as(original, savepoint_rollback)


def observed_on_commit(original: Method) -> Method:
    """``BaseDatabaseWrapper.on_commit``, observed: it counts, and registers nothing."""

    def on_commit(self: BaseDatabaseWrapper, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        waits = attribute_of(self, "in_atomic_block", fallback=False)
        result = original(self, *args, **kwargs)
        if waits and hooks.counts_queries:
            _note_on_commit(self)
        return result

    return _named_as(original, on_commit)


def _named_as(original: Method, ours: Any) -> Method:  # noqa: ANN401
    for attribute in ("__module__", "__name__", "__qualname__", "__doc__"):
        setattr(ours, attribute, getattr(original, attribute))
    return hidden_from_stacklevel(ours)  # type: ignore[no-any-return]


REPLACED: tuple[tuple[type, str, Callable[[Method], Method]], ...] = (
    (CursorWrapper, "_execute", observed_execute),
    (CursorWrapper, "_executemany", observed_execute),
    (CursorWrapper, "callproc", observed_execute),
    (BaseDatabaseWrapper, "commit", observed_commit),
    (BaseDatabaseWrapper, "rollback", observed_rollback),
    (BaseDatabaseWrapper, "close", observed_rollback),
    (BaseDatabaseWrapper, "savepoint", observed_savepoint),
    (BaseDatabaseWrapper, "savepoint_rollback", observed_savepoint_rollback),
    (BaseDatabaseWrapper, "on_commit", observed_on_commit),
)
"""What is replaced: the class, the name of the method, and the function that makes ours."""


@guarded("a statement", None, in_send=True)
def note_statement(
    cursor: CursorWrapper, began: float, args: tuple[Any, ...], kwargs: dict[str, Any], *, failed: bool
) -> None:
    """Note a statement that has ended."""
    ended = perf_counter()
    connection, sql = unproxied(cursor.db), _text_of(args[0] if args else kwargs.get("sql"))
    word = sql[:12].lstrip().partition(" ")[0].lower()
    if word.rstrip("; \n") in CONTROLS and not failed:
        _note_control(connection, sql)
    if is_control(sql) and (failed or ended - began < LONG_SECONDS):
        return
    if word in WRITES and not failed:
        note_raw_statement(word, sql, attribute_of(connection, "vendor", ""), _rows(cursor))
    places = current_places()
    if places is None:
        return
    transaction = transaction_of(connection, began)
    if transaction is not None:
        _note_in_transaction(transaction, connection, places, began, sql, writes=word in WRITES, failed=failed)
    if places.call_notes is None and places.request_notes is None:
        return
    parameters = args[1] if len(args) > 1 else kwargs.get("params")
    statement = Statement(
        position=places.position,
        began=began,
        ended=ended,
        alias=attribute_of(connection, "alias", ""),
        vendor=attribute_of(connection, "vendor", ""),
        sql=sql[:MAX_TEXT],
        rows=_rows(cursor) if word in WRITES or word == "with" else 0,
        failed=failed,
        transaction=transaction,
        row=_row(sql, parameters) if word == "update" else None,
        receiver=(places.record, places.position) if places.record is not None else None,
    )
    _add(places, statement)


def _note_control(connection: BaseDatabaseWrapper, sql: str) -> None:
    control = read_control(sql)
    if control is None:
        return
    if control.kind == "savepoint":
        note_savepoint(connection, control.savepoint)
    elif control.kind == "rollback to":
        note_savepoint_rollback(connection, control.savepoint)
    else:
        end_transaction(connection, "committed" if control.kind == "commit" else "rolled back")


def _add(places: Places, statement: Statement) -> None:
    for notes in (places.call_notes, places.request_notes):
        if notes is not None:
            notes.add(statement)


def _note_in_transaction(
    transaction: Transaction,
    connection: BaseDatabaseWrapper,
    places: Places,
    began: float,
    sql: str,
    *,
    writes: bool,
    failed: bool,
) -> None:
    needs_rollback = attribute_of(connection, "needs_rollback", fallback=False)
    if transaction.suspect is not None:
        transaction.suspect.look(needs_rollback=needs_rollback)
    if writes and not failed:
        transaction.note_write(began, sql)
    if failed and places.record is not None and places.call_notes is not None and not needs_rollback:
        places.call_notes.suspect(places.record, places.position, transaction)


def _text_of(sql: object) -> str:
    """The text of a statement; that of an object that makes it is left alone, as its code is the application's."""
    if type(sql) is str:
        return sql
    return str.__str__(sql) if isinstance(sql, str) else ""


def _rows(cursor: CursorWrapper) -> int:
    return max(0, attribute_of(cursor.cursor, "rowcount", 0))


def _row(sql: str, parameters: object) -> int | None:
    """A hash of the value that an UPDATE compares with at its end."""
    if type(parameters) not in {tuple, list} or not parameters or not sql.endswith("= %s"):
        return None
    value = parameters[-1]  # type: ignore[index]
    return hash(value) if type(value) in _LAST_PARAMETER else None


@guarded("a commit", None, in_send=True)
def _note_commit(connection: BaseDatabaseWrapper, began: float) -> None:
    transaction, ended = known_transaction(connection), perf_counter()
    end_transaction(connection, "committed")
    places = current_places() if ended - began >= LONG_SECONDS else None
    if places is not None and places.request_notes is not None:
        receiver = (places.record, places.position) if places.record is not None else None
        places.request_notes.add(
            Statement(
                places.position, began, ended, attribute_of(connection, "alias", ""),
                attribute_of(connection, "vendor", ""), "COMMIT", 0,
                failed=False, transaction=transaction, row=None, receiver=receiver,
            )
        )  # fmt: skip


@guarded("a rollback", None, in_send=True)
def _note_rollback(connection: BaseDatabaseWrapper) -> None:
    end_transaction(connection, "rolled back")


@guarded("a savepoint", None, in_send=True)
def _note_savepoint(connection: BaseDatabaseWrapper, name: object) -> None:
    transaction_of(connection, perf_counter())
    note_savepoint(connection, name)


@guarded("the rollback of a savepoint", None, in_send=True)
def _note_savepoint_rollback(connection: BaseDatabaseWrapper, name: object) -> None:
    note_savepoint_rollback(connection, name)


@guarded("a function for the commit", None, in_send=True)
def _note_on_commit(connection: BaseDatabaseWrapper) -> None:
    transaction = transaction_of(connection, perf_counter())
    note_effect("on_commit", 1, (transaction,) if transaction is not None else ())


def note_effect(kind: EffectKind, number: int, transactions: tuple[Transaction, ...]) -> None:
    """Note an effect where this thread or task is."""
    places = current_places()
    if places is not None:
        effect = Effect(places.position, perf_counter(), kind, number, transactions)
        for notes in (places.call_notes, places.request_notes):
            if isinstance(notes, DatabaseNotes):
                notes.add_effect(effect)


def open_transactions(connections: Any) -> list[Transaction | None]:  # noqa: ANN401 - Django's connections
    """The transactions that are open on the connections that this thread uses; None for each while this is off."""
    now = perf_counter()
    found = [one for one in connections.all(initialized_only=True) if is_open(one)]
    return [transaction_of(one, now) if hooks.counts_queries else None for one in found]
