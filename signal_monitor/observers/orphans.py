"""Stores who sends the signals that find no receiver."""

from __future__ import annotations

import time
from collections.abc import Mapping

from signal_monitor.instrumentation.info import Lines, OrphanSender, SignalInfo, known_signals
from signal_monitor.instrumentation.orphans import DJANGO, LOOK_SECONDS, look_again
from signal_monitor.pipeline.process import Presence, ThisProcess
from signal_monitor.pipeline.stacks import call_site, frames
from signal_monitor.records import Frame, OrphanSends
from signal_monitor.scrubbing import scrub
from signal_monitor.stores.base import Batch

from .base import BaseObserver

Key = tuple[str, str]
"""The names of a signal and a sender: several signals may have the same."""
MAX_FACTS = 500
"""Pairs of signal and sender that are stored of a process; the first ones."""
HISTORICAL = "__fake__."
"""The models of migrations."""
REPEAT_SECONDS = 2.0
"""A count that has changed is stored again after this time; a new sender at once."""


class OrphanObserver(BaseObserver):
    """Reads what was noted of these sends, and adds up the signals of one name."""

    def __init__(self, process: ThisProcess) -> None:
        self._process = process
        self.forget()

    def forget(self) -> None:
        """Begin anew in a forked child."""
        self._counted: dict[SignalInfo, dict[str, int]] = {}
        self._facts: dict[Key, OrphanSends] = {}
        self._stored: dict[Key, int] = {}
        self._looked_at = self._repeated_at = 0.0

    def flush(self) -> None:
        """Store all counts with the next batch."""
        self._repeated_at = 0.0

    def fill(self, batch: Batch) -> None:
        """Store the counts that have changed."""
        if not (self._process.dispatches or Presence.serves_pages):
            return  # nothing is written
        now = time.monotonic()
        repeats, looks = now - self._repeated_at >= REPEAT_SECONDS, now - self._looked_at >= LOOK_SECONDS
        before, self._counted = self._counted, {}
        for info in known_signals():
            if info.orphan_senders:
                self._counted[info] = self._add(info, before.get(info, {}))
            if looks:
                look_again(info)
        self._repeated_at = now if repeats else self._repeated_at
        self._looked_at = now if looks else self._looked_at
        batch.facts = [*batch.facts, *self._changed(repeats=repeats)]

    def _add(self, info: SignalInfo, before: Mapping[str, int]) -> dict[str, int]:
        """Add what a signal has sent since ``before`` to what is known of its name; answer its counts."""
        counts = {name: sender.count for name, sender in list(info.orphan_senders.items())}
        for name, count in counts.items():
            more = count - before.get(name, 0)
            if more and not name.startswith(HISTORICAL):
                self._add_to_facts(_record(info, info.orphan_senders[name], more))
        return counts

    def _add_to_facts(self, found: OrphanSends) -> None:
        key = found.signal, found.sender
        known = self._facts.get(key)
        if known is not None or len(self._facts) < MAX_FACTS:
            self._facts[key] = found if known is None else known.plus(found)

    def _changed(self, *, repeats: bool) -> list[OrphanSends]:
        """The facts whose counts are to be stored."""
        found = []
        for key, fact in self._facts.items():
            known = self._stored.get(key)
            if known is None or (repeats and known != fact.count):
                self._stored[key] = fact.count
                found.append(fact)
        return found

    def refused(self, batch: Batch) -> None:
        """Store these with the next batch."""
        for fact in batch.facts:
            if isinstance(fact, OrphanSends):
                self._stored.pop((fact.signal, fact.sender), None)


def _record(info: SignalInfo, sender: OrphanSender, count: int) -> OrphanSends:
    sites = (_site(lines) for lines in list(sender.sites.values()))
    known = tuple(dict.fromkeys(site for site in sites if site is not None))
    return OrphanSends(info.name, scrub(sender.name), count, known, time.time())


def _site(lines: Lines) -> Frame | None:
    """The innermost line of the project's own code, or of an installed package."""
    return call_site([frame for frame in frames(lines) if not frame.path.startswith(DJANGO)])
