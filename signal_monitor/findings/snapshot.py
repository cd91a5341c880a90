"""What the store holds for a period, read once for all rules."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from signal_monitor.conf import get_config
from signal_monitor.database_records import BulkOperation
from signal_monitor.records import Dispatch, OrphanSends, Process, ReceiverCall, Request, SubjectKind
from signal_monitor.registry.records import Registry
from signal_monitor.stores.base import Store, Totals
from signal_monitor.stores.filters import DispatchFilter
from signal_monitor.thresholds import SlowLimits

NOTABLE_READ = 1_500
RECENT_READ = 1_500
REQUESTS_READ = 2_000
GONE_AFTER_SECONDS = 10.0
"""A process that has not reported for so long is gone."""

Call = tuple[Dispatch, ReceiverCall]


@dataclass(frozen=True)
class Snapshot:
    """The records of a period, oldest first, and what several rules ask of them.

    What is known about processes does not depend on the period: what is connected in them, who has sent what, what was
    written in bulk, and ``receivers_ever`` and ``signals_ever``, the totals since they were started. A rule about
    processes reads nothing else, so that it finds the same in every period.
    """

    dispatches: Sequence[Dispatch] = ()
    requests: Sequence[Request] = ()
    receivers: Mapping[str, Totals] = field(default_factory=dict)
    signals: Mapping[str, Totals] = field(default_factory=dict)
    receivers_ever: Mapping[str, Totals] = field(default_factory=dict)
    signals_ever: Mapping[str, Totals] = field(default_factory=dict)
    processes: Sequence[Process] = ()
    limits: SlowLimits = field(default_factory=SlowLimits)
    request_slow_ns: int | None = None
    now: float = 0.0
    registries: Sequence[Registry] = ()
    bulk_operations: Sequence[BulkOperation] = ()
    orphan_sends: Sequence[OrphanSends] = ()

    @cached_property
    def by_id(self) -> Mapping[str, Dispatch]:
        """Dispatches by their ids."""
        return {dispatch.id: dispatch for dispatch in self.dispatches}

    @cached_property
    def request_by_id(self) -> Mapping[str, Request]:
        """Requests by their ids."""
        return {request.id: request for request in self.requests}

    @cached_property
    def process_by_id(self) -> Mapping[str, Process]:
        """Processes by their ids."""
        return {process.id: process for process in self.processes}

    @cached_property
    def _children(self) -> Mapping[tuple[str, int | None], Sequence[Dispatch]]:
        found: dict[tuple[str, int | None], list[Dispatch]] = defaultdict(list)
        for dispatch in self.dispatches:
            if dispatch.parent_id is not None:
                found[dispatch.parent_id, dispatch.parent_index].append(dispatch)
        return found

    @cached_property
    def orphan_senders(self) -> Mapping[str, Sequence[OrphanSends]]:
        """Who sent each signal and found no receiver."""
        found: dict[str, list[OrphanSends]] = defaultdict(list)
        for row in self.orphan_sends:
            found[row.signal].append(row)
        return found

    @cached_property
    def trees(self) -> Mapping[str, Sequence[Dispatch]]:
        """Dispatches by the outermost dispatch around them."""
        found: dict[str, list[Dispatch]] = defaultdict(list)
        for dispatch in self.dispatches:
            found[dispatch.root_id].append(dispatch)
        return found

    @cached_property
    def of_origin(self) -> Mapping[str, Sequence[Dispatch]]:
        """Dispatches by the request, task or command that they belong to."""
        found: dict[str, list[Dispatch]] = defaultdict(list)
        for dispatch in self.dispatches:
            if dispatch.origin_id is not None:
                found[dispatch.origin_id].append(dispatch)
        return found

    @cached_property
    def calls(self) -> Mapping[str, Sequence[Call]]:
        """The stored calls of each receiver."""
        found: dict[str, list[Call]] = defaultdict(list)
        for dispatch in self.dispatches:
            for call in dispatch.calls:
                found[call.receiver].append((dispatch, call))
        return found

    def sent_by(self, dispatch: Dispatch, call: ReceiverCall) -> Sequence[Dispatch]:
        """The dispatches that a receiver call has sent."""
        return self._children.get((dispatch.id, call.index), ())

    def around(self, dispatch: Dispatch) -> Iterator[Call]:
        """The receiver calls around a dispatch, innermost first, with their dispatches."""
        while dispatch.parent_id is not None and (parent := self.by_id.get(dispatch.parent_id)) is not None:
            index = dispatch.parent_index
            call = next((call for call in parent.calls if call.index == index), None)
            if call is None:
                return
            yield parent, call
            dispatch = parent

    def request_of(self, dispatch: Dispatch) -> Request | None:
        """The request of a dispatch, if it has ended and is stored."""
        return self.request_by_id.get(dispatch.origin_id or "") if dispatch.origin_kind == "request" else None

    def count(self, receiver: str, at_least: int = 0) -> int:
        """How often a receiver was called in the period."""
        totals = self.receivers.get(receiver)
        return max(totals.count if totals else 0, at_least)

    def is_alive(self, process: Process) -> bool:
        """Whether a process still reports."""
        return is_alive(process, self.now)


def read(store: Store, since: float | None = None) -> Snapshot:
    """Read what the store holds; from ``since`` on, in seconds since the epoch."""
    config, processes, now = get_config(), store.processes(), time.time()
    receivers, signals = _totals(store, "receiver", None), _totals(store, "signal", None)
    return Snapshot(
        dispatches=_dispatches(store, since or 0.0),
        requests=_requests(store, since or 0.0),
        receivers=receivers if since is None else _totals(store, "receiver", since),
        signals=signals if since is None else _totals(store, "signal", since),
        receivers_ever=receivers,
        signals_ever=signals,
        processes=processes,
        limits=config.slow_limits,
        request_slow_ns=config.request_slow_ns,
        now=now,
        registries=_registries(store, processes, now),
        bulk_operations=store.bulk_operations(),
        orphan_sends=store.orphan_sends(),
    )


def _dispatches(store: Store, since: float) -> list[Dispatch]:
    where = (
        (DispatchFilter(ended_since=since, failed=True), NOTABLE_READ),
        (DispatchFilter(ended_since=since, slow=True), NOTABLE_READ),
        (DispatchFilter(ended_since=since), RECENT_READ),
    )
    return _oldest_first(row for wanted, limit in where for row in store.dispatches(wanted, limit))


def _oldest_first(rows: Iterable[Dispatch]) -> list[Dispatch]:
    found = {row.id: row for row in rows}
    return sorted(found.values(), key=lambda row: (row.started_at, row.depth))


def _requests(store: Store, since: float) -> list[Request]:
    return [row for row in reversed(store.requests(REQUESTS_READ)) if row.started_at + row.duration_ns / 1e9 >= since]


def _totals(store: Store, kind: SubjectKind, since: float | None) -> dict[str, Totals]:
    return {row.key: row for row in store.totals(kind, since)}


def _registries(store: Store, processes: Sequence[Process], now: float) -> list[Registry]:
    """What is connected in the processes that are alive, and in the last one of each program."""
    current = current_ids(processes, now)
    return [registry for registry in store.registries() if registry.process in current]


def current_ids(processes: Sequence[Process], now: float) -> set[str]:
    """The processes that are alive, and the last one of each program."""
    last = {each.title: each.id for each in sorted(processes, key=lambda each: each.started_at)}
    return {*last.values(), *(each.id for each in processes if is_alive(each, now))}


def is_alive(process: Process, now: float) -> bool:
    """Whether a process still reports."""
    return process.ended_at is None and now - process.seen_at <= GONE_AFTER_SECONDS
