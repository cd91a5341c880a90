"""Runs the rules over what the store holds, and ranks what they find."""

from __future__ import annotations

import threading
import time
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import replace
from typing import Any
from weakref import ref

from signal_monitor.conf import get_config
from signal_monitor.errors import done_for_each, guarded
from signal_monitor.finding import LEVELS, Finding, from_json
from signal_monitor.records import Process
from signal_monitor.registry.records import Registry
from signal_monitor.stores.base import Store
from signal_monitor.stores.unreadable import note_again, unreadable_rows

from .base import RecordRule
from .evidence import EXAMPLES
from .mended import Gone, divided
from .rules import RECORD_RULES
from .silencing import unsilenced
from .snapshot import Snapshot, current_ids, read

REST_RATIO = 20
"""A page that shows findings beside other things rests for so many times the processor time of the last look."""
REREAD_SECONDS = 60
"""A store that has not changed is read again when the period has moved on by so much."""

PERIODS_NEAR = 2
"""Findings of another period are never shown: one that began so many times later is the same one, moved on."""


MOST_LOOKS = 4
"""Looks that are kept: pages show different periods."""


class _Look:
    """What was found for a period, which holds until the store changes."""

    def __init__(self) -> None:
        self.key: tuple[Any, ...] = ()
        self.findings: list[Finding] = []
        self.gone: list[Gone] = []
        self.unreadable: set[Hashable] = set()
        self.rested_at = 0.0

    def is_near(self, key: tuple[Any, ...]) -> bool:
        """Whether it is of the same store and settings, and about the same period."""
        return self.key[:-2] == key[:-2] and abs(self.key[-1] - key[-1]) <= PERIODS_NEAR

    def again(self, store: Store, since: float | None, key: tuple[Any, ...]) -> None:
        """Run the rules."""
        began = time.thread_time()
        with unreadable_rows() as unreadable:
            snapshot = read(store, since)
        found = [_dated(row, snapshot) for row in merged(_all(snapshot))]
        hold, self.gone = divided(found, snapshot)
        self.findings, self.unreadable, self.key = ranked(hold), unreadable, key
        self.rested_at = time.monotonic() + (time.thread_time() - began) * REST_RATIO


_looks: list[_Look] = []
_lock = threading.Lock()


def find(store: Store, since: float | None = None) -> list[Finding]:
    """The findings of a period, what costs people most first; those that are silenced are left out.

    ``since`` is in seconds since the epoch; None stands for everything stored. Raises StoreError.
    """
    return unsilenced(_find(store, since, lately=False)[0])


def find_lately(store: Store, since: float | None = None) -> list[Finding]:
    """The same, a little older if the rules have taken long: for pages that are drawn again and again."""
    return unsilenced(_find(store, since, lately=True)[0])


def find_gone(store: Store) -> list[Gone]:
    """The findings whose cause is gone, as far as the store still shows them. Raises StoreError."""
    found, mended = _find(store, None, lately=False)
    known = {finding.id for finding in found}
    gone = [*mended, *_of_former_registries(store)]
    return list({each.finding.id: each for each in gone if each.finding.id not in known}.values())


def find_silenced(store: Store) -> list[Finding]:
    """The findings that the settings silence. Raises StoreError."""
    found, _gone = _find(store, None, lately=False)
    shown = {finding.id for finding in unsilenced(found)}
    return [finding for finding in found if finding.id not in shown]


def _find(store: Store, since: float | None, *, lately: bool) -> tuple[list[Finding], list[Gone]]:
    place = (ref(store), store.location, get_config(), since is None)
    key = (*place, store.cursor(), int(since or 0) // REREAD_SECONDS)
    with _lock:
        look = next((look for look in _looks if look.is_near(key)), None) or _Look()
        if look.key != key and not (lately and time.monotonic() < look.rested_at):
            look.again(store, since, key)
        _looks[:] = [look, *(other for other in _looks if other is not look)][:MOST_LOOKS]
        found, gone, unreadable = look.findings, look.gone, look.unreadable
    note_again(unreadable)
    return found, gone


def _all(snapshot: Snapshot) -> Iterator[Finding]:
    yield from _of_registries(snapshot)
    for rule in RECORD_RULES:
        yield from _found_by(rule, snapshot)


def _of_registries(snapshot: Snapshot) -> Iterator[Finding]:
    """What each process has found among its own connections."""
    for registry in snapshot.registries:
        yield from _of_registry(registry, snapshot.process_by_id.get(registry.process))


def _of_registry(registry: Registry, process: Process | None) -> Iterator[Finding]:
    started_at = process.started_at if process else registry.taken_at
    for finding in done_for_each("a stored finding", from_json, registry.findings):
        if finding is not None:
            first = finding.first_seen or started_at
            yield replace(finding, first_seen=first, last_seen=registry.taken_at, processes=(registry.process,))


def _of_former_registries(store: Store) -> Iterator[Gone]:
    """What processes had found among their connections whose program has been started again since, oldest first."""
    processes = {process.id: process for process in store.processes()}
    current = current_ids(list(processes.values()), time.time())
    for registry in reversed(store.registries()):
        process = processes.get(registry.process)
        if process is not None and process.id not in current:
            later = [each.started_at for each in processes.values() if _comes_after(each, process)]
            for finding in _of_registry(registry, process):
                yield Gone(finding, min(later, default=None))


def _comes_after(process: Process, other: Process) -> bool:
    return process.title == other.title and process.started_at > other.started_at


@guarded("a rule of the findings", [])
def _found_by(rule: RecordRule, snapshot: Snapshot) -> list[Finding]:
    return list(rule.check(snapshot))


def merged(findings: Iterable[Finding]) -> list[Finding]:
    """Each finding once: of those with the same id the one seen last, with the evidence of all."""
    by_id: dict[str, Finding] = {}
    for finding in findings:
        known = by_id.get(finding.id)
        by_id[finding.id] = finding if known is None else _joined(known, finding)
    return list(by_id.values())


def _joined(one: Finding, other: Finding) -> Finding:
    older, newer = sorted((one, other), key=lambda finding: finding.last_seen or 0)
    return replace(
        newer,
        first_seen=min(filter(None, (older.first_seen, newer.first_seen)), default=None),
        count=max(older.count, newer.count),
        cost_ns=max(older.cost_ns, newer.cost_ns),
        dispatches=_few((*newer.dispatches, *older.dispatches)),
        requests=_few((*newer.requests, *older.requests)),
        processes=_few((*newer.processes, *older.processes)),
    )


def _dated(finding: Finding, snapshot: Snapshot) -> Finding:
    """The same, with the time of its news."""
    if finding.dispatches or finding.requests:
        return replace(finding, news_at=finding.last_seen or 0.0)
    unheard = [row.last_at for row in snapshot.orphan_sends if _is_one_of(row.signal, finding.signals)]
    return replace(finding, news_at=max(unheard, default=finding.first_seen or 0.0))


def _is_one_of(signal: str, names: Iterable[str]) -> bool:
    """Whether a name of a signal, or the last part of it, is among others."""
    return any(signal == name or signal.endswith(f".{name}") for name in names)


def newest_first(findings: Iterable[Finding]) -> list[Finding]:
    """The findings by the time of their news."""
    return sorted(findings, key=lambda row: -row.news_at)


def _few(ids: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(ids))[:EXAMPLES]


def ranked(findings: Iterable[Finding]) -> list[Finding]:
    """The findings by level, then by what they have cost, then by how often they were seen."""
    return sorted(findings, key=lambda row: (LEVELS.index(row.level), -row.cost_ns, -row.count, row.code, row.subject))
