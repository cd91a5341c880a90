"""The way from the queue to the observers: bounded, alive after fork, flushed at exit, not felt when it fails."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import subprocess
import sys
import textwrap
import threading
import time
import weakref
from collections.abc import Sequence
from typing import Any

import pytest
from django.dispatch import Signal

from signal_monitor import pipeline
from signal_monitor.apps import restart
from signal_monitor.errors import errors
from signal_monitor.instrumentation import recorder
from signal_monitor.instrumentation.current import Origin, Record
from signal_monitor.instrumentation.hooks import DispatchSpans
from signal_monitor.instrumentation.record_queue import RecordQueue, record_queue
from signal_monitor.observers.base import BaseObserver
from signal_monitor.pipeline import Pipeline, routine
from signal_monitor.pipeline.converter import RecordConverter
from signal_monitor.pipeline.cpu_share import CpuShare
from signal_monitor.pipeline.process import ThisProcess, title
from signal_monitor.pipeline.routine import AT_ONCE
from signal_monitor.pipeline.running_calls import running_calls
from signal_monitor.pipeline.worker import TURN_SECONDS
from signal_monitor.records import Aggregate, Dispatch, RunningCall
from signal_monitor.testing import capture_dispatches
from tests.support.queueing import fill_queue
from tests.support.servers import PATIENCE_SECONDS, wait_until


def fine(**kwargs: Any) -> None: ...


def connected(*receivers: Any) -> Signal:
    signal = Signal()
    for receiver in receivers or (fine,):
        signal.connect(receiver)
    return signal


def run_script(script: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a script on a project with our app and a store in a file."""
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings", **environment},
        check=False,
    )


def test_full_queue_drops_and_counts() -> None:
    queue = RecordQueue(capacity=3)
    for number in range(5):
        queue.append(number)

    assert queue.take(10) == [0, 1, 2]
    assert queue.dropped == 2


def test_dropped_dispatches_are_told_to_the_store(monkeypatch: pytest.MonkeyPatch) -> None:
    before = record_queue.dropped
    with monkeypatch.context() as patch:
        fill_queue(patch)
        connected().send(sender=None)

    assert record_queue.dropped == before + 1
    assert ThisProcess().describe(()).dropped["queue full"] == before + 1


def test_worker_delivers_without_being_asked() -> None:
    seen = threading.Event()

    class Watcher(BaseObserver):
        def observe(self, dispatch: Dispatch, spans: DispatchSpans | None) -> None:
            seen.set()

    running = pipeline.current()
    assert running is not None
    watcher = Watcher()
    running.add(watcher)
    try:
        connected().send(sender=None)
        assert seen.wait(PATIENCE_SECONDS)
    finally:
        running.remove(watcher)


def test_pipeline_that_is_stopped_before_its_first_record_starts_no_worker() -> None:
    script = """
import threading
from django.dispatch import Signal
from signal_monitor import instrument, pipeline
def receiver(**kwargs): pass
signal = Signal()
signal.connect(receiver)
instrument()
pipeline.stop()
signal.send(sender=None)
print([thread.name for thread in threading.enumerate()])
"""
    done = run_script(script)
    assert done.stdout.strip() == "['MainThread']", done.stderr


def test_failing_observer_is_noted_once_and_the_others_go_on(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(BaseObserver):
        def observe(self, dispatch: Dispatch, spans: DispatchSpans | None) -> None:
            raise RuntimeError("broken on purpose")

    running = pipeline.current()
    assert running is not None
    pipeline.flush()  # what other tests left
    broken, before = Broken(), errors.count
    running.add(broken)
    try:
        with caplog.at_level(logging.ERROR, "signal_monitor"), capture_dispatches() as captured:
            for _ in range(3):
                connected().send(sender=None)
            assert len(captured.dispatches) == 3
    finally:
        running.remove(broken)

    assert errors.count == before + 3
    assert errors.last is not None
    assert errors.last.startswith("Broken.observe: RuntimeError")
    told = [record for record in caplog.records if "The signal monitor failed in Broken.observe" in record.message]
    assert len(told) == 1


def of_sender(sender: str, expander: RecordConverter) -> list[RunningCall]:
    return [call for call in running_calls(expander) if call.sender == sender]


def test_hung_receiver_shows_while_it_hangs_with_its_stack() -> None:
    release, expander = threading.Event(), RecordConverter(ThisProcess())

    def hanging(**kwargs: Any) -> None:
        release.wait(PATIENCE_SECONDS)

    thread = threading.Thread(target=connected(hanging).send, args=("job",), name="hung thread")
    thread.start()
    try:
        assert wait_until(lambda: any(call.severity == "slow" for call in of_sender("job", expander)))
        (call,) = of_sender("job", expander)
    finally:
        release.set()
        thread.join()

    assert call.receiver.endswith("hanging")
    assert call.running_ns >= 100_000_000  # it is slow, and says by how much
    assert call.thread == "hung thread"
    assert "hanging" in [frame.function.rpartition(".")[2] for frame in call.stack]
    assert of_sender("job", expander) == []


async def test_hung_async_receiver_shows_where_it_awaits() -> None:

    release, expander = asyncio.Event(), RecordConverter(ThisProcess())

    async def inner() -> None:
        await release.wait()

    async def hanging(**kwargs: Any) -> None:
        await inner()

    task = asyncio.create_task(connected(hanging).asend(sender="ajob"))
    assert await asyncio.to_thread(
        wait_until, lambda: any(call.severity == "slow" for call in of_sender("ajob", expander))
    )
    (call,) = of_sender("ajob", expander)
    release.set()
    await task

    assert call.is_async
    assert [frame.function.rpartition(".")[2] for frame in call.stack][:2] == ["hanging", "inner"]


def test_stop_ends_the_worker_and_delivers() -> None:
    queue, seen = RecordQueue(), []

    class Keeper(BaseObserver):
        def end(self) -> None:
            seen.append("ended")

    own = Pipeline(RecordConverter(ThisProcess()), [Keeper()], queue)
    own.start()
    own.stop()

    assert seen == ["ended"]


class Busy(BaseObserver):
    """Hands over what it has when it has waited for the lock of a file, or for a collector."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.in_hand = seconds, 7

    def flush(self) -> None:
        time.sleep(self.seconds)
        self.in_hand = 0


class BusyStore(Busy):
    ends_alone = True


@pytest.mark.parametrize(
    ("observer", "left"),
    [(BusyStore(0.8), None), (BusyStore(30.0), 7), (Busy(30.0), 7)],
    ids=["store of a busy host", "store that hangs", "collector that hangs"],
)
def test_exit_waits_longer_for_the_store_and_counts_what_it_leaves(
    observer: Busy, left: int | None, caplog: pytest.LogCaptureFixture
) -> None:
    process = ThisProcess()
    own = Pipeline(RecordConverter(process), [observer], RecordQueue())
    own.start()
    own.stop(timeout=0.7)

    assert process.dropped.get("not delivered at exit") == left
    assert [record.args for record in caplog.records] == ([] if left is None else [(type(observer).__name__, left)])


END_OF_THE_INTERPRETER = """
import django; django.setup()
import builtins, sys
from django.dispatch import Signal
def receiver(**kwargs): pass
signal = Signal()
signal.connect(receiver)
signal.send(None)
import signal_monitor.instrumentation.connect_notes as notes
kept = [signal, receiver, vars(notes)]
builtins.at_last = type("AtLast", (), {"__del__": lambda self: (kept[2].clear(), kept.clear())})()
del signal, receiver, notes
"""


def test_nothing_is_said_when_the_interpreter_ends() -> None:
    """A worker that still runs keeps signals and receivers alive until the modules have been cleared."""
    done = run_script(END_OF_THE_INTERPRETER)
    assert (done.returncode, done.stderr) == (0, "")


COUNT = """
import django; django.setup()
from django.dispatch import Signal
from signal_monitor.stores import get_store
from signal_monitor import pipeline
def receiver(**kwargs): pass
signal = Signal()
signal.connect(receiver)
"""


def test_exit_delivers_what_is_queued(tmp_path: Any) -> None:
    store = f"sqlite:///{tmp_path}/store.sqlite3"
    done = run_script(f"{COUNT}\nfor number in range(2000): signal.send(sender=None)", TESTS_STORE=store)
    assert done.returncode == 0, done.stderr

    read = run_script(
        "import django; django.setup()\nfrom signal_monitor.stores import get_store\n"
        "print(sum(row.count for row in get_store().totals('receiver')), "
        "[process.ended_at is not None for process in get_store().processes()])",
        TESTS_STORE=store,
    )
    assert read.stdout.strip() == "2000 [True]", read.stderr


def test_forked_child_has_a_worker_and_counts_of_its_own(tmp_path: Any) -> None:
    script = f"""{COUNT}
import os, time
for _ in range(3): signal.send(sender="parent")
pipeline.flush()
child = os.fork()
for _ in range(5): signal.send(sender="child" if not child else "parent")
if child:
    os.waitpid(child, 0)
    pipeline.flush()
    rows = dict((row.key, row.count) for row in get_store().totals("sender") if row.key in ("parent", "child"))
    print(sorted(rows.items()), len(get_store().processes()))
else:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not get_store().totals("sender", key="child"): time.sleep(0.05)
    os._exit(0)
"""
    done = run_script(script, TESTS_STORE=f"sqlite:///{tmp_path}/store.sqlite3", PYTHONWARNINGS="ignore")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[('child', 5), ('parent', 8)] 2"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["/venv/bin/daphne", "-p", "8000", "demo.asgi:application"], "daphne demo.asgi:application"),
        (["manage.py", "migrate"], "manage.py migrate"),
        (["/lib/daphne/__main__.py", "demo.asgi:application"], "daphne demo.asgi:application"),
        (["manage.py", "shell", "--password=secret", "key=secret"], "manage.py shell"),
        (["-c", "secret"], "python -c"),
        ([""], "python"),
        ([], "python"),
    ],
)
def test_title_of_a_process(arguments: list[str], expected: str) -> None:
    assert title(arguments) == expected


def test_alarm_of_the_application_is_not_swallowed() -> None:
    """A soft time limit that strikes while the monitor's code runs belongs to the application."""
    script = """
import django; django.setup()
import signal as os_signal
from django.dispatch import Signal
class TooLong(Exception): pass
def alarm(*args): raise TooLong
os_signal.signal(os_signal.SIGALRM, alarm)
def receiver(**kwargs): pass
signal = Signal(); signal.connect(receiver)
missed = 0
for _ in range(200):
    try:
        os_signal.setitimer(os_signal.ITIMER_REAL, 0.0005)
        for _ in range(20000): signal.send(sender=None)
    except TooLong: continue
    missed += 1
print(missed)
"""
    done = run_script(script)
    assert done.stdout.strip() == "0", done.stderr


def test_worker_outlives_whatever_an_observer_raises() -> None:
    queue, left, seen = RecordQueue(), threading.Event(), threading.Event()

    class Leaving(BaseObserver):
        def tick(self) -> None:
            left.set()
            raise SystemExit

    class Keeper(BaseObserver):
        def observe(self, dispatch: Dispatch, spans: DispatchSpans | None) -> None:
            seen.set()

    own = Pipeline(RecordConverter(ThisProcess()), [Leaving(), Keeper()], queue)
    own.start()
    try:
        assert left.wait(PATIENCE_SECONDS)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(recorder, "record_queue", queue)
            connected().send(sender=None)
        assert seen.wait(PATIENCE_SECONDS)
    finally:
        own.stop()


@pytest.mark.parametrize("error", [SystemExit, GeneratorExit, asyncio.CancelledError])
@pytest.mark.parametrize("what", ["wanted", "observe", "aggregate", "flush"])
def test_an_observer_that_would_end_the_process_loses_nothing(what: str, error: type[BaseException]) -> None:
    def leave(*_arguments: object) -> None:
        raise error

    class Counter(BaseObserver):
        count = 0

        def wanted(self) -> int:
            return 5

        def observe(self, dispatch: Dispatch, spans: DispatchSpans | None) -> None:
            self.count += 1

        def aggregate(self, aggregate: Aggregate, records: Sequence[Record]) -> None:
            self.count += len(records)

    counter, running = Counter(), pipeline.current()
    assert running is not None
    leaving = type("Leaving", (BaseObserver,), {what: leave})()
    pipeline.flush()
    running.delivery.observers = [leaving, *running.observers, counter]
    try:
        signal = connected()
        for _ in range(60):
            signal.send(sender=None)
        pipeline.flush()
    finally:
        running.remove(leaving)
        running.remove(counter)
    assert counter.count == 60


def test_flush_inside_a_delivery_does_nothing() -> None:
    class Flushing(BaseObserver):
        def observe(self, dispatch: Dispatch, spans: DispatchSpans | None) -> None:
            pipeline.flush()

    running = pipeline.current()
    assert running is not None
    flushing = Flushing()
    running.add(flushing)
    try:
        with capture_dispatches() as captured:
            connected().send(sender=None)
            assert len(captured.dispatches) == 1
    finally:
        running.remove(flushing)


def test_looking_for_what_runs_keeps_nothing_alive() -> None:
    class Precious:
        pass

    release, expander, gone = threading.Event(), RecordConverter(ThisProcess()), []

    def hanging(**kwargs: Any) -> None:
        precious = Precious()
        gone.append(weakref.ref(precious))
        release.wait(PATIENCE_SECONDS)

    gc.disable()
    try:
        thread = threading.Thread(target=connected(hanging).send, args=("gone",))
        thread.start()
        assert wait_until(lambda: bool(of_sender("gone", expander)))
        release.set()
        thread.join()
        assert gone[0]() is None
    finally:
        gc.enable()


def test_child_of_multiprocessing_delivers_at_its_end(tmp_path: Any) -> None:
    script = f"""{COUNT}
import multiprocessing
def work():
    for _ in range(7): signal.send(sender="child")
process = multiprocessing.get_context("fork").Process(target=work)
process.start(); process.join()
print([row.count for row in get_store().totals("sender", key="child")])
"""
    done = run_script(script, TESTS_STORE=f"sqlite:///{tmp_path}/store.sqlite3", PYTHONWARNINGS="ignore")
    assert done.stdout.strip() == "[7]", done.stderr


class Sleeper(BaseObserver):
    """An observer that takes longer for a request than a turn of the worker is."""

    def close(self, origin: Origin) -> None:
        time.sleep(2 * TURN_SECONDS)


class Counter(BaseObserver):
    """Notes how many dispatches it is told of at once."""

    def __init__(self) -> None:
        self.told: list[int] = []

    def aggregate(self, aggregate: Aggregate, records: Sequence[Record]) -> None:
        self.told.append(aggregate.durations.count)


def test_worker_takes_turns() -> None:
    """No dispatching thread waits until all that is queued is delivered."""
    queue = RecordQueue()
    own = Pipeline(RecordConverter(ThisProcess()), [Sleeper()], queue)
    for _ in range(10):
        queue.append(Origin("request", "x"))
    own.delivery.take_turn(TURN_SECONDS)

    assert (len(queue), len(own.delivery._undelivered)) == (0, 9)
    own.flush()
    assert not own.delivery._undelivered


class Burning(BaseObserver):
    """An observer that uses the processor for each request."""

    def __init__(self) -> None:
        self.told = 0

    def close(self, origin: Origin) -> None:
        ends = time.thread_time() + TURN_SECONDS
        while time.thread_time() < ends:
            pass
        self.told += 1


def test_worker_takes_no_more_than_its_share_of_a_core() -> None:
    """However much is queued; what has no room then is counted."""
    queue, process, busy = RecordQueue(100), ThisProcess(), Burning()
    process.cpu_share.limit = 0.2
    own = Pipeline(RecordConverter(process), [busy], queue)
    for _ in range(300):
        queue.append(Origin("request", "x"))
    began = time.perf_counter()
    own.start()
    try:
        assert wait_until(lambda: busy.told >= 30)
        used, elapsed = process.cpu_share.used(), time.perf_counter() - began
    finally:
        own.stop()

    assert (busy.told, queue.dropped) == (100, 200)
    assert 0 < used <= 0.2 * elapsed + 5 * TURN_SECONDS


def test_worker_percent_is_reported() -> None:
    process = ThisProcess()
    process.cpu_share.begin()
    process.describe(())
    ends = time.thread_time() + 0.02
    while time.thread_time() < ends:
        pass
    process.cpu_share.owed_rest()
    assert 0 < process.describe(()).worker_percent <= 100


def test_a_clock_that_is_turned_back_makes_no_long_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    share = CpuShare(0.5)
    share.begin()
    with monkeypatch.context() as patch:
        patch.setattr(time, "perf_counter", lambda: -1e9)
        assert share.owed_rest() < 1
        assert share.owed_rest() < 1
    assert share.owed_rest() == 0


def test_routine_dispatches_wait_for_others_of_their_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are not lost meanwhile: what waits is counted, and a flush delivers it."""
    monkeypatch.setattr(routine, "HOLD_SECONDS", 60.0)
    signal, queue, counter = connected(), RecordQueue(), Counter()
    own = Pipeline(RecordConverter(ThisProcess()), [counter], queue)
    pipeline.flush()
    pipeline.stop()  # its worker would take them
    try:
        while len(queue) < 3 * AT_ONCE:
            signal.send(sender=None)
            for record in record_queue.take(1):
                queue.append(record)
        while len(queue):
            own.delivery.take_turn(TURN_SECONDS)

        waiting = own.delivery.waiting()
        assert (counter.told, waiting) == ([], 3 * AT_ONCE - 1)  # the first one was captured, and told by itself
        own.flush()
    finally:
        restart()
    assert (sum(counter.told), own.delivery.waiting()) == (waiting, 0)
    assert max(counter.told) <= AT_ONCE
