"""What each page shows, read from the store and put in order; pages and their JSON twins draw from here."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter

from signal_monitor.conf import get_config
from signal_monitor.dashboard.forms import DEFAULT_PERIOD, DEFAULT_SORT, PERIODS
from signal_monitor.records import Dispatch, Process, ReceiverCall, Request, RunningCall, SubjectKind
from signal_monitor.stores.base import Store, Totals
from signal_monitor.stores.filters import DispatchFilter

GONE_AFTER_SECONDS = 10.0  # five reports missed
HISTORY_SECONDS = 3600
CARD_ROWS = 8
TABLE_ROWS = 50
LIST_ROWS = 500
LAST_CALLS = 8
MOST_OUTSIDE_NS = 10_000_000
"""What a dispatch may spend outside its receivers before the page says so."""

SORT_KEYS: dict[str, Callable[[Totals], float]] = {
    "p95": attrgetter("p95_ns"),
    "total": attrgetter("total_ns"),
    "count": attrgetter("count"),
    "failures": attrgetter("failures"),
}


@dataclass(frozen=True)
class ProcessState:
    """A process and whether it still lives, as far as the store can tell."""

    process: Process
    now: float

    @property
    def gone(self) -> bool:
        """Whether it has said good-bye, or has been silent for too long."""
        return self.process.ended_at is not None or self.now - self.process.seen_at > GONE_AFTER_SECONDS

    @property
    def up_seconds(self) -> float:
        """How long it has been up, or was."""
        return (self.process.seen_at if self.gone else self.now) - self.process.started_at

    @property
    def dropped(self) -> int:
        """Records it has lost, whatever the reason."""
        return sum(self.process.dropped.values())


@dataclass(frozen=True)
class Running:
    """A receiver call that has not ended, and the process it runs in."""

    call: RunningCall
    state: ProcessState

    @property
    def gone(self) -> bool:
        """Whether its process is gone, so that the call will never be seen to end."""
        return self.state.gone

    @property
    def running_ns(self) -> float:
        """How long it has been running by now; in a process that is gone, how long it had been when last seen."""
        if self.gone:
            return self.call.running_ns
        return max(self.call.running_ns, (self.state.now - self.call.started_at) * 1e9)


@dataclass(frozen=True)
class Overview:
    """The whole site at a glance."""

    receivers: Sequence[Totals]
    running: Sequence[Running]
    processes: Sequence[ProcessState]

    @property
    def slowest(self) -> list[Totals]:
        """Synchronous receivers by their p95."""
        return ordered([row for row in self.receivers if row.blocking], "p95")[:CARD_ROWS]

    @property
    def failing(self) -> list[Totals]:
        """Receivers that raised, the one that did so last first."""
        failing = [row for row in self.receivers if row.failures]
        return sorted(failing, key=lambda row: row.last_failure_at or 0, reverse=True)[:CARD_ROWS]

    @property
    def busiest(self) -> list[Totals]:
        """Receivers by the time they took altogether."""
        return ordered(self.receivers, "total")[:CARD_ROWS]

    @property
    def rate(self) -> float:
        """Dispatches per second of all living processes."""
        return sum(state.process.rate for state in self.processes if not state.gone)

    @property
    def calls(self) -> int:
        """Receiver calls of the period."""
        return sum(row.count for row in self.receivers)

    @property
    def failures(self) -> int:
        """Receiver calls of the period that raised."""
        return sum(row.failures for row in self.receivers)

    @property
    def slow(self) -> int:
        """Receiver calls of the period over their limit."""
        return sum(row.slow for row in self.receivers)

    @property
    def dropped(self) -> int:
        """Records lost by all processes."""
        return sum(state.dropped for state in self.processes)

    @property
    def dropped_by_reason(self) -> dict[str, int]:
        """Records lost by all processes, reason by reason."""
        return _added(state.process.dropped for state in self.processes)

    @property
    def orphans(self) -> dict[str, int]:
        """Dispatches that found no receiver, by signal, most first."""
        return orphans(self.processes)

    @property
    def alive(self) -> int:
        """Processes that still report."""
        return sum(not state.gone for state in self.processes)

    @property
    def live_running(self) -> list[Running]:
        """What runs in processes that still live."""
        return [row for row in self.running if not row.gone]


@dataclass(frozen=True)
class Subject:
    """One receiver or signal: its numbers, its last hour and its last slow and failed dispatches."""

    kind: SubjectKind
    name: str
    totals: Totals
    history: Sequence[Totals]
    recent: Sequence[Dispatch]
    slow: Sequence[tuple[Dispatch, ReceiverCall | None]]
    failed: Sequence[tuple[Dispatch, ReceiverCall | None]]
    relatives: Sequence[str]
    running: Sequence[Running]
    orphans: int
    known: bool

    @property
    def only_orphans(self) -> bool:
        """Whether all its dispatches found no receiver."""
        return bool(self.orphans) and not self.known


@dataclass(frozen=True)
class RequestDetail:
    """A request and those of its dispatches that were stored."""

    request: Request
    dispatches: Sequence[Dispatch]


def _added(counts: Iterable[dict[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for count in counts:
        total.update(count)
    return dict(total.most_common())


def since(period: str) -> float | None:
    """Start of a period, in seconds since the epoch, or None for all there is."""
    seconds = PERIODS[period or DEFAULT_PERIOD][1]
    return None if seconds is None else time.time() - seconds


def ordered(rows: Iterable[Totals], sort: str) -> list[Totals]:
    """Totals, largest first by the column of that name; equal ones by name."""
    key = SORT_KEYS[sort or DEFAULT_SORT]
    return sorted(rows, key=lambda row: (-key(row), row.key))


def limit_ns(name: str) -> int:
    """Duration in nanoseconds from which a receiver or signal of this name is slow."""
    return get_config().slow_limits.limit_ns(name)


def processes(store: Store) -> list[ProcessState]:
    """All processes the store knows, the living first."""
    now = time.time()
    return sorted((ProcessState(process, now) for process in store.processes()), key=lambda state: state.gone)


def running(store: Store, states: Sequence[ProcessState]) -> list[Running]:
    """Receiver calls that have not ended, longest first, those of processes that are gone last."""
    by_id = {state.process.id: state for state in states}
    rows = [Running(call, state) for state in by_id.values() for call in state.process.running]
    return sorted(rows, key=lambda row: (row.gone, -row.running_ns))


def overview(store: Store, period: str) -> Overview:
    """The overview of a period."""
    states = processes(store)
    return Overview(store.totals("receiver", since(period)), running(store, states), states)


def orphans(states: Iterable[ProcessState]) -> dict[str, int]:
    """Dispatches that found no receiver, by signal, most first; Django's own signals, which few listen to, last."""
    counts = _added(state.process.orphans for state in states)
    return dict(sorted(counts.items(), key=lambda item: item[0].startswith("django.")))


def subject(store: Store, kind: SubjectKind, name: str, period: str) -> Subject:
    """One receiver or signal over a period."""
    where = {"exact_receiver": name} if kind == "receiver" else {"exact_signal": name}
    totals = store.totals(kind, since(period), name)
    recent = store.dispatches(DispatchFilter(**where), TABLE_ROWS)  # type: ignore[arg-type]
    slow = store.dispatches(DispatchFilter(**where, slow=True), TABLE_ROWS)  # type: ignore[arg-type]
    failed = store.dispatches(DispatchFilter(**where, failed=True), TABLE_ROWS)  # type: ignore[arg-type]
    stored = [*recent, *slow, *failed]
    states = processes(store)
    relatives = (
        {dispatch.signal for dispatch in stored}
        if kind == "receiver"
        else {call.receiver for dispatch in stored for call in dispatch.calls}
    )
    return Subject(
        kind=kind,
        name=name,
        totals=totals[0] if totals else Totals(kind=kind, key=name),
        history=store.history(kind, name, time.time() - HISTORY_SECONDS),
        recent=recent,
        slow=_last_calls(slow, kind, name, lambda call: call.severity != "normal"),
        failed=_last_calls(failed, kind, name, attrgetter("failed")),
        relatives=sorted(relatives),
        running=[row for row in running(store, states) if getattr(row.call, kind) == name],
        orphans=orphans(states).get(name, 0) if kind == "signal" else 0,
        known=bool(totals or recent or store.totals(kind, None, name)),
    )


def _last_calls(
    dispatches: Iterable[Dispatch], kind: SubjectKind, name: str, fits: Callable[[ReceiverCall], bool]
) -> list[tuple[Dispatch, ReceiverCall | None]]:
    """The last dispatches with the longest receiver call that fits; a receiver's only where its own call does."""
    found = []
    for dispatch in dispatches:
        calls = [call for call in dispatch.calls if fits(call) and (kind == "signal" or call.receiver == name)]
        if calls or kind == "signal":
            found.append((dispatch, max(calls, key=attrgetter("duration_ns"), default=None)))
    return found[:LAST_CALLS]


def outside_ns(dispatch: Dispatch) -> int:
    """How long the dispatch lasted while none of its receivers ran."""
    covered = end = 0
    for start, stop in sorted((call.offset_ns, call.offset_ns + call.duration_ns) for call in dispatch.calls):
        # A late receiver ends after its dispatch.
        until = min(stop, dispatch.duration_ns)
        covered += max(0, until - max(start, end))
        end = max(end, until)
    return dispatch.duration_ns - covered


def is_mostly_outside(dispatch: Dispatch) -> bool:
    """Whether its receivers do not explain how long it took."""
    outside = outside_ns(dispatch)
    return outside > MOST_OUTSIDE_NS and outside * 2 > dispatch.duration_ns


def request_detail(store: Store, request_id: str) -> RequestDetail | None:
    """A request with its dispatches in order of their start, or None if it is not stored."""
    request = store.request(request_id)
    if request is None:
        return None
    dispatches = store.dispatches(DispatchFilter(origin_id=request_id), LIST_ROWS)
    return RequestDetail(request, sorted(dispatches, key=attrgetter("started_at", "depth")))
