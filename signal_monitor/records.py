"""Frozen records of dispatches: names and numbers only.

No record refers to a sender, a receiver, a named argument or an exception: it would keep models, frames and requests
alive, and weakly connected receivers would never be deleted.

Every duration is in nanoseconds, every ``*_at`` is wall-clock time in seconds since the epoch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

Method = Literal["send", "send_robust", "asend", "asend_robust"]
Outcome = Literal["ok", "raised", "swallowed", "cancelled", "late", "not_run"]
Severity = Literal["normal", "slow", "critical"]
OriginKind = Literal["request", "task", "command"]
SubjectKind = Literal["receiver", "signal", "sender"]

METHODS: tuple[Method, ...] = get_args(Method)
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
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
    called. ``app`` is the name of the installed application that defines the receiver, if any. ``queries`` is None if
    queries were not counted.
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

    @property
    def failed(self) -> bool:
        """Whether the receiver raised an exception, swallowed ones included."""
        return self.failure is not None and self.outcome != "cancelled"


@dataclass(frozen=True, slots=True)
class Dispatch:
    """One call of one send method, from start to end.

    ``id`` is unique among all processes of a store. ``root_id`` is the id of the outermost dispatch around this one; at
    ``depth`` 0 it is its own id. ``parent_index`` is the position, in the parent dispatch, of the receiver call that
    sent this one. ``stack`` and ``call_site`` are recorded if the dispatch was slow, failed, or the first of its signal
    and sender in its process. Of a dispatch with very many receiver calls, ``calls_left_out`` are not stored, and
    ``stored_outside_ns`` is the time outside all of its receivers. ``blocked_loop`` is True if a plain send blocked a
    running event loop. ``trace_id`` and ``span_id`` are lower-case hexadecimal, as OpenTelemetry prints them.
    ``skipped`` are the names of receivers that a send method of a subclass has not called, the first of
    ``skipped_count``.
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
    stored_outside_ns: int | None = None

    @property
    def call_count(self) -> int:
        """The number of receiver calls, with those that are not stored."""
        return len(self.calls) + self.calls_left_out

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
    def outside_receivers_ns(self) -> int:
        """Time of the dispatch in which none of its receivers ran."""
        if self.stored_outside_ns is not None:
            return self.stored_outside_ns
        covered = end = 0
        for start, stop in sorted((call.offset_ns, call.offset_ns + call.duration_ns) for call in self.calls):
            # A late receiver ends after its dispatch.
            until = min(stop, self.duration_ns)
            covered += max(0, until - max(start, end))
            end = max(end, until)
        return self.duration_ns - covered


@dataclass(frozen=True, slots=True)
class Durations:
    """Many durations added up; ``buckets`` as in ``signal_monitor.histograms``."""

    count: int
    total_ns: int
    max_ns: int
    buckets: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class AggregatedCalls:
    """The calls of one receiver in many dispatches; all are ok and none is slow."""

    receiver: str
    durations: Durations
    app: str | None = None
    path: str | None = None
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Aggregate:
    """Routine dispatches of one signal and sender that are added up and not recorded individually."""

    signal: str
    sender: str
    ended_at: float
    durations: Durations
    calls: tuple[AggregatedCalls, ...]


@dataclass(frozen=True, slots=True)
class Amendment:
    """The outcome of a receiver call that ended after its dispatch.

    ``replaces`` is the outcome that was recorded before: late, or not_run if the call had not begun. ``offset_ns`` is
    when it began, counted from the start of the dispatch.
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


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request and what it spent in signals.

    ``signal_ns`` is the time during which at least one outermost dispatch was running; overlapping dispatches are
    counted once. ``view`` is the name of the view or its function. ``span_id`` is None if the trace was not sampled.
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

    @property
    def signal_share(self) -> float:
        """Signal time as a share of the duration of the request, from 0 to 1."""
        return min(1.0, self.signal_ns / self.duration_ns) if self.duration_ns else 0.0


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
class Process:
    """A process that reports to the store.

    ``title`` is its program and first arguments ("daphne demo.asgi", "manage.py migrate"). ``rate`` is the number of
    dispatches per second over the last seconds. ``dropped`` counts lost records by reason, ``orphans`` dispatches
    without receivers by signal, ``errors`` the monitor's own errors. ``mode`` is how sends are observed: "with plans",
    "without plans" or "off". ``ended_at`` is None while the process runs, and if it was killed. ``count`` is how many
    processes this one stands for: those that ended long ago are added up.
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
