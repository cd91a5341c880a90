"""The worker: one thread that delivers what is queued, in turns."""

from __future__ import annotations

import _thread
import logging
import sys
import threading
import time
from collections.abc import Callable, Sequence

from signal_monitor.errors import attempt, errors
from signal_monitor.instrumentation.record_queue import RecordQueue, record_queue
from signal_monitor.settings_watcher import follow_settings

from .converter import RecordConverter
from .delivery import Delivery
from .observer import Observer
from .suppression import suppressed
from .threads import NO_THREAD, why_no_threads

PAUSE_SECONDS = 0.25
ROUND_SECONDS = 0.25
TURN_SECONDS = 0.001
REST_SECONDS = 0.02
"""The worker rests so long after each turn, less the more is queued, and not at all while the queue is half full.

Both cost requests something: that a turn lasts, and that there is one, as the threads then share the processors.
"""
WATCH_SECONDS = 0.05
QUIET_SECONDS = 10.0
"""The time without a dispatch after which the worker watches only as often as it works."""
EXIT_SECONDS = 1.0
RETRY_SECONDS = 1.0
"""The time after which a thread that could not be started is tried again."""

logger = logging.getLogger("signal_monitor")


class Pipeline:
    """The way from the queue to the observers, and the thread that takes it.

    ``delivery`` hands the records over.
    """

    def __init__(
        self, converter: RecordConverter, observers: Sequence[Observer], queue: RecordQueue = record_queue
    ) -> None:
        self.converter = converter
        self.delivery = Delivery(converter, observers, queue)
        self._queue = queue
        self._running_thread: threading.Thread | None = None
        self._wake, self._started, self._stopping = threading.Event(), threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        self._retry_at = self._idle_until = self._watched_at = 0.0
        self._ended = False
        self._cpu_share = converter.process.cpu_share

    @property
    def observers(self) -> list[Observer]:
        """What receives the dispatches, in this order."""
        return self.delivery.observers

    def add(self, observer: Observer) -> Callable[[], None]:
        """Hand dispatches to one more observer from now on, after the others; returns the function that undoes it."""
        with self.delivery.exclusive():
            self.observers.append(observer)
        return lambda: self.remove(observer)

    def remove(self, observer: Observer) -> None:
        """Hand nothing to an observer any more."""
        with self.delivery.exclusive():
            if observer in self.observers:
                self.observers.remove(observer)

    @property
    def has_begun(self) -> bool:
        """Whether the worker was started, or had to be."""
        return self._thread is not None or bool(self.converter.process.no_worker)

    def start(self) -> None:
        """Start the worker, unless it runs or may have no thread; one that has died is started again, and counted."""
        # Not is_alive(): up to Python 3.12, a time limit that strikes in it makes a thread that runs look dead.
        if self._thread is not None and (not self._started.is_set() or self._running_thread is self._thread):
            return
        if self.converter.process.no_worker and time.monotonic() < self._retry_at:
            return
        if self._thread is not None and self._thread.ident is not None:
            errors.note("the worker", RuntimeError("The thread has died, and is started again."))
        reason = why_no_threads()
        if reason:
            self._have_no_worker(reason)
        else:
            self._start()

    def _start(self) -> None:
        self._ended = False
        for event in (self._wake, self._started, self._stopping):
            event.clear()
        self._thread = threading.Thread(target=self._run, name="signal_monitor", daemon=True)
        # From a thread of its own: a time limit of the application's must not strike while this one waits for it.
        try:
            _thread.start_new_thread(self._start_thread, (self._thread,))
        except RuntimeError:  # see _start_thread
            self._have_no_worker(NO_THREAD)

    def _start_thread(self, thread: threading.Thread) -> None:
        try:
            thread.start()
        except RuntimeError:
            # No thread is to be had. From Python 3.12 on, none is started while the interpreter ends: stop() delivers.
            self._have_no_worker(NO_THREAD)

    def _have_no_worker(self, reason: str) -> None:
        """Note why there is no worker: ``work_for_worker`` delivers, at the end of each request."""
        process, self._thread = self.converter.process, None
        self._retry_at = time.monotonic() + RETRY_SECONDS
        self._started.set()
        if process.no_worker != reason and not sys.is_finalizing():
            process.no_worker = reason
            logger.warning("The signal monitor has no thread of its own, so requests deliver its records: %s", reason)

    def check(self) -> None:
        """See that the worker runs; wake it if the queue is half full."""
        self.start()
        if self._queue.is_half_full and not self._wake.is_set():
            self._wake.set()

    def work_for_worker(self) -> None:
        """Deliver what is queued in the calling thread, where the worker has none, and not most of the time."""
        if self.converter.process.no_worker and time.monotonic() >= self._idle_until:
            began = time.monotonic()
            self.flush()
            self._idle_until = 2 * time.monotonic() - began

    def stop(self, timeout: float = EXIT_SECONDS) -> None:
        """Deliver what is queued, for at most ``timeout`` seconds, and end the worker."""
        thread, self._thread = self._thread, None
        self._stopping.set()
        self._wake.set()
        if thread is threading.current_thread() or (thread is None and self.converter.process.no_worker):
            self._end()  # the worker itself has noticed that the settings have changed
        elif thread is not None:
            if not self._started.wait(timeout) or thread.ident is None:
                self._end()
                return
            self._wait_for(thread, timeout)
            if thread.is_alive():
                self._give_up()

    def _wait_for(self, thread: threading.Thread, timeout: float) -> None:
        """Wait for the end of the worker: ``timeout`` seconds, and up to three times as long where that may help.

        It does not if one of the observers is held up, as by a collector that does not answer.
        """
        until = time.monotonic() + 2 * timeout
        waiting = self.delivery.waiting()
        thread.join(timeout)
        while thread.is_alive() and time.monotonic() < until:
            held_up = self.delivery.telling
            if held_up is not None and not held_up.ends_alone and self.delivery.waiting() >= waiting:
                return
            waiting = self.delivery.waiting()
            thread.join(timeout)

    def _give_up(self) -> None:
        """Count and store what the worker could not deliver in time; it is held up in one of the observers."""
        held_up = self.delivery.telling
        lost = self.delivery.give_up()
        if lost or held_up is None or not held_up.ends_alone:
            logger.warning(
                "The signal monitor gave up waiting for %s at exit; %d records were not delivered.",
                type(held_up).__name__ if held_up is not None else "its worker",
                lost,
            )
        for observer in self.observers:
            if observer is not held_up and observer.ends_alone:
                attempt(type(observer).__name__, "end", lambda one: one.end(), observer)

    def flush(self) -> None:
        """Deliver everything that is queued now, in the calling thread."""
        self.delivery.flush()

    def forget(self) -> None:
        """Begin anew in a forked child, where the worker does not exist."""
        self._wake, self._started, self._stopping = threading.Event(), threading.Event(), threading.Event()
        self._thread = self._running_thread = None
        self._retry_at = self._idle_until = 0.0
        self._ended = False
        self.delivery.forget()

    def _run(self) -> None:
        own = self._running_thread = threading.current_thread()
        try:
            self.converter.process.no_worker = ""
            self._started.set()
            self._cpu_share.begin()
            self.delivery.busy_at = time.monotonic()
            while not self._stopping.is_set():
                try:
                    with suppressed():
                        self._rounds()
                except BaseException as error:  # noqa: BLE001 - nothing ends the worker but stop()
                    errors.note("the worker", error)
            self._end()
        finally:
            if self._running_thread is own:  # else the worker that has replaced this one
                self._running_thread = None
            if self._thread is own:
                self._started.set()  # whatever has struck before, start() starts the next

    def _rounds(self) -> None:
        while not self._stopping.is_set():
            self._work()
            follow_settings(wait=False)
            self._pause(self._rest_seconds if self.delivery.is_due else PAUSE_SECONDS)
            self._rest_beyond_share()
            if not self._stopping.is_set():
                self._wake.clear()

    def _pause(self, seconds: float) -> None:
        """Wait for the next round, and let the observers watch meanwhile."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            is_quiet = time.monotonic() - self.delivery.busy_at > QUIET_SECONDS
            if self._wake.wait(left if is_quiet else min(left, WATCH_SECONDS)):
                return
            self._watch()

    def _watch(self) -> None:
        self._watched_at = time.monotonic()
        try:
            self.delivery.watch()
        except BaseException as error:  # noqa: BLE001 - as in _work
            errors.note("the worker", error)

    def _end(self) -> None:
        """Deliver for the last time."""
        if not self._ended:
            self._ended = True
            self.delivery.end()

    def _work(self) -> None:
        """One round of the worker. Nothing ends the worker but stop()."""
        try:
            self._drain()
            self.delivery.tick()
        except BaseException as error:  # noqa: BLE001 - a SystemExit of an exporter must not end the observation
            errors.note("the worker", error)

    def _drain(self) -> None:
        """Deliver what is queued, in turns, for ROUND_SECONDS or a little more."""
        deadline = time.monotonic() + ROUND_SECONDS
        busy = False
        while time.monotonic() < deadline:
            with self.delivery.exclusive():
                if not self.delivery.is_due:
                    self.delivery.end_round(busy=busy)
                    break
                busy = True
                self.delivery.take_turn(TURN_SECONDS)
            self._rest()

    def _rest(self) -> None:
        """Leave the processor to the dispatching threads, unless the queue fills, or the worker is to end."""
        if time.monotonic() - self._watched_at >= WATCH_SECONDS:
            self._watch()
        if (seconds := self._rest_seconds) > 0:
            self._wake.wait(seconds)
        self._rest_beyond_share()

    def _rest_beyond_share(self) -> None:
        """Rest until the worker has taken no more than its share of a core, however much is queued."""
        while (seconds := self._cpu_share.owed_rest()) > 0 and not self._stopping.wait(min(seconds, WATCH_SECONDS)):
            self._watch()

    @property
    def _rest_seconds(self) -> float:
        """How long to rest after a turn."""
        return REST_SECONDS * (1 - self._queue.fullness)
