"""Takes what is queued, and hands it to the observers."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence

from signal_monitor.errors import attempt, errors, guarded
from signal_monitor.instrumentation.current import Origin, Record
from signal_monitor.instrumentation.record import info_of, spans_of
from signal_monitor.instrumentation.record_queue import RecordQueue
from signal_monitor.instrumentation.recorder import LateCall
from signal_monitor.interruptions import is_interruption

from .chunks import Chunks
from .converter import RecordConverter
from .grouping import Grouping
from .lineages import give_lineage, unshare_lineage
from .observer import Observer
from .routine import Group
from .send_methods import Ended, SendMethods
from .suppression import suppressed


class Delivery:
    """Takes records from the queue and hands them to the observers, in their order; one thread at a time.

    ``telling`` is the observer that is being told something, ``busy_at`` the ``time.monotonic`` at which something was
    last taken from the queue.
    """

    def __init__(self, converter: RecordConverter, observers: Sequence[Observer], queue: RecordQueue) -> None:
        self.converter = converter
        self.observers = list(observers)
        self.telling: Observer | None = None
        self.busy_at = 0.0
        self._queue = queue
        self._undelivered: deque[object] = deque()
        self._interruption: BaseException | None = None
        self._lock = threading.Lock()
        self._holder: int | None = None
        self._chunks = Chunks(queue)
        self._grouping = Grouping()
        self._send_methods = SendMethods()

    @contextlib.contextmanager
    def exclusive(self) -> Iterator[bool]:
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

    @property
    def is_due(self) -> bool:
        """Whether anything is queued, or taken from the queue and not delivered."""
        return bool(len(self._queue) or self._undelivered)

    def waiting(self) -> int:
        """How many records are queued, or taken from the queue and not delivered."""
        taken = sum(map(_count, list(self._undelivered))) + len(self._grouping)
        return len(self._queue) + taken + len(self._send_methods)

    def flush(self) -> None:
        """Deliver everything that is queued now, in the calling thread.

        Nothing is done where that thread is already delivering: in an exporter, a log handler, a signal handler.
        """
        with suppressed(), self.exclusive() as alone:
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

    def give_up(self) -> int:
        """Forget what is queued, because an observer is held up; returns how many records are lost, and counts them."""
        lost = self.waiting() + (self.telling.in_hand if self.telling is not None else 0)
        self._queue.clear_items()
        self.converter.process.drop("not delivered at exit", lost)
        return lost

    def forget(self) -> None:
        """Begin anew in a forked child, where the holder of the lock does not exist."""
        self._lock = threading.Lock()
        self._holder = None
        self._undelivered.clear()
        self._grouping.forget()
        self._send_methods.forget()
        self.telling = self._interruption = None
        for observer in self.observers:
            attempt(type(observer).__name__, "forget", lambda one: one.forget(), observer)

    def watch(self) -> None:
        """Let the observers look at what runs."""
        with self.exclusive():
            self._each("watch", lambda observer: observer.watch())

    def tick(self) -> None:
        """Tell the observers that the queue is empty for the moment; the next item is checked."""
        with self.exclusive():
            self._each("tick", lambda observer: observer.tick())
            self._queue.check_next()

    def end(self) -> None:
        """Deliver for the last time."""
        self.flush()
        with suppressed():
            self._each("end", lambda observer: observer.end())

    def take_turn(self, seconds: float) -> None:
        """Deliver for so long: at least one item, or what one chunk has in place of it."""
        self.converter.set_clock()
        turn_ends = time.perf_counter() + seconds
        if not self._undelivered:
            self._undelivered.extend(self._grouping.due())
            self._take_chunk()
        while self._undelivered:
            self._deliver_next()
            if time.perf_counter() >= turn_ends:
                return

    def end_round(self, *, busy: bool) -> None:
        """Nothing is queued: give what waits to be more or to end as long as it may wait."""
        self._chunks.forget()
        self._deliver_all(self._grouping.due(all_routine=not busy))
        self._release(self._send_methods.release)

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
                self.busy_at = time.monotonic()
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
            item.forget_records()

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
            self.telling = observer
            try:
                tell(observer)
            except BaseException as error:  # noqa: BLE001 - the others are told; interruptions are raised afterwards
                errors.note(f"{type(observer).__name__}.{what}", error)
                if is_interruption(error):
                    self._interruption = error
            self.telling = None


def _count(item: object) -> int:
    """How many records an item to deliver stands for."""
    return len(item.records) if isinstance(item, Group) else int(isinstance(item, list))
