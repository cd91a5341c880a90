"""What a receiver was seen to set off: from stored dispatches, the signals that it sent in turn, and so on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from signal_monitor.dashboard.formatting import milliseconds
from signal_monitor.records import Dispatch, Frame, ReceiverCall
from signal_monitor.stores.base import Store, Totals
from signal_monitor.stores.filters import EXACT, DispatchFilter

MOST_DISPATCHES = 200
MOST_TREES = 20
"""Dispatches with others inside whose trees are read, for each signal and sender; the last ones."""
MOST_DEPTH = 8
Calls = Sequence[tuple[Dispatch, ReceiverCall]]


@dataclass(frozen=True)
class Sent:
    """A signal that a receiver sent in ``times`` of the calls that were looked at, from ``site`` where that is known.

    ``receivers`` are those that ran then. What found no receiver is not recorded, and so it is not here.
    """

    signal: str
    sender: str
    times: int
    site: Frame | None
    receivers: Sequence[SetOff]


@dataclass(frozen=True)
class SetOff:
    """What calls of a receiver have set off, as far as ``seen`` calls show.

    ``sent`` is known of ``followed`` ones: those that sent nothing, or of which something that they sent is stored.

    ``on_commit``, ``tasks`` and ``mails`` are the calls that registered a function with ``on_commit()``, queued a task
    or sent a mail, where database work is observed. ``totals`` counts all of its calls, by whatever signal.
    """

    receiver: str
    seen: int = 0
    followed: int = 0
    sent: Sequence[Sent] = ()
    on_commit: int = 0
    tasks: int = 0
    mails: int = 0
    totals: Totals | None = None
    path: str | None = None
    line: int | None = None

    @property
    def has_any(self) -> bool:
        """Whether anything is known that it sets off."""
        return bool(self.sent or self.on_commit or self.tasks or self.mails)

    @property
    def typical_ns(self) -> int | None:
        """The median of its own times, without what it sent; None if it never ran."""
        return self.totals.p50_ns if self.totals and self.totals.count else None


class SeenCalls:
    """Reads what receivers were seen to set off."""

    def __init__(self, store: Store, totals: Iterable[Totals]) -> None:
        self._store = store
        self._totals = {row.key: row for row in totals}
        self._by_send: dict[tuple[str, str], _Trees] = {}

    def of(self, receiver: str, signal: str, sender: str) -> SetOff:
        """What a receiver has set off when a sender sent a signal."""
        trees = self._by_send.get((signal, sender))
        if trees is None:
            trees = self._by_send[signal, sender] = self._read(signal, sender)
        calls = [(row, call) for row in trees.dispatches for call in row.calls if call.receiver == receiver]
        return self._set_off(receiver, calls, trees, 0)

    def _read(self, signal: str, sender: str) -> _Trees:
        where = DispatchFilter(exact_signal=signal, sender=f"{EXACT}{sender}")
        rows, roots = [], dict[str, None]()
        for row in self._store.dispatches(where, MOST_DISPATCHES):
            if row.nested_ns and row.root_id not in roots and len(roots) >= MOST_TREES:
                break  # older ones would count only if nothing was sent inside them
            rows.append(row)
            if row.nested_ns:
                roots[row.root_id] = None
        inside = [row for root in roots for row in self._store.tree(root)]
        return _Trees(rows, {row.id: row for row in inside})

    def _set_off(self, receiver: str, calls: Calls, trees: _Trees, depth: int) -> SetOff:
        ran = [(row, call) for row, call in calls if call.outcome != "not_run"]
        followed = [(row, call) for row, call in ran if not call.nested_ns or (row.id, call.index) in trees.children]
        work = [call for _row, call in ran]
        last = work[0] if work else None
        totals = self._totals.get(receiver)
        return SetOff(
            receiver=receiver,
            seen=len(ran),
            followed=len(followed),
            sent=self._sent(followed, trees, depth) if depth < MOST_DEPTH else (),
            on_commit=sum(_registers(call) for call in work),
            tasks=sum(bool(call.tasks) for call in work),
            mails=sum(bool(call.mails) for call in work),
            totals=totals,
            path=last.path if last else totals.path if totals else None,
            line=last.line if last else totals.line if totals else None,
        )

    def _sent(self, calls: Calls, trees: _Trees, depth: int) -> Sequence[Sent]:
        """The signals that these calls sent, in the order in which they first did."""
        found: dict[tuple[str, str], list[Dispatch]] = defaultdict(list)
        callers: dict[tuple[str, str], set[tuple[str, int]]] = defaultdict(set)
        for row, call in calls:
            for child in trees.children.get((row.id, call.index), ()):
                key = child.signal, child.sender
                found[key].append(child)
                callers[key].add((row.id, call.index))
        return [self._one_sent(key, found[key], len(callers[key]), trees, depth) for key in found]

    def _one_sent(self, key: tuple[str, str], rows: Sequence[Dispatch], times: int, trees: _Trees, depth: int) -> Sent:
        by_receiver: dict[str, list[tuple[Dispatch, ReceiverCall]]] = defaultdict(list)
        for row in rows:
            for call in row.calls:
                by_receiver[call.receiver].append((row, call))
        receivers = [self._set_off(name, calls, trees, depth + 1) for name, calls in by_receiver.items()]
        site = next((row.call_site for row in rows if row.call_site is not None), None)
        return Sent(*key, times, site, receivers)


@dataclass(frozen=True)
class _Trees:
    """Dispatches, newest first, and those inside them, as far as they were read."""

    dispatches: Sequence[Dispatch]
    inside: Mapping[str, Dispatch]

    @cached_property
    def children(self) -> Mapping[tuple[str, int], Sequence[Dispatch]]:
        """Dispatches by the receiver call that has sent them, in the order of their start."""
        found: dict[tuple[str, int], list[Dispatch]] = defaultdict(list)
        for row in sorted(self.inside.values(), key=lambda each: each.started_at):
            if row.parent_id is not None and row.parent_index is not None:
                found[row.parent_id, row.parent_index].append(row)
        return found


def _registers(call: ReceiverCall) -> bool:
    return any(work.transaction is not None and work.transaction.on_commit for work in call.databases)


def set_off_json(row: SetOff) -> dict[str, Any]:
    """The same as JSON."""
    return {
        "receiver": row.receiver,
        "path": row.path,
        "line": row.line,
        "calls": row.totals.count if row.totals else 0,
        "typical_ms": typical_json(row),
        "last_at": row.totals.last_at if row.totals else None,
        **seen_json(row),
    }


def typical_json(row: SetOff) -> float | None:
    """The median in milliseconds."""
    return None if row.typical_ns is None else milliseconds(row.typical_ns)


def seen_json(row: SetOff) -> dict[str, Any]:
    """What stored calls show; all of it counts calls."""
    return {
        "stored_calls": row.seen,
        "followed_calls": row.followed,
        "with_on_commit": row.on_commit,
        "with_tasks": row.tasks,
        "with_mails": row.mails,
        "sends": [
            {
                "signal": sent.signal,
                "sender": sent.sender,
                "in_calls": sent.times,
                "path": sent.site.path if sent.site else None,
                "line": sent.site.line if sent.site else None,
                "receivers": [set_off_json(each) for each in sent.receivers],
            }
            for sent in row.sent
        ],
    }
