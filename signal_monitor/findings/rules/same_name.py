"""A signal that nothing sends, while another one of its name is sent and heard by nobody."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from signal_monitor.finding import Finding
from signal_monitor.findings.base import RecordRule
from signal_monitor.findings.own import is_own
from signal_monitor.findings.send_sites import may_send
from signal_monitor.findings.snapshot import Snapshot
from signal_monitor.findings.wording import named, plural, sent_at
from signal_monitor.records import Frame, OrphanSends
from signal_monitor.registry.records import Connection, Registry


class SameName(RecordRule):
    """Two signals are defined under one name: receivers are connected to one, and the other one is sent."""

    code = "R235"
    name = "another-signal-of-that-name"
    title = "A receiver of a signal that nothing sends, beside another one of that name"
    kind = "Never runs"
    level = "error"
    what = "Each `Signal()` is a signal of its own, whatever its name. A receiver hears the one it is connected to."
    remedy = "Define the signal once, and import it from there wherever it is sent and connected."
    sketch = (
        "-order_paid = Signal()",
        "+from shop.signals import order_paid  # defined there, once",
    )
    minimum = (
        "A signal of the project's that was never sent, and that no file of the project which sends one of that name "
        "imports; and another one of that name that the project sends, and to which nothing is connected."
    )
    innocent = "Signals of one name that each have receivers; one that was not sent yet, and that a file can send."

    def check(self, snapshot: Snapshot) -> Iterator[Finding]:
        unheard = {name: rows for name, rows in snapshot.orphan_senders.items() if _site(rows) is not None}
        for registry in snapshot.registries:
            connected = _connected(registry)
            for name, connections in connected.items():
                last = name.rpartition(".")[2]
                others = [each for each in unheard if each != name and each.rpartition(".")[2] == last]
                others = [each for each in others if each not in connected and not each.startswith("django.")]
                if len(others) == 1 and not _was_sent(snapshot, name) and not may_send(name):
                    for each in connections:
                        yield self._finding(registry, name, each, others[0], unheard[others[0]])

    def _finding(
        self, registry: Registry, signal: str, each: Connection, other: str, sent: Sequence[OrphanSends]
    ) -> Finding:
        count = sum(row.count for row in sent)
        message = f"{named(each.receiver, each.path, each.line)} never runs: it is connected to `{signal}`, which "
        message += f"nothing sends. {sent_at(_site(sent))} sends `{other}`, another signal of that name, which nobody "
        message += f"hears ({plural(count, 'time')})."
        return self.finding(
            "receiver",
            each.receiver,
            message,
            detail=signal,
            path=each.path,
            line=each.line,
            first_seen=registry.taken_at,
            last_seen=registry.taken_at,
            count=count,
            processes=(registry.process,),
        )


def _connected(registry: Registry) -> Mapping[str, list[Connection]]:
    """The project's receivers, by the names of signals that are not Django's."""
    found: dict[str, list[Connection]] = defaultdict(list)
    for signal in registry.with_own_names():
        for each in signal.connections:
            if not each.dead and is_own(each.path) and not signal.name.startswith("django."):
                found[signal.name].append(each)
    return found


def _site(rows: Sequence[OrphanSends]) -> Frame | None:
    return next((site for row in rows for site in row.sites if is_own(site.path)), None)


def _was_sent(snapshot: Snapshot, signal: str) -> bool:
    is_orphan = any(signal in process.orphans for process in snapshot.processes)
    is_counted = any(row.senders for registry in snapshot.registries if (row := registry.signal(signal)) is not None)
    return is_orphan or is_counted or signal in snapshot.signals_ever
