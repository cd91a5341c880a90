"""Records reach the store whatever a process goes through: forks of all kinds, lost workers, no threads, its end."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.dispatch import Signal

from signal_monitor import pipeline
from signal_monitor.errors import errors
from signal_monitor.instrumentation.hooks import DispatchSpans
from signal_monitor.instrumentation.record_queue import RecordQueue, record_queue
from signal_monitor.observers.base import BaseObserver
from signal_monitor.pipeline import Pipeline, worker
from signal_monitor.pipeline.converter import RecordConverter
from signal_monitor.pipeline.process import ThisProcess
from signal_monitor.records import Dispatch
from signal_monitor.testing import capture_dispatches
from tests.support.servers import PATIENCE_SECONDS, wait_until

START = """
import ctypes, os, sys, threading, time
import django; django.setup()
from django.dispatch import Signal
from signal_monitor import pipeline
from signal_monitor.instrumentation.record_queue import record_queue
from signal_monitor.stores import get_store
def receiver(**kwargs): pass
signal = Signal()
signal.connect(receiver)
def send(sender, count):
    for _ in range(count): signal.send(sender=sender)
def stored(): return {row.key: row.count for row in get_store().totals("sender") if not row.key.startswith("django")}
def wait_for(sender, count):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and stored().get(sender) != count: time.sleep(0.05)
def fork_at_rest():
    "Fork as a C library does, while the worker has nothing to do."
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and record_queue.size: time.sleep(0.02)
    with pipeline.current().delivery.exclusive():
        # The worker waits for the lock then, and not for the interpreter's: that one would stay locked in the child.
        time.sleep(1)
        return ctypes.PyDLL(None).fork()
"""


def run(script: str, store: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", START + textwrap.dedent(script)],
        capture_output=True,
        text=True,
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "tests.settings",
            "TESTS_STORE": f"sqlite:///{store}/store.sqlite3",
            "PYTHONWARNINGS": "ignore",
        },
        check=False,
        timeout=PATIENCE_SECONDS * 2,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_child_forked_without_pythons_hooks_stores_its_dispatches(tmp_path: Path) -> None:
    script = """
    send("parent", 50)
    pipeline.flush()
    child = fork_at_rest()
    if not child:
        send("child", 7)
        wait_for("child", 7)
        if not fork_at_rest():
            send("grandchild", 9)
            wait_for("grandchild", 9)
            os._exit(0)
        os.wait()
        os._exit(0)
    os.waitpid(child, 0)
    send("parent", 3)
    pipeline.flush()
    processes = get_store().processes()
    print(sorted(stored().items()), len({process.id for process in processes}), len({item.pid for item in processes}))
    """
    assert run(script, tmp_path) == "[('child', 7), ('grandchild', 9), ('parent', 53)] 3 3"


def test_child_forked_in_the_middle_of_the_workers_work_stores_its_dispatches(tmp_path: Path) -> None:
    script = """
    stop = threading.Event()
    def busy():
        while not stop.is_set(): send("parent", 20); time.sleep(0.001)
    thread = threading.Thread(target=busy); thread.start()
    time.sleep(1)
    child = os.fork()
    if not child:
        send("child", 40)
        wait_for("child", 40)
        os._exit(0)
    os.waitpid(child, 0)
    stop.set(); thread.join()
    pipeline.flush()
    print(stored()["child"], stored()["parent"] >= 1000)
    """
    assert run(script, tmp_path) == "40 True"


def test_fork_does_not_wait_for_a_long_statement(tmp_path: Path) -> None:
    script = """
    send("parent", 1)
    pipeline.flush()
    from signal_monitor.stores.sqlite.connection import _connectors
    connector, = [item for item in _connectors if item._connection is not None]
    count = ("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) SELECT count(*) FROM n")
    done = []
    rounds = [10**9, 10]
    def work(connection): return connection.execute(count, (rounds.pop(0),)).fetchone()[0]
    thread = threading.Thread(target=lambda: done.append(connector.run(work))); thread.start()
    while len(rounds) == 2: time.sleep(0.01)
    time.sleep(0.1)
    began = time.monotonic()
    child = os.fork()
    if not child: os._exit(0)
    took = time.monotonic() - began
    os.waitpid(child, 0)
    thread.join(60)
    print(took < 0.2, done)
    """
    assert run(script, tmp_path) == "True [10]"


def test_fork_does_not_wait_for_another_process_that_writes(tmp_path: Path) -> None:
    script = """
    import sqlite3
    send("parent", 1)
    pipeline.flush()
    other = sqlite3.connect(os.environ["TESTS_STORE"].removeprefix("sqlite:///"))
    other.isolation_level = None
    other.execute("BEGIN IMMEDIATE")
    thread = threading.Thread(target=lambda: (send("parent", 5), pipeline.flush())); thread.start()
    time.sleep(0.1)
    began = time.monotonic()
    child = os.fork()
    if not child: os._exit(0)
    took = time.monotonic() - began
    os.waitpid(child, 0)
    other.execute("ROLLBACK"); other.close()
    thread.join(60)
    print(took < 0.2, stored())
    """
    assert run(script, tmp_path) == "True {'parent': 6}"


def test_process_without_threads_stores_at_the_end_of_each_request(tmp_path: Path) -> None:
    script = """
    threading.stack_size(1 << 45)  # more than there is: no thread can be started
    from django.test import RequestFactory
    from django.core.handlers.wsgi import WSGIHandler
    from django.conf import settings
    settings.ALLOWED_HOSTS = ["*"]
    handler = WSGIHandler()
    for number in range(3):
        send("request", 5)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and stored().get("request") != 5 * (number + 1):
            response = handler(RequestFactory().get("/nowhere/").environ, lambda *args: None)
            response.close()
            time.sleep(0.1)  # no delivery takes up more than half of the time
    process, = get_store().processes()
    print(threading.active_count(), stored(), "could not be started" in process.mode)
    """
    assert run(script, tmp_path) == "1 {'request': 15} True"


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, GeneratorExit, asyncio.CancelledError])
def test_observer_that_raises_whatever_it_likes_loses_nothing(error: type[BaseException]) -> None:
    seen: list[Dispatch] = []

    class Leaving(BaseObserver):
        def observe(self, dispatch: Dispatch, spans: DispatchSpans | None) -> None:
            if dispatch.signal.endswith("leaving"):
                raise error

        def wanted(self) -> int:
            return 10_000

    class Keeper(BaseObserver):
        def observe(self, dispatch: Dispatch, spans: DispatchSpans | None) -> None:
            seen.append(dispatch)

    running, leaving = pipeline.current(), Signal()
    assert running is not None
    leaving.connect(fine)
    pipeline.flush()
    before = errors.count
    undo = [running.add(Leaving()), running.add(Keeper())]
    try:
        for _ in range(800):
            leaving.send(sender="leaving")
        assert wait_until(lambda: len([item for item in seen if item.sender == "leaving"]) == 800), (
            len(seen), len(record_queue), running.converter.process.dropped
        )  # fmt: skip
    finally:
        for function in undo:
            function()
    assert errors.count - before <= 800


def fine(**kwargs: Any) -> None: ...


def test_ctrl_c_in_a_flush_is_raised_once_all_is_delivered() -> None:
    seen: list[str] = []

    class Interrupted(BaseObserver):
        def observe(self, dispatch: Dispatch, spans: DispatchSpans | None) -> None:
            if not seen:
                seen.append("first")
                raise KeyboardInterrupt
            seen.append(dispatch.sender)

        def wanted(self) -> int:
            return 10_000

    queue = RecordQueue()
    own = Pipeline(RecordConverter(ThisProcess()), [Interrupted()], queue)
    signal = Signal()
    signal.connect(fine)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("signal_monitor.instrumentation.send.queue", queue.items)
        patch.setattr("signal_monitor.instrumentation.send.record_queue", queue)
        patch.setattr("signal_monitor.instrumentation.recorder.record_queue", queue)
        for _ in range(5):
            signal.send(sender="interrupted")
    with pytest.raises(KeyboardInterrupt):
        own.flush()

    assert seen == ["first", *["interrupted"] * 4]


def test_worker_that_is_struck_again_and_again_delivers_or_counts(tmp_path: Path) -> None:
    script = """
    send("struck", 1)
    time.sleep(0.5)
    for _ in range(100):
        send("struck", 20)
        worker = next((item for item in threading.enumerate() if item.name == "signal_monitor"), None)
        if worker is not None:
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(worker.ident), ctypes.py_object(SystemExit))
        time.sleep(0.005)
    time.sleep(1)
    send("struck", 1)
    pipeline.flush()
    process = pipeline.current().converter.process
    print(1900 <= stored()["struck"] + sum(process.losses().values()), process.describe(()).errors > 0)
    """
    assert run(script, tmp_path) == "True True"


@pytest.fixture
def long_rests() -> Iterator[None]:
    """Let workers rest for longer than a test waits; that of the tests' own pipeline is woken afterwards."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(worker, "PAUSE_SECONDS", PATIENCE_SECONDS * 2)
        yield
    if (running := pipeline.current()) is not None:
        running._wake.set()


@pytest.mark.usefixtures("long_rests")
def test_worker_is_woken_when_the_queue_is_half_full() -> None:
    queue, rested = RecordQueue(capacity=10), threading.Event()

    class Resting(BaseObserver):
        def tick(self) -> None:
            rested.set()

    own = Pipeline(RecordConverter(ThisProcess()), [Resting()], queue)
    queue.check_with(own.check)
    own.start()
    try:
        assert rested.wait(PATIENCE_SECONDS)
        assert wait_until(lambda: queue.size == 0)
        for number in range(6):
            queue.append(number)
        queue.check_next()
        queue.append(6)
        assert wait_until(lambda: not len(queue), PATIENCE_SECONDS)
    finally:
        own.stop()


def test_flush_and_capture_deliver_all_however_slow_an_observer_is() -> None:
    class Slow(BaseObserver):
        def observe(self, dispatch: Dispatch, spans: DispatchSpans | None) -> None:
            time.sleep(0.001)

        def wanted(self) -> int:
            return 10_000

    running, signal = pipeline.current(), Signal()
    assert running is not None
    signal.connect(fine)
    undo = running.add(Slow())
    try:
        with capture_dispatches() as captured:
            for _ in range(3_000):
                signal.send(sender="slow observer")
    finally:
        undo()
    assert len([item for item in captured.dispatches if item.sender == "slow observer"]) == 3_000


def test_exit_gives_up_on_an_observer_that_hangs_and_counts_what_it_leaves(tmp_path: Path) -> None:
    script = """
    from signal_monitor.observers.base import BaseObserver
    class Hanging(BaseObserver):
        def wanted(self): return 10_000
        def observe(self, dispatch, spans): time.sleep(600)
    pipeline.current().observers.insert(-1, Hanging())
    send("left", 500)
    """
    began = time.monotonic()
    run(script, tmp_path)
    assert time.monotonic() - began < 30  # a program of this kind starts within a few seconds

    script = (
        "print([(item.ended_at is not None, sum(item.dropped.values()) > 400) for item in get_store().processes()])"
    )
    assert run(script, tmp_path) == "[(True, True)]"


def test_instrument_without_the_app_delivers_all_to_observers() -> None:
    script = """
    from django.conf import settings
    settings.configure(); import django; django.setup()
    from django.dispatch import Signal
    import signal_monitor, time
    from signal_monitor import pipeline
    from signal_monitor.pipeline import Observer
    seen = []
    class Counting(Observer):
        def observe(self, dispatch, spans): seen.append(1)
        def aggregate(self, aggregate, records): seen.extend(records)
    signal_monitor.instrument()
    pipeline.current().add(Counting())
    def receiver(**kwargs): pass
    signal = Signal(); signal.connect(receiver)
    for _ in range(30):
        for _ in range(1000): signal.send(sender=None)
        time.sleep(0.02)
    deadline = time.monotonic() + 60
    while len(seen) < 30_000 and time.monotonic() < deadline: time.sleep(0.05)
    print(len(seen))
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "30000", done.stderr


def test_first_dispatch_that_hangs_is_shown_as_running(tmp_path: Path) -> None:
    script = """
    import asyncio, warnings
    from types import SimpleNamespace
    from django.test import RequestFactory
    from signal_monitor.contrib.celery import _begin
    def hang(**kwargs): threading.Event().wait(60)
    async def ahang(**kwargs): await asyncio.sleep(60)
    hanging, ahanging = Signal(), Signal()
    hanging.connect(hang); ahanging.connect(ahang)
    class OwnSignal(Signal):
        def send_each(self, sender):
            for receiver in self._live_receivers(sender)[0]: receiver(signal=self, sender=sender)
    own = OwnSignal()
    own.connect(hang)
    def in_a_task():
        _begin(task_id="1", task=SimpleNamespace(name="shop.import"))
        hanging.send(sender="task")
    ways = [
        lambda: hanging.send(sender="send"),
        lambda: hanging.send_robust(sender="send_robust"),
        lambda: asyncio.run(hanging.asend(sender="asend")),
        lambda: asyncio.run(ahanging.asend_robust(sender="asend_robust")),
        lambda: own.send_each(sender="custom"),
        in_a_task,
    ]
    def running():
        return [(call.sender, process.serves) for process in get_store().processes() if process.pid == os.getpid()
                for call in process.running]
    warnings.simplefilter("error")  # of threads while nothing was dispatched
    def child_of(way):
        child = os.fork()
        if not child:
            threading.Thread(target=way, daemon=True).start()
            deadline = time.monotonic() + 60
            while time.monotonic() < deadline and not (found := running()): time.sleep(0.05)
            os.write(1, (" ".join(map(str, found)) + "\\n").encode())  # at once: the others write, too
            os._exit(0)
        return child
    for child in [child_of(way) for way in ways]: os.waitpid(child, 0)
    """
    assert sorted(run(script, tmp_path).splitlines()) == [
        *[f"('{way}', False)" for way in ("asend", "asend_robust", "custom", "send", "send_robust")],
        "('task', True)",
    ]
