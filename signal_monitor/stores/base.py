"""The interface of all stores."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from signal_monitor.database_records import BulkOperation, RowSignals, TransactionEnd
from signal_monitor.histograms import merge, quantile_ns
from signal_monitor.records import (
    Amendment,
    Dispatch,
    OrphanSends,
    Process,
    Request,
    SubjectKind,
)
from signal_monitor.registry.records import Registry
from signal_monitor.stores.filters import DispatchFilter
from signal_monitor.stores.windows import SHORT_KEPT_SECONDS, block_of

Fact = BulkOperation | RowSignals | OrphanSends
F = TypeVar("F", BulkOperation, RowSignals, OrphanSends)
WINDOW_SECONDS = 60
CALLS_FOR_P95 = 20
CALLS_FOR_P99 = 100
MAX_REGISTRIES = 30
LIFE = 0
"""The ``window`` of totals since the start of a process."""


class StoreError(Exception):
    """The store cannot be opened, read or written; the message gives the reason and the remedy."""


@dataclass(slots=True)
class Totals:
    """Cumulative totals of one receiver, signal, sender, view or task, in one window or since the start of a process.

    ``window`` is the start of a window in seconds since the epoch, or LIFE. Windows are written with a length of
    WINDOW_SECONDS; stores merge older ones, so that ``seconds`` is longer (see ``windows``). ``buckets`` maps
    histogram bucket numbers (see ``signal_monitor.histograms``) to counts. For signals and senders a count is a
    dispatch, for receivers a receiver call that ran. ``blocking`` counts the calls of synchronous receivers,
    ``request_calls`` those made for request_started and request_finished.

    ``buckets``, ``max_ns`` and ``slow`` measure own times of receivers, or time in receivers of dispatches;
    ``receivers_ns`` is the sum of these. ``self_ns`` is the sum of own times, of dispatches too, so that the rows of a
    kind may be added up. ``total_ns`` also has what the calls of a receiver have sent, each moment once, or what the
    dispatches waited for, which is ``waiting_ns``, and what they did themselves outside receivers, ``other_ns``.
    ``waited_ns`` is the own time of the ``waited_count`` calls of a receiver for which a request waited: counted when
    the request has ended, and without what came after its response.

    For views and tasks a count is a request, or a run of the task. Their ``buckets``, ``max_ns`` and ``slow`` measure
    whole durations, and ``total_ns`` is the sum of these: of ``receivers_ns``, ``waiting_ns``, ``other_ns``, and what
    was spent outside signals, ``self_ns``. ``last_failure_dispatch`` is the id of the request.
    """

    kind: SubjectKind
    key: str
    window: int = LIFE
    count: int = 0
    failures: int = 0
    slow: int = 0
    blocking: int = 0
    not_run: int = 0
    request_calls: int = 0
    total_ns: int = 0
    self_ns: int = 0
    receivers_ns: int = 0
    waiting_ns: int = 0
    other_ns: int = 0
    waited_ns: int = 0
    waited_count: int = 0
    seconds: int = WINDOW_SECONDS
    max_ns: int = 0
    buckets: dict[int, int] = field(default_factory=dict)
    app: str | None = None
    path: str | None = None
    line: int | None = None
    last_at: float | None = None
    last_failure: str | None = None
    last_failure_at: float | None = None
    last_failure_dispatch: str | None = None

    @property
    def high_ns(self) -> int:
        """The p95; of fewer than CALLS_FOR_P95 durations, of which none is known, the longest."""
        return self.p95_ns if self.has_p95 else self.max_ns

    @property
    def has_p95(self) -> bool:
        """Whether there are enough durations for a 95th percentile."""
        return self.count >= CALLS_FOR_P95

    @property
    def has_p99(self) -> bool:
        """Whether there are enough durations for a 99th percentile."""
        return self.count >= CALLS_FOR_P99

    def quantile_ns(self, quantile: float) -> int:
        """Nearest-rank quantile of the durations, in nanoseconds."""
        return min(quantile_ns(self.buckets, quantile), self.max_ns)

    @property
    def p50_ns(self) -> int:
        """Median duration in nanoseconds."""
        return self.quantile_ns(0.50)

    @property
    def p95_ns(self) -> int:
        """95th percentile of the durations in nanoseconds."""
        return self.quantile_ns(0.95)

    @property
    def p99_ns(self) -> int:
        """99th percentile of the durations in nanoseconds."""
        return self.quantile_ns(0.99)

    @property
    def mean_ns(self) -> int:
        """Mean duration in nanoseconds."""
        measured_ns = self.total_ns if self.kind in {"view", "task", "command"} else self.receivers_ns
        return measured_ns // self.count if self.count else 0

    @property
    def receivers_share(self) -> float:
        """Time in receivers as a share of all the time, from 0 to 1."""
        return min(1.0, self.receivers_ns / self.total_ns) if self.total_ns else 0.0

    def add(self, other: Totals) -> None:
        """Add the totals of another window or process for the same subject."""
        self.seconds = max(self.seconds, other.seconds)
        self.count += other.count
        self.failures += other.failures
        self.slow += other.slow
        self.blocking += other.blocking
        self.not_run += other.not_run
        self.request_calls += other.request_calls
        self.total_ns += other.total_ns
        self.self_ns += other.self_ns
        self.receivers_ns += other.receivers_ns
        self.waiting_ns += other.waiting_ns
        self.other_ns += other.other_ns
        self.waited_ns += other.waited_ns
        self.waited_count += other.waited_count
        self.max_ns = max(self.max_ns, other.max_ns)
        merge(self.buckets, other.buckets)
        self.app = self.app or other.app
        self.path = self.path or other.path
        self.line = self.line or other.line
        self.last_at = max(filter(None, (self.last_at, other.last_at)), default=None)
        if (other.last_failure_at or 0) > (self.last_failure_at or 0):
            self.last_failure = other.last_failure
            self.last_failure_at = other.last_failure_at
            self.last_failure_dispatch = other.last_failure_dispatch


@dataclass(slots=True)
class Batch:
    """The records that one process writes at once.

    ``totals`` are cumulative for their window: a row that is written again replaces the former one, so the next batch
    makes up for a lost one. ``amendments`` and ``transaction_ends`` may name dispatches that were never stored; these
    are ignored. ``facts`` are cumulative for their process, as ``totals`` are. ``registry`` replaces the former one
    of the process.
    """

    process: Process
    dispatches: Sequence[Dispatch] = ()
    amendments: Sequence[Amendment] = ()
    requests: Sequence[Request] = ()
    totals: Sequence[Totals] = ()
    transaction_ends: Sequence[TransactionEnd] = ()
    registry: Registry | None = None
    facts: Sequence[Fact] = ()


def first_window(since: float, now: float | None = None) -> int:
    """The start of the first window that had not ended at a time."""
    due = block_of((time.time() if now is None else now) - SHORT_KEPT_SECONDS)
    return block_of(since) if since < due else int(since) // WINDOW_SECONDS * WINDOW_SECONDS


class Store(ABC):
    """Storage shared by all processes: they write their records to it, and the dashboard reads them.

    Every method may be called from any thread. A method that fails raises StoreError.
    """

    @property
    @abstractmethod
    def location(self) -> str:
        """Where the data is, as a text for people: the path of a file, or "this process"."""

    @abstractmethod
    def write(self, batch: Batch) -> None:
        """Store a batch and its process in one transaction."""

    @abstractmethod
    def cursor(self) -> str:
        """A token that changes with every write of any process."""

    @abstractmethod
    def dispatches(self, where: DispatchFilter, limit: int = 50) -> list[Dispatch]:
        """Stored dispatches that match, newest first."""

    @abstractmethod
    def arrivals(self, where: DispatchFilter, after: int, limit: int) -> list[tuple[int, Dispatch]]:
        """Those of the last ``limit`` stored dispatches that match and have a number above ``after``, newest first.

        Dispatches are numbered in the order in which they are stored, whichever process stores them.
        """

    @abstractmethod
    def last_arrival(self) -> int:
        """The number of the dispatch that was stored last; 0 if there is none."""

    @abstractmethod
    def count(self, where: DispatchFilter) -> int:
        """How many stored dispatches match."""

    @abstractmethod
    def tree(self, root_id: str, limit: int = 500) -> list[Dispatch]:
        """The stored dispatches under one outermost dispatch, itself included, in order of their start."""

    @abstractmethod
    def dispatch(self, dispatch_id: str) -> Dispatch | None:
        """One dispatch, or None if it was not stored or was deleted."""

    @abstractmethod
    def requests(
        self,
        limit: int = 50,
        *,
        path: str = "",
        view: str = "",
        slow_ms: float = 0.0,
        before: float = 0.0,
        processes: Sequence[str] | None = None,
    ) -> list[Request]:
        """Stored requests, newest first.

        ``path`` and ``view``, which is a method and a view, match as the names of a ``DispatchFilter`` do; ``slow_ms``
        is a least duration; ``before``, in seconds since the epoch, keeps what started earlier. ``processes`` are the
        ids of processes, None for all.
        """

    @abstractmethod
    def request(self, request_id: str) -> Request | None:
        """One request, or None if it was not stored or was deleted."""

    @abstractmethod
    def totals(
        self,
        kind: SubjectKind,
        since: float | None = None,
        key: str | None = None,
        processes: Sequence[str] | None = None,
    ) -> list[Totals]:
        """Totals per subject, added up over all processes, or over those whose ids are given.

        Since the start of the processes or, with ``since`` (seconds since the epoch), over the windows that had not
        ended then. With ``key``, of one subject only. Without order.
        """

    @abstractmethod
    def history(
        self, kind: SubjectKind, key: str, since: float, processes: Sequence[str] | None = None
    ) -> list[Totals]:
        """One subject's totals window by window since a time, added up over processes, oldest first."""

    @abstractmethod
    def complete_since(self) -> float:
        """The time since which no window was deleted to make space, in seconds since the epoch; 0 if none ever was."""

    @abstractmethod
    def processes(self) -> list[Process]:
        """The processes that have reported, newest report first.

        Of those that have ended, the oldest are added up by the hour; after a day, they are left out.
        """

    @abstractmethod
    def registries(self) -> list[Registry]:
        """What is connected in each process: the newest registry of each, newest first.

        Those of the MAX_REGISTRIES processes that reported last are kept.
        """

    @abstractmethod
    def bulk_operations(self) -> list[BulkOperation]:
        """Bulk operations on models that have receivers, added up over all processes, the latest first."""

    @abstractmethod
    def row_signals(self) -> list[RowSignals]:
        """What the signals of models said of their rows, by receiver, added up over all processes, the latest first."""

    @abstractmethod
    def orphan_sends(self) -> list[OrphanSends]:
        """Who sent signals that found no receiver, added up over all processes, the latest first."""

    @abstractmethod
    def clear(self) -> None:
        """Delete everything."""

    @abstractmethod
    def close(self) -> None:
        """Close files and connections of this process; a later call opens them again."""


def added_facts(facts: Iterable[F]) -> list[F]:
    """Add up facts with the same key, the latest first."""
    by_key: dict[str, F] = {}
    for fact in facts:
        known = by_key.get(fact.key)
        by_key[fact.key] = fact if known is None else known.plus(fact)
    return sorted(by_key.values(), key=lambda fact: -fact.last_at)


def merged(rows: Iterable[Totals]) -> list[Totals]:
    """Add up totals of the same subject; the sum's window is the first one's."""
    by_key: dict[str, Totals] = {}
    for row in rows:
        if row.key in by_key:
            by_key[row.key].add(row)
        else:
            mine = Totals(kind=row.kind, key=row.key, window=row.window)
            mine.add(row)
            by_key[row.key] = mine
    return list(by_key.values())
