"""One HTTP request or task as an origin of dispatches, and its dispatches added up."""

from __future__ import annotations

import itertools
import random
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from operator import sub
from time import perf_counter
from types import MappingProxyType
from typing import NamedTuple
from weakref import WeakValueDictionary

from signal_monitor.database.notes import DatabaseNotes
from signal_monitor.instrumentation.current import Origin, Record
from signal_monitor.instrumentation.info import RawFailure
from signal_monitor.instrumentation.record import (
    Ancestor,
    by_info,
    call_times,
    columns_of,
    database_notes_of,
    details_of,
    info_of,
    parent_of,
    spans_of,
)
from signal_monitor.records import OriginKind, Outside, ReceiverSum, SubjectKind, has_failed, view_key, waiting_ns

from .divided import Divided, plain_until
from .intervals import Intervals, length, moments_from, moments_until, nanoseconds
from .own_times import DispatchTimes, OwnTimes, outside_of
from .receiver_calls import ReceiverCalls
from .send_methods import Ended, SendMethods


class _Random:
    """Random numbers for ids: they take a fifth of the time of those of ``secrets``."""

    bits = random.Random().getrandbits  # noqa: S311 - nobody has to guess them


def seed_ids() -> None:
    """Give other ids than before from now on: this is a forked child."""
    _Random.bits = random.Random().getrandbits  # noqa: S311


class TimedOrigin(Origin):
    """A request or task that is timed, and whose dispatches are added up when it has ended."""

    __slots__ = ("_looked", "_plain", "answered_count", "ended", "failure", "started", "started_at", "sums")

    subject: SubjectKind
    """As what it is added up with others of its kind."""

    def __init__(self, kind: OriginKind, origin_id: str, *, pending: bool = False) -> None:
        super().__init__(kind, origin_id, pending=pending)
        self.started_at = time.time()
        self.started = perf_counter()
        self.ended = 0.0
        self.answered_count = 0
        self.failure: RawFailure | None = None
        self.sums: RequestTotals | None = None
        self._looked = False
        self._plain: Sequence[Record] | None = None

    @property
    def key(self) -> str:
        """The name under which it is added up with others."""
        raise NotImplementedError

    @property
    def failed(self) -> bool:
        """Whether it has failed."""
        return self.failure is not None

    @property
    def duration_ns(self) -> int:
        """From its start to its end, in nanoseconds; to now while it runs. A request ends with its response."""
        return round(((self.ended or perf_counter()) - self.started) * 1e9)

    def end(self) -> None:
        """It is done, or its response is ready; calling it again changes nothing."""
        if not self.ended:
            self.ended, self.answered_count = perf_counter(), self.dispatch_count

    def add_up(self) -> RequestTotals:
        """What its dispatches amount to, once it is closed."""
        if self.sums is None:
            self.sums = add_up(self)
        return self.sums

    def plain_dispatches(self) -> Sequence[Record] | None:
        """Its dispatches before the response, once it is closed, if all are plain and followed one another; or None."""
        if not self._looked:
            self._looked = True
            if self.ended and self.dispatch_count == len(self.records):
                self._plain = plain_until(list(self.records), self.answered_count, self.ended)
        return self._plain

    def forget_records(self) -> None:
        """Keep no dispatch alive."""
        super().forget_records()
        self._looked, self._plain = True, None


class RequestOrigin(TimedOrigin):
    """A request under way; ``claimed`` once the middleware has said which one it is.

    ``view_resolved`` once it is known whether the view is one of the dashboard's.

    ``framed`` ones were begun by ``request_started`` and end with ``request_finished``; the others, made by hand in
    tests and scripts, end with their response.
    """

    __slots__ = (
        "__weakref__",
        "claimed",
        "framed",
        "method",
        "path",
        "span_id",
        "status",
        "trace_id",
        "view",
        "view_resolved",
    )
    subject = "view"

    def __init__(self, *, framed: bool, pending: bool = False) -> None:
        super().__init__("request", f"{_Random.bits(64):016x}", pending=pending)
        self.framed = framed
        self.claimed = self.view_resolved = False
        self.method = self.path = ""
        self.view: str | None = None
        self.status: int | None = None
        self.trace_id: str | None = None
        self.span_id: str | None = None

    @property
    def key(self) -> str:
        """Its method and view."""
        return view_key(self.method, self.view)

    @property
    def failed(self) -> bool:
        """Whether it was answered with an error of the server, or not at all and not because it was cancelled."""
        return has_failed(self.status, self.failure.type if self.failure is not None else None)


open_requests: WeakValueDictionary[int, RequestOrigin] = WeakValueDictionary()
"""The requests that the middleware has seen begin, and that have not ended, by their ``id()``."""


def running_requests() -> list[RequestOrigin]:
    """The requests under way, oldest first."""
    under_way = [origin for origin in list(open_requests.values()) if not origin.closed and not origin.ignored]
    return sorted(under_way, key=lambda origin: origin.started)


class Waited(NamedTuple):
    """The calls of one receiver that ended before the response, and their own time."""

    calls: int
    own_ns: int


class RequestTotals(NamedTuple):
    """The dispatches of a request added up; see ``records.Request``."""

    signal_ns: int
    outside: Mapping[Outside, int]
    dispatch_count: int
    receiver_count: int
    failed_count: int
    slow_count: int
    after_count: int
    after_receivers: int
    after_ns: int
    summed_count: int
    calls: Mapping[str, ReceiverCalls]
    worst_span_id: str | None = None
    waited: Mapping[str, Waited] = MappingProxyType({})

    @property
    def receivers(self) -> list[ReceiverSum]:
        """The sums of each receiver, the most own time first; most requests are not looked at so closely."""
        rows = [calls.row(name) for name, calls in self.calls.items()]
        return sorted(rows, key=lambda row: (-row.self_ns, row.receiver))

    @property
    def receivers_ns(self) -> int:
        """Signal time in which a receiver ran."""
        return max(0, self.signal_ns - sum(self.outside.values()))

    @property
    def waiting_ns(self) -> int:
        """Signal time spent waiting for a thread or the event loop."""
        return waiting_ns(self.outside)


def add_up(origin: TimedOrigin) -> RequestTotals:
    """What the dispatches of a request or task amount to so far.

    Those that ended after the response are counted, and take no part in the signal time.
    """
    records = list(origin.records)
    left_out = origin.dispatch_count - len(records)
    answered = max(0, origin.answered_count - left_out) if origin.ended else len(records)
    divided = Divided.of(records, answered)
    summed = _Sums(origin)
    summed.add_plain(divided.plain, is_after=False)
    summed.add_plain(divided.plain_after, is_after=True)
    if divided.others:
        summed.add_others(divided.others, {id(record) for record in records[answered:]})
    return summed.totals(left_out)


class _Sums:
    """Adds up dispatches, in the order of their ends."""

    def __init__(self, origin: TimedOrigin) -> None:
        self._ended = origin.ended or perf_counter()
        self._known: set[int] = set()
        self._times = OwnTimes()
        self._outermost: list[DispatchTimes] = []
        self._plain: Intervals = []
        self._receivers: defaultdict[str, ReceiverCalls] = defaultdict(ReceiverCalls)
        self._after: defaultdict[str, ReceiverCalls] = defaultdict(ReceiverCalls)
        self._counts = [0, 0]
        self._calls = [0, 0]
        self._failed = 0
        self._worst: tuple[bool, float] = (False, -1.0)
        self._worst_span_id: str | None = None

    def add_plain(self, records: Sequence[Record], *, is_after: bool) -> None:
        """Add plain dispatches."""
        self._counts[is_after] += len(records)
        for info, several in by_info(records).items():
            columns = columns_of(several)
            self._calls[is_after] += len(several) * len(columns.ended)
            self._plain += zip(columns.started, columns.finished, strict=True)
            for receiver, begun, ended in zip(info.receivers, columns.begun, columns.ended, strict=False):
                seconds = list(map(sub, ended, begun))
                self._receivers[receiver.name].add_plain(seconds, receiver.slow_ns)
                if is_after:
                    self._after[receiver.name].add_plain(seconds, receiver.slow_ns)

    def add_others(self, records: Sequence[Record], after: AbstractSet[int]) -> None:
        """Add dispatches that are not plain; those whose ``id()`` is in ``after`` ended after the response."""
        self._known, methods = set(map(id, records)), SendMethods()
        for ended in itertools.chain(*map(methods.add, records), methods.release_all()):
            self._add(ended, is_after=id(ended.record) in after)

    def _add(self, ended: Ended, *, is_after: bool) -> None:
        record = ended.record
        parent, read = self._parent_of(record), call_times(record)
        parent_key = id(parent.record) if parent is not None else None
        times = self._times.add(record, read, id(record), parent, parent_key, ended.within(id(ended.method)))
        if parent is None:
            self._outermost.append(times)
        self._counts[is_after] += 1
        self._calls[is_after] += sum(1 for started, _ in read if started)
        failures = details.failures if (details := details_of(record)) is not None else {}
        self._failed += len(failures)
        queries = _queries_by_call(record)
        for index, (receiver, call) in enumerate(zip(info_of(record).receivers, times.calls, strict=False)):
            if call is not None and read[index].ended:
                mine = self._receivers[receiver.name]
                mine.add(call, slow_ns=receiver.slow_ns, failed=index in failures)
                mine.add_queries(*queries.get(index, (0, 0.0)))
                if is_after:
                    self._after[receiver.name].add(call, slow_ns=receiver.slow_ns, failed=False)
                self._compare(record, index, (index in failures, call.own_seconds))

    def _compare(self, record: Record, index: int, badness: tuple[bool, float]) -> None:
        """Keep the span of the worst receiver call so far, among those that have one."""
        if badness > self._worst and (spans := spans_of(record)) is not None:
            span_id = spans.receiver_span_id_hex(index)
            if span_id is not None:
                self._worst, self._worst_span_id = badness, span_id

    def _parent_of(self, record: Record) -> Ancestor | None:
        """The receiver call around a dispatch; None if it is another request's, or its dispatch has not ended."""
        parent = parent_of(record, with_aggregated=True)
        return parent if parent is not None and id(parent.record) in self._known else None

    def totals(self, left_out: int) -> RequestTotals:
        """The sums; ``left_out`` dispatches were too many to keep, and are counted only."""
        moments = [*self._plain, *((one.started, one.ended) for one in self._outermost)]
        windows = moments_until(moments, self._ended)
        outside = outside_of(self._outermost, windows, self._plain)
        return RequestTotals(
            signal_ns=nanoseconds(length(windows)),
            outside={kind: nanoseconds(length(waited)) for kind, waited in outside.items()},
            dispatch_count=left_out + sum(self._counts),
            receiver_count=sum(self._calls),
            failed_count=self._failed,
            slow_count=sum([calls.slow for calls in self._receivers.values()]),
            after_count=self._counts[True],
            after_receivers=self._calls[True],
            after_ns=nanoseconds(length(moments_from(moments, self._ended))),
            summed_count=sum(self._counts),
            calls=self._receivers,
            worst_span_id=self._worst_span_id,
            waited=dict(self._waited()),
        )

    def _waited(self) -> Iterator[tuple[str, Waited]]:
        """What the request waited for: all but the calls after the response."""
        for name, calls in self._receivers.items():
            late = self._after.get(name)
            if late is None:
                yield name, Waited(calls.calls, calls.self_ns)
            elif calls.calls > late.calls:
                yield name, Waited(calls.calls - late.calls, max(0, calls.self_ns - late.self_ns))


def _queries_by_call(record: Record) -> Mapping[int, tuple[int, float]]:
    notes: DatabaseNotes | None = database_notes_of(record)
    return notes.queries_by_call() if notes is not None else {}
