"""Frozen records of dispatches: names and numbers only.

No record refers to a sender, a receiver, a named argument or an exception: it would keep models, frames and requests
alive, and weakly connected receivers would never be deleted.

Every duration is in nanoseconds, every ``*_at`` is wall-clock time in seconds since the epoch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

from signal_monitor.database_records import (
    DatabaseWork,
    LongStatement,
    LongTransaction,
    ModelArguments,
    WorkSum,
    added_work,
)

from .tracing import Tracing

MAX_SITES = 3
"""Lines of code that ``OrphanSends`` has."""
Method = Literal["send", "send_robust", "asend", "asend_robust"]
Outcome = Literal["ok", "raised", "swallowed", "cancelled", "late", "not_run"]
Severity = Literal["normal", "slow", "critical"]
OriginKind = Literal["request", "task", "command"]
SubjectKind = Literal["receiver", "signal", "sender", "view", "task", "command"]
Outside = Literal["thread", "event loop", "send method", "log handlers"]
"""What a dispatch waits for, or does itself, while none of its receivers runs."""

Wait = Literal[
    "a lock", "a condition", "an event", "a barrier", "a semaphore", "a thread", "a queue", "a future", "sleep",
    "a socket", "a subprocess", "the database",
]  # fmt: skip
"""What a receiver waits for; "sleep" is the end of a pause that it makes."""
WAITING: tuple[Outside, ...] = ("thread", "event loop")
"""What of that is waiting: for a thread of ``sync_to_async``, or for the event loop to go on."""
METHODS: tuple[Method, ...] = get_args(Method)
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
SEVERITIES: tuple[Severity, ...] = get_args(Severity)
NO_VIEW = "(no view)"
"""What stands for the view of a request that reached none."""
HTTP_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "QUERY"})
BROWSER_END = "-"
"""What stands in the id of a request after that of its browser, if somebody follows that."""
CANCELLATIONS = ("asyncio.exceptions.CancelledError", "GeneratorExit")
# The outcome of a dispatch is the first of these that one of its receiver calls has.
WORST_FIRST: tuple[Outcome, ...] = ("raised", "swallowed", "cancelled", "not_run", "late", "ok")


@dataclass(frozen=True, slots=True)
class Frame:
    """One line of a call stack."""

    path: str
    line: int
    function: str


@dataclass(frozen=True, slots=True)
class Failure:
    """An exception, as text.

    ``type`` is the qualified name of its class. ``message`` has only those arguments that are exactly str, int or
    float, so that no code of the application runs; it is None without such arguments. ``traceback`` has the outermost
    frame first, as Python prints it.
    """

    type: str
    message: str | None = None
    traceback: tuple[Frame, ...] = ()

    @property
    def summary(self) -> str:
        """The name of the class without its module, and the message."""
        name = self.type.rpartition(".")[2]
        return f"{name}: {self.message}" if self.message else name


@dataclass(frozen=True, slots=True)
class ReceiverCall:
    """One call of a receiver in a dispatch.

    ``offset_ns`` is the time since the start of the dispatch; it and ``duration_ns`` are 0 if the receiver was not
    called. ``nested_ns`` is the part of the duration that dispatches took which it sent, ``repeated_ns`` the part that
    calls of the same receiver took inside these. ``app`` is the name of the installed application that defines the
    receiver, if any. ``queries`` and ``query_ns`` are its own database queries, of all aliases, without those of
    dispatches that it sent; ``databases`` has them by alias, with the open transactions, and ``mails`` and ``tasks``
    are how many it sent and queued. All of these are None or empty if database work was not observed. ``slow_stack``
    is its stack, outermost frame first, ``slow_seen_ns`` after its start, when it had run beyond its limit;
    ``slow_line`` is the innermost frame of the project's own code in it. ``slow_wait`` is what it waited for there,
    where two stacks in a row show it.
    """

    receiver: str
    index: int
    outcome: Outcome = "ok"
    offset_ns: int = 0
    duration_ns: int = 0
    is_async: bool = False
    severity: Severity = "normal"
    failure: Failure | None = None
    app: str | None = None
    path: str | None = None
    line: int | None = None
    queries: int | None = None
    query_ns: int | None = None
    span_id: str | None = None
    nested_ns: int = 0
    repeated_ns: int = 0
    slow_line: Frame | None = None
    slow_stack: tuple[Frame, ...] = ()
    slow_seen_ns: int | None = None
    slow_wait: Wait | None = None
    databases: tuple[DatabaseWork, ...] = ()
    mails: int | None = None
    tasks: int | None = None

    @property
    def work(self) -> WorkSum:
        """Its database work, added up over aliases."""
        return added_work(self.databases)

    @property
    def self_ns(self) -> int:
        """Own time: the duration without the dispatches that it sent."""
        return max(0, self.duration_ns - self.nested_ns)

    @property
    def failed(self) -> bool:
        """Whether the receiver raised an exception, swallowed ones included."""
        return self.failure is not None and self.outcome != "cancelled"


@dataclass(frozen=True, slots=True)
class Dispatch:
    """One call of one send method, from start to end.

    ``id`` is unique among all processes of a store. ``root_id`` is the id of the outermost dispatch around this one; at
    ``depth`` 0 it is its own id. ``parent_index`` is the position, in the parent dispatch, of the receiver call that
    sent this one. ``outside`` is the time in which none of its receivers ran, by what it did or waited for;
    ``nested_outside`` is the same of the dispatches sent inside it, and ``nested_ns`` is the time of all of these.
    ``stack`` and ``call_site`` are recorded if the dispatch was slow, failed, or the first of its signal and sender in
    its process. Of a dispatch with very many receiver calls, ``calls_left_out`` are not stored. ``blocked_loop`` is
    True if a plain send blocked a running event loop. ``trace_id`` and ``span_id`` are lower-case hexadecimal, as
    OpenTelemetry prints them. ``skipped`` are the names of receivers that a send method of a subclass has not called,
    the first of ``skipped_count``. ``sent_by`` says what of the parent dispatch sent this one, if no receiver: its send
    method, or a log handler to which it told a failure. ``arguments`` is what a signal of Django's models said of its
    row; None for other signals, and if database work was not observed.
    """

    id: str
    root_id: str
    signal: str
    sender: str
    method: Method
    started_at: float
    duration_ns: int
    calls: tuple[ReceiverCall, ...] = ()
    parent_id: str | None = None
    parent_index: int | None = None
    depth: int = 0
    severity: Severity = "normal"
    origin_kind: OriginKind | None = None
    origin_id: str | None = None
    process: str = ""
    thread: str = ""
    trace_id: str | None = None
    span_id: str | None = None
    in_transaction: bool | None = None
    blocked_loop: bool | None = None
    call_site: Frame | None = None
    stack: tuple[Frame, ...] = ()
    skipped: tuple[str, ...] = ()
    skipped_count: int = 0
    failure: Failure | None = None
    calls_left_out: int = 0
    outside: dict[Outside, int] = field(default_factory=dict)
    nested_outside: dict[Outside, int] = field(default_factory=dict)
    nested_ns: int = 0
    sent_by: Outside | None = None
    arguments: ModelArguments | None = None

    @property
    def call_count(self) -> int:
        """The number of receiver calls, with those that are not stored."""
        return len(self.calls) + self.calls_left_out

    @property
    def work(self) -> WorkSum:
        """The database work of its receiver calls, without that of dispatches inside them."""
        return added_work(work for call in self.calls for work in call.databases)

    @property
    def outcome(self) -> Outcome:
        """The worst outcome of the receiver calls."""
        seen = {call.outcome for call in self.calls}
        if self.failure is not None:
            seen.add("raised")
        return next((outcome for outcome in WORST_FIRST if outcome in seen), "ok")

    @property
    def own_failure(self) -> Failure | None:
        """The exception that reached the caller, unless it is that of a receiver."""
        mine = self.failure
        shown = [call.failure for call in self.calls if call.outcome == "raised" and call.failure is not None]
        if mine is not None and any((item.type, item.message) == (mine.type, mine.message) for item in shown):
            return None
        return mine

    @property
    def failed(self) -> bool:
        """Whether an exception reached the caller, or one of a receiver was swallowed."""
        return self.failure is not None or any(call.failed for call in self.calls)

    @property
    def ended_at(self) -> float:
        """When it ended, in seconds since the epoch."""
        return self.started_at + self.duration_ns / 1e9

    @property
    def outside_receivers_ns(self) -> int:
        """Time of the dispatch in which no receiver ran, neither its own nor one further inside."""
        return sum(self.outside.values()) + sum(self.nested_outside.values())

    @property
    def all_outside(self) -> dict[Outside, int]:
        """Time in which no receiver ran, neither its own nor one further inside, by what it did or waited for."""
        kinds = dict.fromkeys([*self.outside, *self.nested_outside])
        return {kind: self.outside.get(kind, 0) + self.nested_outside.get(kind, 0) for kind in kinds}

    @property
    def receivers_ns(self) -> int:
        """Time in which a receiver ran, here or further inside: what counts against the limit."""
        return max(0, self.duration_ns - self.outside_receivers_ns)

    @property
    def self_ns(self) -> int:
        """Own time of its receivers."""
        return max(0, self.duration_ns - sum(self.outside.values()) - self.nested_ns)

    @property
    def waiting_ns(self) -> int:
        """Time spent waiting for a thread or the event loop, here or further inside."""
        return waiting_ns(self.outside) + waiting_ns(self.nested_outside)


def waiting_ns(outside: Mapping[Outside, int]) -> int:
    """What of the time outside receivers is waiting."""
    return sum(outside.get(kind, 0) for kind in WAITING)


def has_failed(status: int | None, failure: str | None) -> bool:
    """Whether a request with this status, and an exception of this type, has failed."""
    return status >= 500 if status is not None else failure is not None and failure not in CANCELLATIONS


def view_key(method: str, view: str | None) -> str:
    """The name under which the requests of a view are added up: its method and its name ("GET shop:cart").

    A client may send any method; all that HTTP does not know are one.
    """
    return f"{method if method in HTTP_METHODS else '(other)'} {view or NO_VIEW}"


@dataclass(frozen=True, slots=True)
class Durations:
    """Many durations added up; ``buckets`` as in ``signal_monitor.histograms``."""

    count: int
    total_ns: int
    max_ns: int
    buckets: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class AggregatedCalls:
    """The calls of one receiver in many dispatches; all ended alike and none is slow.

    They are ok, or have failed with ``failure``; ``not_run`` counts the dispatches that did not come to it.
    ``durations`` are own times, without the ``nested_ns`` of what the calls have sent.
    """

    receiver: str
    durations: Durations
    app: str | None = None
    path: str | None = None
    line: int | None = None
    outcome: Outcome = "ok"
    not_run: int = 0
    failure: Failure | None = None
    nested_ns: int = 0


@dataclass(frozen=True, slots=True)
class Aggregate:
    """Dispatches of one signal and sender that are added up and not recorded individually.

    They are routine, or have failed in the same call, as others that are recorded; ``failure`` is what they raised.
    ``durations`` are without the ``logging_ns`` in which log handlers ran, between receivers; the ``nested_ns`` in
    which the receivers' own dispatches ran are part of them.
    Of a signal of Django's models, ``created`` were for new rows, ``existing`` for others, and ``raw`` of both while
    fixtures were loaded.
    """

    signal: str
    sender: str
    ended_at: float
    durations: Durations
    calls: tuple[AggregatedCalls, ...]
    created: int = 0
    existing: int = 0
    raw: int = 0
    failure: Failure | None = None
    logging_ns: int = 0
    nested_ns: int = 0

    @property
    def failing(self) -> Failure | None:
        """What has left the send method, or was swallowed by it."""
        return self.failure or next((calls.failure for calls in self.calls if calls.failure is not None), None)


@dataclass(frozen=True, slots=True)
class Amendment:
    """The outcome of a receiver call that ended after its dispatch.

    ``replaces`` is the outcome that was recorded before: late, or not_run if the call had not begun. ``offset_ns`` is
    when it began, counted from the start of the dispatch. ``makes_slow`` and ``makes_failed`` say that the dispatch is
    slow, or has failed, since this call ended.
    """

    dispatch_id: str
    index: int
    duration_ns: int
    outcome: Outcome
    severity: Severity = "normal"
    failure: Failure | None = None
    replaces: Outcome = "late"
    signal: str = ""
    offset_ns: int | None = None
    nested_ns: int = 0
    repeated_ns: int = 0
    sender: str = ""
    makes_slow: bool = False
    makes_failed: bool = False


@dataclass(frozen=True, slots=True)
class ReceiverSum:
    """The calls of one receiver in a request: the time of all of them, and their own time.

    A moment counts once, so that neither exceeds the duration of the request, unless it ran in several threads.
    ``longest_ns`` is the longest own time. ``slow`` calls reached their limit. ``queries`` are the database queries
    that all of them ran themselves, and ``query_ns`` is the time of these.
    """

    receiver: str
    calls: int
    total_ns: int
    self_ns: int
    longest_ns: int = 0
    slow: int = 0
    failed: int = 0
    queries: int = 0
    query_ns: int = 0


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request and what it spent in signals.

    ``signal_ns`` is the time during which at least one outermost dispatch was running before the response was ready;
    overlapping dispatches are counted once. ``outside`` is the part of it in which no receiver ran. ``after_count``
    dispatches with ``after_receivers`` receiver calls came after the response, such as those of ``request_finished``,
    and took ``after_ns`` more. ``receivers`` has the most own time first; ``receivers_left_out`` are not in it.
    ``summed_count`` is how many dispatches the sums cover: those of a request with too many cover the last ones.
    ``failure`` is the exception for which Django answered with a status of 500, or that ended the request without a
    response. ``view`` is the name of the view or its function. ``span_id`` is None if the trace was not sampled,
    ``worst_span_id`` is that of the receiver call that failed, or had the most own time, among those that have a span.
    ``running`` requests have not ended: the numbers are those so far. ``databases`` is the database work until the
    response, in receivers or not, by alias; with it, ``mails`` and ``tasks`` are how many were sent and queued.
    ``transactions`` are those that had written and lasted at least 50 ms from the first write on, and ``statements``
    the statements, and commits, that took as long. These are None or empty if database work was not observed.
    """

    id: str
    method: str
    path: str
    started_at: float
    duration_ns: int
    status: int | None = None
    view: str | None = None
    signal_ns: int = 0
    dispatch_count: int = 0
    receiver_count: int = 0
    failed_count: int = 0
    slow_count: int = 0
    process: str = ""
    trace_id: str | None = None
    span_id: str | None = None
    outside: dict[Outside, int] = field(default_factory=dict)
    after_count: int = 0
    after_receivers: int = 0
    after_ns: int = 0
    summed_count: int = 0
    receivers: tuple[ReceiverSum, ...] = ()
    receivers_left_out: int = 0
    failure: Failure | None = None
    running: bool = False
    worst_span_id: str | None = None
    databases: tuple[DatabaseWork, ...] = ()
    mails: int | None = None
    tasks: int | None = None
    transactions: tuple[LongTransaction, ...] = ()
    statements: tuple[LongStatement, ...] = ()

    @property
    def work(self) -> WorkSum:
        """Its database work, added up over aliases."""
        return added_work(self.databases)

    @property
    def view_key(self) -> str:
        """The name under which it is added up with the others of its view."""
        return view_key(self.method, self.view)

    @property
    def receivers_ns(self) -> int:
        """Signal time in which a receiver ran."""
        return max(0, self.signal_ns - sum(self.outside.values()))

    @property
    def waiting_ns(self) -> int:
        """Signal time spent waiting for a thread or the event loop."""
        return waiting_ns(self.outside)

    @property
    def receivers_share(self) -> float:
        """Time in receivers as a share of the duration of the request, from 0 to 1."""
        return self.share_of(self.receivers_ns)

    def share_of(self, part_ns: int) -> float:
        """A part of the duration of the request as a share of it, from 0 to 1."""
        return min(1.0, part_ns / self.duration_ns) if self.duration_ns else 0.0

    @property
    def overlaps(self) -> bool:
        """Whether the own times of its receivers add up to more than the time in receivers."""
        return sum(row.self_ns for row in self.receivers) > (self.receivers_ns + self.after_ns) * 1.01

    @property
    def failed(self) -> bool:
        """Whether it was answered with an error of the server, or not at all; one that was cancelled has not failed."""
        return has_failed(self.status, self.failure.type if self.failure is not None else None)

    @property
    def cancelled(self) -> bool:
        """Whether it ended without a response because the client went away or its task was cancelled."""
        return self.status is None and self.failure is not None and self.failure.type in CANCELLATIONS


@dataclass(frozen=True, slots=True)
class RunningCall:
    """A receiver call that has not ended, as its process last reported it.

    ``stack`` is its stack at that moment, outermost frame first.
    """

    dispatch_id: str
    signal: str
    sender: str
    method: Method
    receiver: str
    index: int
    started_at: float
    running_ns: int
    depth: int = 0
    process: str = ""
    thread: str = ""
    origin_kind: OriginKind | None = None
    origin_id: str | None = None
    is_async: bool = False
    severity: Severity = "normal"
    stack: tuple[Frame, ...] = ()


@dataclass(frozen=True, slots=True)
class OrphanSends:
    """Sends of a signal by one sender that found no receiver, as far as they were looked at.

    ``sites`` are a few lines of code that send. Where a signal is sent often, only one of them a second is looked at:
    ``Process.orphans`` counts all of them, without their senders.
    """

    signal: str
    sender: str
    count: int = 0
    sites: tuple[Frame, ...] = ()
    last_at: float = 0.0

    @property
    def key(self) -> str:
        """What makes two of them the same."""
        return f"{self.signal} {self.sender}"

    def plus(self, other: OrphanSends) -> OrphanSends:
        """The sum of two with the same key."""
        return replace(
            self,
            count=self.count + other.count,
            sites=tuple(dict.fromkeys((*self.sites, *other.sites)))[:MAX_SITES],
            last_at=max(self.last_at, other.last_at),
        )


@dataclass(frozen=True, slots=True)
class Process:
    """A process that reports to the store.

    ``title`` is its program and first arguments ("daphne demo.asgi", "manage.py migrate"). ``rate`` is the number of
    dispatches per second over the last seconds. ``dropped`` counts lost records by reason, ``orphans`` dispatches
    without receivers by signal, ``errors`` the monitor's own errors. ``mode`` is how sends are observed: "with plans",
    "without plans" or "off". ``ended_at`` is None while the process runs, and if it was killed. ``count`` is how many
    processes this one stands for: those that ended long ago are added up. ``serves`` says whether it has worked for a
    request or a task: a server or a worker, and no command that runs once. ``tracing`` is what becomes of its spans.
    ``worker_percent`` is how much of a processor core the monitor's own thread took over the last seconds.
    """

    id: str
    pid: int
    host: str
    title: str
    started_at: float
    seen_at: float
    ended_at: float | None = None
    rate: float = 0.0
    dispatches: int = 0
    queue_length: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    orphans: dict[str, int] = field(default_factory=dict)
    errors: int = 0
    last_error: str | None = None
    versions: dict[str, str] = field(default_factory=dict)
    mode: str = "without plans"
    running: tuple[RunningCall, ...] = ()
    count: int = 1
    running_requests: tuple[Request, ...] = ()
    serves: bool = False
    tracing: Tracing = field(default_factory=Tracing)
    worker_percent: float = 0.0
