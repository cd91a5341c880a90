"""What a slow receiver call waited for is stored with it, where its stacks show that, and never guessed."""

from __future__ import annotations

import asyncio
import multiprocessing
import queue
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from pytest_django.fixtures import Settings

from signal_monitor import pipeline
from signal_monitor.findings.waiting import wait_of
from signal_monitor.records import ReceiverCall
from signal_monitor.stores import get_store
from signal_monitor.stores.filters import DispatchFilter
from tests.times.test_slow_line import signal_of

SLOW = 0.7
PHRASES = {
    "sleep": "sleeping",
    "a socket": "waiting for the network",
    "a subprocess": "waiting for another program",
    "a thread": "waiting for another thread",
}
pytestmark = pytest.mark.django_db
lock = threading.Lock()
rlock = threading.RLock()


@pytest.fixture(autouse=True)
def _stored(settings: Settings) -> None:
    wanted = {"STORE": "memory", "SLOW_MS": 50, "ACCESS": "tests.dashboard.examples.everybody"}
    settings.SIGNAL_MONITOR = {**settings.SIGNAL_MONITOR, **wanted}
    pipeline.flush()
    get_store().clear()


@contextmanager
def later(act: Callable[[], object]) -> Iterator[None]:
    """Do something in another thread after a while."""
    timer = threading.Timer(SLOW, act)
    timer.start()
    try:
        yield
    finally:
        timer.join()


@contextmanager
def held(held_lock: Any) -> Iterator[None]:
    """A lock that another thread holds for a while."""
    taken = threading.Event()

    def hold() -> None:
        with held_lock:
            taken.set()
            time.sleep(SLOW)

    thread = threading.Thread(target=hold)
    thread.start()
    taken.wait()
    try:
        yield
    finally:
        thread.join()


class Keeper:
    """Has a lock of its own."""

    def __init__(self) -> None:
        self.lock = threading.Lock()


def in_acquire(**_kwargs: Any) -> None:
    with held(lock):
        lock.acquire()
        lock.release()


def in_acquire_by_a_name(**_kwargs: Any) -> None:
    with held(lock):
        acquire = lock.acquire
        acquire()
        lock.release()


def in_exit_stack(**_kwargs: Any) -> None:
    with held(lock), ExitStack() as stack:
        stack.enter_context(lock)


def in_process_lock(**_kwargs: Any) -> None:
    process_lock = multiprocessing.get_context("spawn").Lock()
    with held(process_lock), process_lock:
        pass


def in_with(**_kwargs: Any) -> None:
    keeper = Keeper()
    with held(keeper.lock), keeper.lock:
        pass


def in_with_rlock(**_kwargs: Any) -> None:
    with held(rlock), rlock:
        pass


def in_condition(**_kwargs: Any) -> None:
    with (condition := threading.Condition()):
        condition.wait(SLOW)


def in_event(**_kwargs: Any) -> None:
    threading.Event().wait(SLOW)


def in_queue(**_kwargs: Any) -> None:
    found: queue.Queue[int] = queue.Queue()
    with later(lambda: found.put(1)):
        found.get()


def in_join(**_kwargs: Any) -> None:
    thread = threading.Thread(target=time.sleep, args=(SLOW,))
    thread.start()
    thread.join()


def in_sleep(**_kwargs: Any) -> None:
    from time import sleep

    sleep(SLOW)


def in_recv(**_kwargs: Any) -> None:
    one, other = socket.socketpair()
    with one, other, later(lambda: other.send(b"x")):
        one.recv(1)


def in_readline(**_kwargs: Any) -> None:
    one, other = socket.socketpair()
    with one, other, one.makefile("rb") as lines, later(lambda: other.send(b"x\n")):
        lines.readline()


def in_subprocess(**_kwargs: Any) -> None:
    subprocess.run([sys.executable, "-c", f"import time; time.sleep({SLOW})"], check=True)


def in_database(**_kwargs: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 6000000) SELECT count(*) FROM n"
        )


async def in_asyncio_sleep(**_kwargs: Any) -> None:
    await asyncio.sleep(SLOW)


async def in_asyncio_lock(**_kwargs: Any) -> None:
    async_lock = asyncio.Lock()
    await async_lock.acquire()
    asyncio.get_running_loop().call_later(SLOW, async_lock.release)
    async with async_lock:
        pass


def computing(**_kwargs: Any) -> None:
    until = time.monotonic() + SLOW
    while time.monotonic() < until:
        sum(range(1000))


class Acquirer:
    """Has a method of that name that waits for nothing."""

    def acquire(self) -> None:
        computing()


def in_own_acquire(**_kwargs: Any) -> None:
    Acquirer().acquire()


def locking_without_waiting(**_kwargs: Any) -> None:
    until = time.monotonic() + SLOW
    while time.monotonic() < until:
        with lock:
            sum(range(1000))


def slow_call(receiver: Any) -> ReceiverCall:
    signal = signal_of(receiver)
    if asyncio.iscoroutinefunction(receiver):
        asyncio.run(signal.asend(receiver.__name__))
    else:
        signal.send(receiver.__name__)
    pipeline.flush()
    (dispatch,) = get_store().dispatches(DispatchFilter(sender=f"={receiver.__name__}"))
    return dispatch.calls[0]


@pytest.mark.parametrize(
    ("receiver", "wait"),
    [
        (in_acquire, "a lock"),
        (in_acquire_by_a_name, "a lock"),
        (in_exit_stack, "a lock"),
        (in_process_lock, "a lock"),
        (in_with, "a lock"),
        (in_with_rlock, "a lock"),
        (in_condition, "a condition"),
        (in_event, "an event"),
        (in_queue, "a queue"),
        (in_join, "a thread"),
        (in_sleep, "sleep"),
        (in_recv, "a socket"),
        (in_readline, "a socket"),
        (in_subprocess, "a subprocess"),
        (in_database, "the database"),
        (in_asyncio_sleep, "sleep"),
        (in_asyncio_lock, "a lock"),
    ],
)
def test_what_a_slow_call_waits_for(receiver: Any, wait: str) -> None:
    call = slow_call(receiver)

    assert call.slow_wait == wait
    assert wait_of(call) == PHRASES.get(wait, f"waiting for {wait}")  # as findings say it
    assert call.slow_line is not None
    assert Path(call.slow_line.path).name == "test_waits.py"


@pytest.mark.parametrize("receiver", [computing, in_own_acquire, locking_without_waiting])
def test_nothing_is_guessed(receiver: Any) -> None:
    assert slow_call(receiver).slow_wait is None


def test_wait_is_on_the_page_and_in_json(client: Client) -> None:
    slow_call(in_acquire)
    (dispatch,) = get_store().dispatches(DispatchFilter(sender="=in_acquire"))

    html = client.get(f"/signals/dispatches/{dispatch.id}/").content.decode()
    (call,) = client.get(f"/signals/api/dispatches/{dispatch.id}/").json()["calls"]
    assert call["slow_wait"] == "a lock"
    assert "was waiting for a lock at" in html
    assert f"test_waits.py:{call['slow_line']['line']}" in html
