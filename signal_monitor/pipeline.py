"""From the queue to the observers: one worker thread, alive after fork, flushed at exit."""

from __future__ import annotations

import atexit
import contextlib
import multiprocessing.util
import os
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from .backstage import backstage
from .expansion import Expander
from .faults import attempt, contained, faults
from .instrumentation.catalogue import catalogue
from .instrumentation.cells import forget_other_threads
from .instrumentation.dispatch import ActiveDispatch, LateCall
from .instrumentation.origins import Origin
from .instrumentation.outbox import Outbox, outbox
from .instrumentation.places import FOLDED, NUMBER, SHAPE, forget_claims, number_all_around
from .instrumentation.plans import Record, Shape, is_ordinary, is_outermost
from .instrumentation.stepping import forget_begun
from .instrumentation.traces import DispatchTrace
from .records import Aggregate, Amendment, Dispatch, ReceiverCall
from .settings_changes import follow_settings

CHUNK = 512
BUSY_SECONDS = 0.1
IDLE_SECONDS = 0.25
EXIT_SECONDS = 1.0


class Observer:
    """What is told about finished dispatches, in the worker thread; this one does nothing with it.

    Observers do not know each other.
    """

    def observe(self, dispatch: Dispatch, trace: DispatchTrace | None) -> None:
        """A dispatch has ended."""

    def wanted(self) -> int:
        """Number of routine dispatches this observer wants to receive individually now; the others are aggregated."""
        return 0

    def aggregate(self, aggregate: Aggregate, records: Sequence[Record]) -> None:
        """Routine dispatches have ended; each of them is either observed or aggregated."""

    def amend(self, amendment: Amendment, call: ReceiverCall) -> None:
        """A receiver call has ended after its dispatch."""

    def close(self, origin: Origin) -> None:
        """A request, task or command has ended."""

    def tick(self) -> None:
        """The queue is empty for now."""

    def flush(self) -> None:
        """Hand over all that waits: a reader wants to see it, or the process is about to end."""

    def end(self) -> None:
        """The process, or the observation of it, is about to end."""

    def forget(self) -> None:
        """Begin anew: this is a forked child, and what was seen is the parent's."""


class Pipeline:
    """Drains the queue into the observers, in their order."""

    def __init__(self, expander: Expander, observers: Sequence[Observer], queue: Outbox = outbox) -> None:
        self.expander = expander
        self.observers = list(observers)
        self._queue = queue
        self._lock = threading.Lock()
        self._holder: int | None = None
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._stopping = False
        self._ended = False

    def add(self, observer: Observer) -> None:
        """Tell one more observer from now on, after the others."""
        with self._alone():
            self.observers.append(observer)

    def remove(self, observer: Observer) -> None:
        """Tell an observer no more."""
        with self._alone():
            self.observers.remove(observer)

    def start(self) -> None:
        """Start the worker, unless it runs."""
        if self._thread is None or not self._thread.is_alive():
            self._stopping = self._ended = False
            self._wake.clear()
            self._thread = threading.Thread(target=self._run, name="signal_monitor", daemon=True)
            self._thread.start()

    def stop(self, timeout: float = EXIT_SECONDS) -> None:
        """Deliver what is queued, for at most ``timeout`` seconds, and end the worker."""
        thread, self._thread = self._thread, None
        self._stopping = True
        self._wake.set()
        if thread is threading.current_thread():
            self._end()  # the worker itself has noticed that the settings have changed
        elif thread is not None:
            thread.join(timeout)

    def flush(self) -> None:
        """Deliver what is queued now, in the calling thread.

        Nothing is done where that thread is already delivering: in an exporter, a log handler, a signal handler.
        """
        with backstage(), self._alone() as alone:
            if alone:
                self._drain()
                self._each("flush", lambda observer: observer.flush())

    @contextlib.contextmanager
    def _alone(self) -> Iterator[bool]:
        """One thread at a time delivers; False where the calling one is at it already."""
        if self._holder == threading.get_ident():
            yield False
            return
        with self._lock:
            self._holder = threading.get_ident()
            try:
                yield True
            finally:
                self._holder = None

    def restart_in_child(self) -> None:
        """Begin anew in a forked child, where the worker and the lock's holder do not exist."""
        self._lock = threading.Lock()
        self._holder = None
        self._wake = threading.Event()
        self._thread = None
        for observer in self.observers:
            observer.forget()
        self.start()

    def _run(self) -> None:
        with backstage():
            while not self._stopping:
                busy = self._work()
                follow_settings(wait=False)
                self._wake.wait(BUSY_SECONDS if busy else IDLE_SECONDS)
        self._end()

    def _end(self) -> None:
        """Deliver for the last time."""
        if not self._ended:
            self._ended = True
            self.flush()
            with backstage():
                self._each("end", lambda observer: observer.end())

    def _work(self) -> bool:
        """One round of the worker; whether there was anything to do. Nothing ends the worker but stop()."""
        try:
            with self._alone():
                busy = self._drain()
                self._each("tick", lambda observer: observer.tick())
        except BaseException as error:  # noqa: BLE001 - a SystemExit of an exporter must not end the observation
            faults.note("the worker", error)
            return True
        return busy

    def _drain(self) -> bool:
        """Deliver in chunks, between which the dispatching threads get their turn."""
        self.expander.set_clock()
        deadline = time.monotonic() + EXIT_SECONDS
        busy = False
        while items := self._queue.take(CHUNK):
            busy = True
            for item in self._routine_aggregated(items):
                self._deliver(item)
            if time.monotonic() > deadline:
                break
        return busy

    def _routine_aggregated(self, items: Sequence[Any]) -> list[Any]:
        """The items to deliver individually; routine dispatches that no observer wants individually are aggregated."""
        wanted = sum(observer.wanted() for observer in self.observers)
        single: list[Any] = []
        aggregates: defaultdict[Shape, list[Record]] = defaultdict(list)
        for item in items:
            if type(item) is list and not is_outermost(item):
                number_all_around(item)
        for item in items:
            if type(item) is not list or not is_ordinary(item):
                single.append(item)
            elif wanted > 0:
                wanted -= 1
                single.append(item)
            else:
                item[NUMBER] = FOLDED
                aggregates[item[SHAPE]].append(item)
        for shape, records in aggregates.items():
            self._aggregate(shape, records)
        return single

    @contained("the worker", None)
    def _aggregate(self, shape: Shape, records: Sequence[Record]) -> None:
        shape.rearm(time.monotonic())
        aggregate = self.expander.aggregate(shape, records)
        self._each("aggregate", lambda observer: observer.aggregate(aggregate, records))

    @contained("the worker", None)
    def _deliver(self, item: object) -> None:
        if isinstance(item, list):
            item[SHAPE].rearm(time.monotonic())
            item = ActiveDispatch.of(item)
        if isinstance(item, ActiveDispatch):
            trace = item.trace
            if trace is not None:
                trace.settle(item)
            record = self.expander.dispatch(item)
            self._each("observe", lambda observer: observer.observe(record, trace))
        elif isinstance(item, LateCall):
            amendment, call = self.expander.late(item)
            self._each("amend", lambda observer: observer.amend(amendment, call))
        elif isinstance(item, Origin):
            self._each("close", lambda observer: observer.close(item))

    def _each(self, what: str, tell: Callable[[Observer], None]) -> None:
        for observer in self.observers:
            attempt(type(observer).__name__, what, tell, observer)


class _Running:
    """The pipeline of this process, if it has one."""

    pipeline: Pipeline | None = None


def run(pipeline: Pipeline) -> None:
    """Make a pipeline the process's own and start it; the one before is stopped."""
    if _Running.pipeline is not None:
        _Running.pipeline.stop()
    _Running.pipeline = pipeline
    pipeline.start()


def current() -> Pipeline | None:
    """The pipeline of this process, if it has one."""
    return _Running.pipeline


def flush() -> None:
    """Deliver what is queued now, if a pipeline runs."""
    follow_settings()
    if _Running.pipeline is not None:
        _Running.pipeline.flush()


def stop() -> None:
    """Stop the process's pipeline."""
    if _Running.pipeline is not None:
        _Running.pipeline.stop()
        _Running.pipeline = None


def stop_before_others_at_exit() -> None:
    """Be the first to run at exit, where exporters that take our spans end too: what is registered last runs first."""
    atexit.unregister(stop)
    atexit.register(stop)


@contained("the start in a forked child", None)
def _after_fork() -> None:
    forget_other_threads()
    forget_claims()
    forget_begun()
    outbox.clear()
    catalogue.reset()
    if _Running.pipeline is not None:
        _Running.pipeline.restart_in_child()


def _end_with_multiprocessing(_module: object) -> None:
    # A child that multiprocessing has forked ends without atexit, but with these.
    multiprocessing.util.Finalize(None, stop, exitpriority=0)


stop_before_others_at_exit()
multiprocessing.util.register_after_fork(_Running, _end_with_multiprocessing)
with contextlib.suppress(AttributeError):  # not on every platform
    os.register_at_fork(after_in_child=_after_fork)
