"""The loads of ``benchmarks.scale`` in the child process."""

from __future__ import annotations

import gc
import threading
import time
import tracemalloc
from collections.abc import Callable, Sequence
from itertools import cycle, islice
from time import perf_counter, thread_time_ns
from typing import Any

from django.dispatch import Signal

from .scale_rows import BATCH_SECONDS, BATCHES, SENDERS, Row
from .tools.base import Work

PORTION = 50
"""The sends between two looks at the clock, where a rate is held."""
SENDS_EACH = 3
"""How often a sender sends while its memory is measured: what sends once may have no plan."""


class Sender:
    """A class of senders."""


def _receiver() -> Callable[..., None]:
    def receiver(sender: object, **kwargs: object) -> None:
        pass

    return receiver


class ScaleLoad:
    """The signals, receivers and senders of a row."""

    def __init__(self, row: Row) -> None:
        self.row = row
        self.calls = row.calls
        self._receivers = [_receiver() for _ in range(row.calls)]
        caching = row.group != "strings"  # which is for senders that can have weak references
        self._signals = [Signal(use_caching=caching) for _ in range(row.count if row.group == "signals" else 1)]
        for signal in self._signals:
            for receiver in self._receivers:
                signal.connect(receiver)
        self._senders = _made_senders(row)
        self._is_warm = False

    def work(self, sends: int) -> Work:
        """What this many sends do."""
        return Work(dispatches=sends, calls=sends * self.calls, sync_calls=sends * self.calls)

    def warm_up(self, sends: int) -> int:
        """The sends before a batch: a tenth, and before the first one, each sender and signal once."""
        if self._is_warm:
            return self.row.least(sends // 10)
        self._is_warm = True
        return max(self.row.least(sends // 10), len(self._senders), len(self._signals))

    def run(self, sends: int) -> int:
        """Send this many times; returns the CPU time of the threads that send, in nanoseconds."""
        if self.row.group == "threads":
            return self._run_threads(sends)
        if self.row.group == "signals":
            return _timed(_send_each, list(islice(cycle([signal.send for signal in self._signals]), sends)))
        senders = list(islice(cycle(self._senders), sends))
        if self.row.group == "batches":
            return self._run_batches(senders)
        return self._timed_senders(senders)

    def _timed_senders(self, senders: Sequence[Any]) -> int:
        send = self._signals[0].send
        before_ns = thread_time_ns()
        for sender in senders:
            send(sender, instance=None, created=True)
        return thread_time_ns() - before_ns

    def _run_batches(self, senders: Sequence[Any]) -> int:
        used_ns, size = 0, max(1, len(senders) // BATCHES)
        for first in range(0, len(senders), size):
            started = perf_counter()
            used_ns += self._timed_senders(senders[first : first + size])
            time.sleep(max(0.0, BATCH_SECONDS - (perf_counter() - started)))
        return used_ns

    def _run_threads(self, sends: int) -> int:
        used_ns: list[int] = []
        share = [self._senders[0]] * (sends // self.row.count)
        together = threading.Barrier(self.row.count)

        def work() -> None:
            together.wait()
            used_ns.append(self._timed_senders(share))

        threads = [threading.Thread(target=work) for _ in range(self.row.count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return sum(used_ns)

    def kept_bytes(self, forget: Callable[[], None]) -> float:
        """The memory that is kept for each sender after it has sent; ``forget`` drops what is queued."""
        self._timed_senders([Sender, Sender()] if self.row.group != "strings" else ["another"])
        forget()
        gc.collect()
        tracemalloc.start()
        before, _peak = tracemalloc.get_traced_memory()
        for _ in range(SENDS_EACH):
            for first in range(0, len(self._senders), PORTION):
                self._timed_senders(self._senders[first : first + PORTION])
                forget()
        gc.collect()
        held = tracemalloc.get_traced_memory()[0] - before
        tracemalloc.stop()
        return held / len(self._senders)

    def hold(self, rate: float, seconds: float) -> float:
        """Send at a rate, or as fast as possible where that is slower; returns the sends a second."""
        portion = self._senders[:1] * PORTION
        started = now = perf_counter()
        sent = 0
        while now - started < seconds:
            if sent < (now - started) * rate:
                self._timed_senders(portion)
                sent += PORTION
            else:
                time.sleep(0)  # another thread may run
            now = perf_counter()
        return sent / (now - started)


def _send_each(sends: Sequence[Callable[..., Any]]) -> None:
    for send in sends:
        send(Sender, instance=None, created=True)


def _timed(loop: Callable[[Sequence[Any]], None], items: Sequence[Any]) -> int:
    before_ns = thread_time_ns()
    loop(items)
    return thread_time_ns() - before_ns


def _made_senders(row: Row) -> list[Any]:
    kind = "classes" if row.group == "batches" else row.group
    makers: dict[str, Callable[[int], Any]] = {
        "classes": lambda number: type(f"Sender{number}", (Sender,), {}),
        "instances": lambda _number: Sender(),
        "strings": lambda number: f"sender {number}",
    }
    return [makers[kind](number) for number in range(row.count)] if kind in SENDERS else [Sender]
