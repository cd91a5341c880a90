"""Drivers and backends whose objects are unlike Django's own."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.sqlite3.base import DatabaseWrapper
from django.db.backends.utils import CursorWrapper
from django.dispatch import Signal

from signal_monitor.database.transactions import known_transaction
from signal_monitor.errors import errors
from signal_monitor.testing import Capture

pytestmark = [pytest.mark.django_db]


class DriverError(Exception):
    """What a driver raises."""


class RaisingCursor:
    """A cursor whose ``rowcount`` raises once the connection is gone."""

    @property
    def rowcount(self) -> int:
        raise DriverError

    def execute(self, sql: str, params: Any = None) -> None:
        if "wrong" in sql:
            raise LookupError("the real error")

    def close(self) -> None:
        """Nothing to do."""


class Unhashable(DatabaseWrapper):
    """A backend that compares its connections."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        return self is other


class HandingOn:
    """A connection of a pool, which reports what it lacks with an error of its own."""

    execute_wrappers = ()
    wrap_database_errors = property(lambda self: self.inner.wrap_database_errors)

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def validate_no_broken_transaction(self) -> None:
        """Nothing is broken."""

    def __getattr__(self, name: str) -> Any:
        raise LookupError(name)


@pytest.fixture(autouse=True)
def _no_errors() -> Iterator[None]:
    before = errors.count
    yield
    assert errors.count == before


def run(receiver: Any) -> None:
    signal = Signal()
    signal.connect(receiver, weak=False)
    signal.send(sender="here")


@pytest.mark.parametrize("wrapped", ["django", "pool"])
def test_rowcount_that_raises(captured: Capture, wrapped: str) -> None:
    def receiver(**_: Any) -> None:
        db: Any = connection if wrapped == "django" else HandingOn(connection)
        CursorWrapper(RaisingCursor(), db).execute("UPDATE t SET a = 1")
        with pytest.raises(LookupError, match="the real error"):
            CursorWrapper(RaisingCursor(), db).execute("UPDATE wrong SET a = 1")

    run(receiver)

    (dispatch,) = captured.dispatches
    assert dispatch.calls[0].queries == 2


def test_backend_without_a_hash(captured: Capture) -> None:
    def receiver(**_: Any) -> None:
        theirs = Unhashable(connection.settings_dict, "theirs")
        theirs.set_autocommit(autocommit=False)
        theirs.cursor().execute("SELECT 1")
        theirs.commit()
        BaseDatabaseWrapper.close(theirs)  # that of SQLite leaves a database in memory open

    run(receiver)

    (dispatch,) = captured.dispatches
    (work,) = [one for one in dispatch.calls[0].databases if one.alias == "theirs"]
    assert work.transaction is not None
    assert work.transaction.outcome == "committed"


def test_connection_that_is_gone_is_forgotten(captured: Capture) -> None:
    def receiver(**_: Any) -> None:
        theirs = Unhashable(connection.settings_dict, "theirs")
        theirs.set_autocommit(autocommit=False)
        theirs.cursor().execute("SELECT 1")
        assert known_transaction(theirs) is not None
        theirs.connection.close()

    from signal_monitor.database import transactions

    run(receiver)
    gc.collect()

    assert "theirs" not in {one.alias for one in transactions._open.values()}
