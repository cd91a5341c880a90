"""Time limits around ORM saves, which strike when the time has come and not where a test puts them."""

from __future__ import annotations

import ctypes
import gc
import random
import signal
import sqlite3
import threading
import time
from collections.abc import Callable
from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.db.models.signals import post_save, pre_save
from django.dispatch import Signal

from tests.transparency.scenario import scenario
from tests.transparency.striking import SoftLimitError, handler, installed_handler

STRIKES = 60
SAVES_AFTER = 20

nested = Signal()
_kept: list[Any] = []


class Limit:
    """Counts the strikes, and makes each."""

    def __init__(self, handle: Callable[..., None] | None) -> None:
        self.fired = 0
        self.handle = handle
        self.thread = threading.Thread()
        if handle is not None:
            signal.signal(signal.SIGALRM, self._on_alarm)

    def _on_alarm(self, *args: Any) -> None:
        self.fired += 1
        assert self.handle is not None
        self.handle(*args)

    def arm(self) -> None:
        """Strike the calling thread within two milliseconds."""
        seconds = random.uniform(0.0001, 0.002)
        if self.handle is not None:
            signal.setitimer(signal.ITIMER_REAL, seconds)
        else:
            self.thread = threading.Thread(target=self._strike_thread, args=(threading.get_ident(), seconds))
            self.thread.start()

    def _strike_thread(self, ident: int, seconds: float) -> None:
        time.sleep(seconds)
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(ident), ctypes.py_object(SoftLimitError))
        self.fired += 1

    def settle(self) -> None:
        """Wait for the thread that has struck."""
        if self.handle is None:
            self.thread.join()


def cause(signal: Any, **named: Any) -> None:
    nested.send(sender="shop")


def effect(**named: Any) -> None:
    """One of the receivers."""


def prepare() -> ContentType:
    """A table, receivers, and a row to save again and again."""
    if not _kept:
        _kept.append(sqlite3.connect("file:programs?mode=memory&cache=shared", uri=True))  # keeps the database
        with connection.schema_editor() as editor:
            editor.create_model(ContentType)
        for made in (pre_save, post_save):
            made.connect(cause, sender=ContentType)
            made.connect(effect)
        nested.connect(effect)
    return ContentType.objects.create(app_label="shop", model=f"model{random.random()}")


def end_transaction() -> None:
    """Leave a transaction whose end was struck."""
    if connection.in_atomic_block or not connection.get_autocommit():
        connection.in_atomic_block, connection.savepoint_ids, connection.needs_rollback = False, [], False
        connection.rollback()
        connection.set_autocommit(True)
    connection.run_on_commit.clear()


def work_until_struck(limit: Limit, work: Callable[[], Any], number: int) -> None:
    """Arm the limit and work, for a while longer than until it strikes."""
    limit.arm()
    after = 0
    while after < SAVES_AFTER:
        work()
        after += limit.fired == number


def lost(limit: Limit, work: Callable[[], Any], kind: type[Exception]) -> int:
    """How many strikes did not reach the program while it worked."""
    reached = 0
    gc.disable()  # what is struck in a destructor is lost without the monitor too
    for number in range(1, STRIKES + 1):
        try:
            work_until_struck(limit, work, number)
        except kind:
            reached += 1
        limit.settle()
        end_transaction()
    gc.enable()
    return limit.fired - reached


HANDLERS = {
    "soft_limit": (handler, SoftLimitError),
    "builtin": (handler, TimeoutError),
    "installed": (installed_handler, SoftLimitError),
    "installed_builtin": (installed_handler, TimeoutError),
}


@scenario(HANDLERS)
def handler_while_saving(row: Any) -> Any:
    make, kind = row
    return lost(Limit(make(kind)), prepare().save, kind)


@scenario()
def async_exc_while_saving() -> Any:
    return lost(Limit(None), prepare().save, SoftLimitError)


@scenario()
def async_exc_in_a_thread() -> Any:
    counts: list[int] = []
    row = prepare()
    thread = threading.Thread(target=lambda: counts.append(lost(Limit(None), row.save, SoftLimitError)))
    thread.start()
    thread.join()
    return counts
