"""A weakly connected receiver that is gone, and would have been called."""

from __future__ import annotations

from collections.abc import Iterator

from signal_monitor.finding import Finding
from signal_monitor.findings.base import RecordRule
from signal_monitor.findings.own import is_own
from signal_monitor.findings.snapshot import Snapshot
from signal_monitor.findings.wording import named, place, short
from signal_monitor.registry.records import DeadReceiver, Registry


class Collected(RecordRule):
    """It died before it was ever called, and its signal was sent."""

    code = "R219"
    name = "collected"
    title = "A receiver that was lost to its weak reference"
    kind = "Never runs"
    level = "error"
    what = (
        "`connect()` holds receivers weakly. A local function, a lambda, a partial or the method of a temporary object "
        "is gone when nothing else refers to it, and no error says so. So is the first of two functions of one name."
    )
    remedy = "Connect a function of the module with a name of its own, keep the object, or connect with `weak=False`."
    sketch = (
        "-signal.connect(Bell().{receiver})",
        "+bell = Bell()  # of the module, so that it is kept",
        "+signal.connect(bell.{receiver})",
    )
    minimum = (
        "A receiver of the project's own that was never called before it was gone, and whose signal is sent later."
    )
    innocent = "A temporary receiver that ran; receivers of Django's that go with historical models."

    def check(self, snapshot: Snapshot) -> Iterator[Finding]:
        for registry in snapshot.registries:
            for died in registry.died:
                if (
                    is_own(died.path)
                    and (died.receiver not in snapshot.receivers_ever or _is_other_function(registry, died))
                    and _was_sent(snapshot, registry, died)
                ):
                    yield self._finding(registry, died)

    def _finding(self, registry: Registry, died: DeadReceiver) -> Finding:
        message = f"{named(died.receiver, died.path, died.line)} was never called: it was connected to "
        message += (
            f"`{short(died.signal)}` at {place(died.call.path, died.call.line)}, held weakly, and gone before the "
        )
        message += "signal was sent."
        return self.finding(
            "receiver",
            died.receiver,
            message,
            detail=died.signal,
            path=died.path,
            line=died.line,
            first_seen=died.died_at,
            last_seen=registry.taken_at,
            count=died.count,
            processes=(registry.process,),
            signals=(died.signal,),
        )


def _is_other_function(registry: Registry, died: DeadReceiver) -> bool:
    """Whether what has run under its name is another function, which its file defines further down."""
    same = (each for signal in registry.signals for each in signal.connections if each.receiver == died.receiver)
    places = {(each.path, each.line or 0) for each in same if not each.dead}
    return bool(places) and all(path == died.path and line > (died.line or 0) for path, line in places)


def _was_sent(snapshot: Snapshot, registry: Registry, died: DeadReceiver) -> bool:
    """Whether its signal was sent to its sender, with or without receivers, in the same process after it died."""
    signal = registry.signal(died.signal)
    senders = signal.senders if signal is not None else {}
    if senders and (not died.sender or senders.get(died.sender, 0)):
        return _was_sent_later(snapshot, died)
    process = snapshot.process_by_id.get(registry.process)
    if process is None or not process.orphans.get(died.signal, 0):
        return False
    return not died.sender or any(
        row.sender == died.sender and row.last_at > died.died_at for row in snapshot.orphan_senders.get(died.signal, ())
    )


def _was_sent_later(snapshot: Snapshot, died: DeadReceiver) -> bool:
    """Whether a dispatch with its sender is stored from after its death; if none is stored, any of its signal."""
    times = [
        dispatch.started_at
        for dispatch in snapshot.dispatches
        if dispatch.signal == died.signal and died.sender in {"", dispatch.sender}
    ]
    totals = snapshot.signals_ever.get(died.signal)
    return max(times) > died.died_at if times else bool(totals and (totals.last_at or 0) > died.died_at)
