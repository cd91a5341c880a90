"""The pages of one signal and of one receiver; they share a template."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from math import isinf
from operator import attrgetter
from typing import ClassVar

from django import forms

from signal_monitor.conf import get_config
from signal_monitor.dashboard import charts
from signal_monitor.dashboard.connected import (
    ConnectionRow,
    connections_of,
    is_registered,
    not_imported,
    sent_signals,
    sources,
)
from signal_monitor.dashboard.fields import MAX_NAME_LENGTH, PeriodForm
from signal_monitor.dashboard.fired import FiredSignal, fired_by
from signal_monitor.dashboard.fires import set_off_json
from signal_monitor.dashboard.formatting import milliseconds
from signal_monitor.dashboard.pages.base import TABLE_ROWS, Context, NotStored, Page, Params
from signal_monitor.dashboard.pages.errors import errors_of
from signal_monitor.dashboard.processes import ProcessState, Running, orphans, processes, running
from signal_monitor.dashboard.scope import Scope
from signal_monitor.dashboard.senders import SentBy, gone_receivers, senders_of, that_mention
from signal_monitor.dashboard.serializers import (
    Json,
    dispatch_json,
    finding_json,
    place_json,
    running_json,
    sent_by_json,
    totals_json,
    waiter_json,
)
from signal_monitor.dashboard.sources import Place, places
from signal_monitor.dashboard.time_spent import TimeSpent, read_time_spent
from signal_monitor.dashboard.waiters import Waiter, read_waiters
from signal_monitor.dashboard.waiting import Span
from signal_monitor.finding import Finding
from signal_monitor.findings.engine import find_lately
from signal_monitor.records import Dispatch, ReceiverCall, SubjectKind
from signal_monitor.registry.records import DeadReceiver
from signal_monitor.stores.base import Store, Totals
from signal_monitor.stores.filters import DispatchFilter

LAST_CALLS = 8

NO_TIME = TimeSpent()

LastCall = tuple[Dispatch, ReceiverCall | None]


class SubjectForm(PeriodForm):
    """The name and the period."""

    name = forms.CharField(max_length=MAX_NAME_LENGTH, strip=False)


@dataclass(frozen=True)
class Subject:
    """A receiver or signal: its totals, how they have changed, and its last slow and failed dispatches."""

    kind: SubjectKind
    name: str
    totals: Totals
    trend: charts.Trend
    recent: Sequence[Dispatch]
    slow: Sequence[LastCall]
    failed: Sequence[LastCall]
    failures: Sequence[Dispatch]
    relatives: Sequence[str]
    running: Sequence[Running]
    orphans: int
    known: bool
    places: Sequence[Place] = ()
    waiters: Sequence[Waiter] = ()
    spent: TimeSpent = NO_TIME
    fired: Sequence[FiredSignal] = ()
    change: float | None = None
    connections: Sequence[ConnectionRow] = ()
    senders: Sequence[SentBy] = ()
    gone: Sequence[DeadReceiver] = ()
    unimported: Sequence[Finding] = ()

    @property
    def only_orphans(self) -> bool:
        """Whether none of its dispatches found a receiver."""
        return bool(self.orphans) and not self.known

    @property
    def missing(self) -> list[ConnectionRow]:
        """The receivers that wait for another sender than the one that sends."""
        return [row for row in self.connections if row.missed_by]


class SubjectPage(Page):
    """A signal or a receiver."""

    kind: ClassVar[SubjectKind]
    template = "signal_monitor/subject.html"
    form = SubjectForm
    parts = ("subject",)
    seconds = 5.0

    def fetch(self, store: Store, params: Params) -> Context:
        scope, name = Scope.of(params), params.get("name", "")
        subject = read_subject(store, self.kind, name, scope)
        if not (
            subject.known or subject.orphans or subject.connections or is_registered(store, self.kind, subject.name)
        ):
            raise NotStored(subject.name)
        limit_ns = get_config().slow_limits.limit_ns(subject.name)
        return {
            "kind": self.kind,
            "scope": scope,
            "subject": subject,
            "limit_ns": limit_ns,
            "places": subject.places,
            "findings": [row for row in find_lately(store) if _is_about(row, subject.name)],
            "histogram": charts.histogram(subject.totals, limit_ns) if subject.totals.buckets else None,
            "calls_chart": charts.calls_over_time(subject.trend),
            "calls_title": f"Calls in each {subject.trend.each}",
            "p95_title": f"p95 in each {subject.trend.each}, or the longest of under 20 calls",
            "p95_chart": charts.p95_over_time(subject.trend, limit_ns),
            "groups": errors_of(subject.name, subject.failures, subject.trend.start),
            "last_calls": [
                (title, pairs)
                for title, pairs in (
                    ("Last slow calls", subject.slow),
                    ("Last failed calls", subject.failed if self.kind == "signal" else ()),
                )
                if pairs
            ],
        }

    def as_json(self, context: Context) -> Json:
        subject: Subject = context["subject"]
        return {
            **totals_json(subject.totals),
            "slow_from_ms": milliseconds(context["limit_ns"]),
            "signals" if self.kind == "receiver" else "receivers": subject.relatives,
            "history": [{"started_at": row.window, **totals_json(row)} for row in subject.trend.history],
            "change": None if subject.change is None or isinf(subject.change) else subject.change,
            "waiters": [waiter_json(row) for row in subject.waiters],
            "findings": [finding_json(row) for row in context["findings"]],
            "connections": [
                {"signal": row.signal, "receiver": row.connection.receiver, "sender": row.connection.sender}
                for row in subject.connections
            ],
            "slow_at": [place_json(place) for place in subject.places],
            "time_spent": _time_spent_json(subject.spent),
            "running": [running_json(row) for row in subject.running],
            "last_slow": [dispatch_json(dispatch) for dispatch, _call in subject.slow],
            "last_failed": [dispatch_json(dispatch) for dispatch, _call in subject.failed],
        }


class SignalPage(SubjectPage):
    """A signal."""

    name = "signal"
    route = "signals/<path:name>/"
    title = "Signal"
    section = "signals"
    kind = "signal"

    def as_json(self, context: Context) -> Json:
        subject: Subject = context["subject"]
        return {
            **super().as_json(context),
            "orphans": subject.orphans,
            "sets_off": [
                {"sender": row.sender, "receivers": [set_off_json(each.set_off) for each in row.receivers]}
                for row in subject.fired
            ],
            "senders": [sent_by_json(row) for row in subject.senders],
            "gone": [asdict(row) for row in subject.gone],
            "not_imported": [finding_json(row) for row in subject.unimported],
        }


class ReceiverPage(SubjectPage):
    """A receiver."""

    name = "receiver"
    route = "receivers/<path:name>/"
    title = "Receiver"
    section = "receivers"
    kind = "receiver"


def _time_spent_json(spent: TimeSpent) -> Json | None:
    """Where a receiver's time goes, and what it sets off; None for signals."""
    if not spent.calls:
        return None
    return {
        "stored_calls": spent.calls,
        "total_ms": milliseconds(spent.total_ns),
        "queries_ms": None if spent.query_ns is None else milliseconds(spent.query_ns),
        "sent_in_turn_ms": milliseconds(spent.sent_ns),
        "itself_ms": milliseconds(spent.itself_ns),
        "seen_waiting_for": dict(spent.waits),
        "sets_off": [set_off_json(row) for row in spent.sets_off],
    }


def _is_about(finding: Finding, name: str) -> bool:
    """Whether a finding is about a receiver or signal, or about a receiver of a signal."""
    return name in {finding.subject, finding.detail.partition(" ")[0]}


def read_subject(store: Store, kind: SubjectKind, name: str, scope: Scope) -> Subject:
    """A receiver or signal, in a period and the processes that were chosen."""
    everywhere, shown = processes(store), sources(store)
    states, ids = scope.states(everywhere), scope.ids(everywhere)
    where = DispatchFilter(processes=ids)
    where = replace(where, exact_receiver=name) if kind == "receiver" else replace(where, exact_signal=name)
    totals = store.totals(kind, scope.since, name, ids)
    span = Span.of(scope, states, store.complete_since())
    history = store.history(kind, name, span.start if span.before is None else span.before, ids)
    recent = store.dispatches(where, TABLE_ROWS)
    slow = store.dispatches(replace(where, slow=True), TABLE_ROWS)
    failed = store.dispatches(replace(where, failed=True), TABLE_ROWS)
    connections = connections_of(sent_signals(store, shown), kind, name)
    is_signal = kind == "signal"
    unheard = [row for row in store.orphan_sends() if row.signal == name] if is_signal else []
    stored = [*recent, *slow, *failed]
    return Subject(
        kind=kind,
        name=name,
        totals=totals[0] if totals else Totals(kind=kind, key=name),
        trend=charts.Trend(
            [row for row in history if row.window >= span.start], span.start, span.now, _starts(states, span.start)
        ),
        change=span.change(history, attrgetter("self_ns")),
        recent=recent,
        slow=_last_calls(slow, kind, name, lambda call: call.severity != "normal"),
        failed=_last_calls(failed, kind, name, attrgetter("failed")),
        failures=failed,
        relatives=_relatives(kind, stored),
        running=[row for row in running(states) if getattr(row.call, kind) == name],
        orphans=orphans(states).get(name, 0) if kind == "signal" else 0,
        known=bool(totals or recent or store.totals(kind, None, name)),
        connections=connections,
        senders=senders_of(store, stored, unheard, connections) if is_signal else (),
        gone=gone_receivers(shown, name) if is_signal else (),
        unimported=that_mention(not_imported(shown), name) if is_signal else (),
        places=places(_slow_calls(slow, name)) if kind == "receiver" else (),
        waiters=() if is_signal else read_waiters(store, stored, name),
        spent=NO_TIME if is_signal else read_time_spent(store, stored, name),
        fired=fired_by(store, name, connections, dict.fromkeys(row.sender for row in stored)) if is_signal else (),
    )


def _starts(states: Iterable[ProcessState], since: float) -> list[tuple[float, str]]:
    """When processes that serve were started in a period, and their titles."""
    found = (state.process for state in states if state.process.serves and state.process.count == 1)
    return sorted((process.started_at, process.title) for process in found if process.started_at >= since)


def _slow_calls(dispatches: Iterable[Dispatch], receiver: str) -> list[tuple[float, ReceiverCall]]:
    """The slow calls of a receiver, each with the time of its dispatch."""
    return [
        (dispatch.started_at, call)
        for dispatch in dispatches
        for call in dispatch.calls
        if call.receiver == receiver and call.severity != "normal"
    ]


def _relatives(kind: SubjectKind, dispatches: Iterable[Dispatch]) -> list[str]:
    """The signals of a receiver, or the receivers of a signal."""
    if kind == "receiver":
        return sorted({dispatch.signal for dispatch in dispatches})
    return sorted({call.receiver for dispatch in dispatches for call in dispatch.calls})


def _last_calls(
    dispatches: Iterable[Dispatch], kind: SubjectKind, name: str, matches: Callable[[ReceiverCall], bool]
) -> list[LastCall]:
    """The last dispatches, each with the receiver call of the longest own time that matches.

    For a receiver, those in which its own call matches.
    """
    found: list[LastCall] = []
    for dispatch in dispatches:
        calls = [call for call in dispatch.calls if matches(call) and (kind == "signal" or call.receiver == name)]
        if calls or kind == "signal":
            found.append((dispatch, max(calls, key=attrgetter("self_ns"), default=None)))
    return found[:LAST_CALLS]
