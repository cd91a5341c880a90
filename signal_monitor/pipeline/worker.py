"""The worker: one thread that takes records from the queue and hands them to the observers."""

from __future__ import annotations

import _thread
import contextlib
import logging
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence

from signal_monitor.errors import attempt, errors, guarded
from signal_monitor.instrumentation.current import Origin, Record
from signal_monitor.instrumentation.hooks import DispatchSpans
from signal_monitor.instrumentation.record import (
    info_of,
    spans_of,
)
from signal_monitor.instrumentation.record_queue import RecordQueue, record_queue
from signal_monitor.instrumentation.recorder import LateCall
from signal_monitor.interruptions import is_interruption
from signal_monitor.records import Aggregate, Amendment, Dispatch, ReceiverCall
from signal_monitor.settings_watcher import follow_settings

from .chunks import Chunks
from .converter import RecordConverter
from .grouping import Grouping
from .lineages import give_lineage, unshare_lineage
from .routine import Group
from .send_methods import Ended, SendMethods
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


class Observer:
    """Receives finished dispatches, in the worker thread; this one ignores them.

    Observers do not know each other. ``ends_alone`` ones are told of the end though another one holds the worker up,
    and may take longer for it: they are the monitor's own, and wait for nobody outside this host. ``in_hand`` is the
    number of dispatches that an observer has received and not handed over.
    """

    ends_alone = False
    in_hand = 0

    def observe(self, dispatch: Dispatch, spans: DispatchSpans | None) -> None:
        """A dispatch has ended."""

    def wanted(self) -> int:
        """Number of routine dispatches that this observer wants to receive individually now."""
        return 0

    def aggregate(self, aggregate: Aggregate, records: Sequence[Record]) -> None:
        """Routine dispatches have ended; each dispatch is either observed or part of one aggregate."""

    def amend(self, amendment: Amendment, call: ReceiverCall) -> None:
        """A receiver call has ended after its dispatch."""

    def close(self, origin: Origin) -> None:
        """A request, task or command has ended."""

    def tick(self) -> None:
        """The queue is empty for the moment."""

    def watch(self) -> None:
        """A moment has passed in which receivers may have run: WATCH_SECONDS, or more after QUIET_SECONDS."""

    def flush(self) -> None:
        """Hand over everything that waits: a reader wants to see it, or the process is about to end."""

    def end(self) -> None:
        """The process, or the observation of it, is about to end."""

    def forget(self) -> None:
        """Begin anew: this is a forked child, and what was seen is the parent's."""


class Pipeline:
    """Hands the records of the queue to the observers, in their order."""

    def __init__(
        self, converter: RecordConverter, observers: Sequence[Observer], queue: RecordQueue = record_queue
    ) -> None:
        self.converter = converter
        self.observers = list(observers)
        self._queue = queue
        self._undelivered: deque[object] = deque()
        self._interruption: BaseException | None = None
        self._running_thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._holder: int | None = None
        self._wake, self._started, self._stopping = threading.Event(), threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        self._retry_at = self._idle_until = 0.0
        self._telling: Observer | None = None
        self._ended = False
        self._cpu_share = converter.process.cpu_share
        self._chunks = Chunks(queue)
        self._grouping = Grouping()
        self._send_methods = SendMethods()
        self._busy_at = self._watched_at = 0.0

    def add(self, observer: Observer) -> Callable[[], None]:
        """Hand dispatches to one more observer from now on, after the others; returns the function that undoes it."""
        with self._exclusive():
            self.observers.append(observer)
        return lambda: self.remove(observer)

    def remove(self, observer: Observer) -> None:
        """Hand nothing to an observer any more."""
        with self._exclusive():
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
        waiting = self._waiting()
        thread.join(timeout)
        while thread.is_alive() and time.monotonic() < until:
            held_up = self._telling
            if held_up is not None and not held_up.ends_alone and self._waiting() >= waiting:
                return
            waiting = self._waiting()
            thread.join(timeout)

    def _give_up(self) -> None:
        """Count and store what the worker could not deliver in time; it is held up in one of the observers."""
        held_up = self._telling
        left = self._waiting() + (held_up.in_hand if held_up is not None else 0)
        self._queue.clear_items()
        self.converter.process.drop("not delivered at exit", left)
        if left or held_up is None or not held_up.ends_alone:
            logger.warning(
                "The signal monitor gave up waiting for %s at exit; %d records were not delivered.",
                type(held_up).__name__ if held_up is not None else "its worker",
                left,
            )
        for observer in self.observers:
            if observer is not held_up and observer.ends_alone:
                attempt(type(observer).__name__, "end", lambda one: one.end(), observer)

    def _waiting(self) -> int:
        """How many records are queued, or taken from the queue and not delivered."""
        taken = sum(map(_count, list(self._undelivered))) + len(self._grouping)
        return len(self._queue) + taken + len(self._send_methods)

    def flush(self) -> None:
        """Deliver everything that is queued now, in the calling thread.

        Nothing is done where that thread is already delivering: in an exporter, a log handler, a signal handler.
        """
        with suppressed(), self._exclusive() as alone:
            if alone:
                self._deliver_queued(len(self._queue))
                if not len(self._queue):
                    self._chunks.forget()
                self._deliver_all(self._grouping.take_all())
                self._release(self._send_methods.release_all)
                self._each("flush", lambda observer: observer.flush())
                self._pass_interruption()

    def _pass_interruption(self) -> None:
        """Raise what has interrupted an observer, now that everything is delivered."""
        interruption, self._interruption = self._interruption, None
        if interruption is not None:
            raise interruption

    @contextlib.contextmanager
    def _exclusive(self) -> Iterator[bool]:
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

    def forget(self) -> None:
        """Begin anew in a forked child, where the worker and the holder of the lock do not exist."""
        self._lock = threading.Lock()
        self._holder = None
        self._wake, self._started, self._stopping = threading.Event(), threading.Event(), threading.Event()
        self._thread = self._running_thread = None
        self._retry_at = self._idle_until = 0.0
        self._undelivered.clear()
        self._grouping.forget()
        self._send_methods.forget()
        self._telling = self._interruption = None
        self._ended = False
        for observer in self.observers:
            attempt(type(observer).__name__, "forget", lambda one: one.forget(), observer)

    def _run(self) -> None:
        own = self._running_thread = threading.current_thread()
        try:
            self.converter.process.no_worker = ""
            self._started.set()
            self._cpu_share.begin()
            self._busy_at = time.monotonic()
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
            self._pause(self._rest_seconds if len(self._queue) or self._undelivered else PAUSE_SECONDS)
            self._rest_beyond_share()
            if not self._stopping.is_set():
                self._wake.clear()

    def _pause(self, seconds: float) -> None:
        """Wait for the next round, and let the observers watch meanwhile."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            is_quiet = time.monotonic() - self._busy_at > QUIET_SECONDS
            if self._wake.wait(left if is_quiet else min(left, WATCH_SECONDS)):
                return
            self._watch()

    def _watch(self) -> None:
        self._watched_at = time.monotonic()
        try:
            with self._exclusive():
                self._each("watch", lambda observer: observer.watch())
        except BaseException as error:  # noqa: BLE001 - as in _work
            errors.note("the worker", error)

    def _end(self) -> None:
        """Deliver for the last time."""
        if not self._ended:
            self._ended = True
            self.flush()
            with suppressed():
                self._each("end", lambda observer: observer.end())

    def _work(self) -> None:
        """One round of the worker. Nothing ends the worker but stop()."""
        try:
            self._drain()
            with self._exclusive():
                self._each("tick", lambda observer: observer.tick())
                self._queue.check_next()
        except BaseException as error:  # noqa: BLE001 - a SystemExit of an exporter must not end the observation
            errors.note("the worker", error)

    def _drain(self) -> None:
        """Deliver what is queued, in turns, for ROUND_SECONDS or a little more."""
        deadline = time.monotonic() + ROUND_SECONDS
        busy = False
        while time.monotonic() < deadline:
            with self._exclusive():
                if not (len(self._queue) or self._undelivered):
                    self._end_round(busy=busy)
                    break
                busy = True
                self._take_turn()
            self._rest()

    def _end_round(self, *, busy: bool) -> None:
        """Nothing is queued: give what waits to be more or to end as long as it may wait."""
        self._chunks.forget()
        self._deliver_all(self._grouping.due(all_routine=not busy))
        self._release(self._send_methods.release)

    def _take_turn(self) -> None:
        """Deliver for TURN_SECONDS: at least one item, or what one chunk has in place of it."""
        self.converter.set_clock()
        turn_ends = time.perf_counter() + TURN_SECONDS
        if not self._undelivered:
            self._undelivered.extend(self._grouping.due())
            self._take_chunk()
        while self._undelivered:
            self._deliver_next()
            if time.perf_counter() >= turn_ends:
                return

    def _rest(self) -> None:
        """Leave the processor to the dispatching threads, unless the queue fills, or the worker is to end."""
        if time.monotonic() - self._watched_at >= WATCH_SECONDS:
            self._watch()
        if (seconds := self._rest_seconds) > 0:
            self._wake.wait(seconds)
        self._rest_beyond_share()

    def _rest_beyond_share(self) -> None:
        """Rest until the worker has taken no more than its share of a core, however much is queued."""
        if (seconds := self._cpu_share.owed_rest()) > 0:
            self._stopping.wait(seconds)

    @property
    def _rest_seconds(self) -> float:
        """How long to rest after a turn."""
        return REST_SECONDS * (1 - self._queue.fullness)

    def _deliver_all(self, items: Iterable[object]) -> None:
        """Deliver what was taken from the queue, and some more."""
        self._undelivered.extend(items)
        self._deliver_taken()

    def _deliver_queued(self, count: int) -> None:
        """Deliver at least the oldest ``count`` items; between chunks, the dispatching threads get their turn."""
        self.converter.set_clock()
        self._deliver_taken()
        while count > 0 and (taken := self._take_chunk()):
            count -= taken
            self._deliver_taken()

    def _take_chunk(self) -> int:
        """Take a chunk from the queue, to be delivered; returns how many items it has had."""
        wanted = self._wanted()
        items = self._queue.take(self._chunks.size)
        try:
            if items:
                self._chunks.adapt(items)
                self._busy_at = time.monotonic()
                self._undelivered.extend(self._grouping.add(items, wanted))
        except BaseException:  # raised in this thread from outside
            self.converter.process.drop("interrupted", sum(map(_count, items)))
            raise
        return len(items)

    def _deliver_taken(self) -> None:
        """Deliver what was taken from the queue; what an exception leaves is delivered the next time."""
        while self._undelivered:
            self._deliver_next()

    def _deliver_next(self) -> None:
        item = self._undelivered.popleft()
        try:
            self._deliver(item)
        except BaseException:
            self.converter.process.drop("interrupted", _count(item))
            raise

    def _wanted(self) -> int:
        """How many routine dispatches the observers want to receive individually now."""
        numbers: list[int] = []
        self._each("wanted", lambda observer: numbers.append(observer.wanted()))
        return sum(numbers)

    def _aggregate(self, group: Group) -> None:
        group.info.reset_rate_limit(time.perf_counter())
        aggregate = self.converter.aggregate(group)
        self._each("aggregate", lambda observer: observer.aggregate(aggregate, group.records))

    @guarded("the worker", None)
    def _deliver(self, item: object) -> None:
        if isinstance(item, Group):
            self._aggregate(item)
        elif isinstance(item, list):
            self._deliver_record(item)
        elif isinstance(item, LateCall):
            amendment, call = self.converter.late(item)
            self._each("amend", lambda observer: observer.amend(amendment, call))
        elif isinstance(item, Origin):
            if item.kind == "command":  # it is told what the process has spent in receivers so far
                self._release(self._send_methods.release_all)
                for group in self._grouping.take_routine():
                    self._aggregate(group)
            self._each("close", lambda observer: observer.close(item))

    @guarded("the worker", None)
    def _release(self, release: Callable[[], list[Ended]]) -> None:
        """Deliver dispatches that wait for the end of their send method no longer."""
        for ended in release():
            self._deliver_ended(ended)

    def _deliver_record(self, record: Record) -> None:
        told = self._send_methods.add(record)
        if not told or told[0].record is not record:
            give_lineage(record)  # what its send method sends meanwhile hangs under it
        for ended in told:
            self._deliver_ended(ended)

    def _deliver_ended(self, ended: Ended) -> None:
        record = ended.record
        give_lineage(record)
        if info_of(record).custom:
            unshare_lineage(record)
        info_of(record).reset_rate_limit(time.perf_counter())
        spans = spans_of(record)
        if spans is not None:
            spans.finalize(record, ended.window)
        dispatch = self.converter.dispatch(record, ended)
        self._each("observe", lambda observer: observer.observe(dispatch, spans))

    def _each(self, what: str, tell: Callable[[Observer], None]) -> None:
        for observer in list(self.observers):
            self._telling = observer
            try:
                tell(observer)
            except BaseException as error:  # noqa: BLE001 - the others are told; interruptions are raised afterwards
                errors.note(f"{type(observer).__name__}.{what}", error)
                if is_interruption(error):
                    self._interruption = error
            self._telling = None


def _count(item: object) -> int:
    """How many records an item to deliver stands for."""
    return len(item.records) if isinstance(item, Group) else int(isinstance(item, list))
