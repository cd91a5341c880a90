"""Stores who sends the signals that find no receiver."""

from __future__ import annotations

import time

from signal_monitor.instrumentation.info import Lines, OrphanSender, SignalInfo, known_signals
from signal_monitor.instrumentation.orphans import DJANGO, LOOK_SECONDS, look_again
from signal_monitor.pipeline.process import Presence, ThisProcess
from signal_monitor.pipeline.stacks import call_site, frames
from signal_monitor.records import Frame, OrphanSends
from signal_monitor.scrubbing import scrub
from signal_monitor.stores.base import Batch

from .base import BaseObserver

MAX_FACTS = 500
"""Pairs of signal and sender that are stored of a process; the first ones."""
HISTORICAL = "__fake__."
"""The models of migrations."""
REPEAT_SECONDS = 2.0
"""A count that has changed is stored again after this time; a new sender at once."""


class OrphanObserver(BaseObserver):
    """Reads what was noted of these sends."""

    def __init__(self, process: ThisProcess) -> None:
        self._process = process
        self.forget()

    def forget(self) -> None:
        """Begin anew in a forked child."""
        self._stored: dict[tuple[str, str], int] = {}
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
        found: list[OrphanSends] = []
        for info in known_signals():
            if info.orphan_senders:
                found += self._changed(info, repeats=repeats)
            if looks:
                look_again(info)
        self._repeated_at = now if repeats else self._repeated_at
        self._looked_at = now if looks else self._looked_at
        batch.facts = [*batch.facts, *found]

    def _changed(self, info: SignalInfo, *, repeats: bool) -> list[OrphanSends]:
        found = []
        for sender in list(info.orphan_senders.values()):
            key, count = (info.name, scrub(sender.name)), sender.count
            known = self._stored.get(key)
            is_due = (
                count and not sender.name.startswith(HISTORICAL) and (known is None or (repeats and known != count))
            )
            if is_due and (known is not None or len(self._stored) < MAX_FACTS):
                self._stored[key] = count
                found.append(_record(info, sender, count))
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
