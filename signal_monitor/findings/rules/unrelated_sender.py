"""A receiver that is connected for a sender with which nothing sends its signal."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence

from signal_monitor.finding import Finding
from signal_monitor.findings.base import RecordRule
from signal_monitor.findings.own import is_own
from signal_monitor.findings.related import model_named
from signal_monitor.findings.relations import reference_of, relation_of
from signal_monitor.findings.send_sites import SendSite, sites_of
from signal_monitor.findings.snapshot import Snapshot
from signal_monitor.findings.wording import listed, named, place, plural, short
from signal_monitor.registry.records import UNKNOWN_SENDER, Connection, Registry

Connected = list[tuple[Registry, Connection]]


class UnrelatedSender(RecordRule):
    """All the project's lines that send the signal name other classes, and it was sent."""

    code = "R233"
    name = "unrelated-sender"
    title = "A receiver for a sender that nobody sends"
    kind = "Never runs"
    level = "error"
    what = "A receiver runs only if the signal is sent with the very object that it is connected with as sender."
    remedy = "Connect it with the class that sends; or without a sender, and look at it inside."
    sketch = (
        "-signal.connect({receiver}, sender=Order)",
        "+signal.connect({receiver}, sender=Checkout)  # the class that sends it",
    )
    minimum = (
        "A signal of the project's own that was sent, and whose every `send()` in the project's files names a class as "
        "sender, none of them that of the receiver, its base or its subclass."
    )
    innocent = (
        "Signals of Django and of packages; a sender that is a variable, `self.__class__` or `type(self)` in one of "
        "the lines; a signal that has another name too, or is reached by a dictionary."
    )

    def check(self, snapshot: Snapshot) -> Iterator[Finding]:
        sent = _sent(snapshot)
        for signal, connected in _connected(snapshot).items():
            if sum(sent.get(signal, {}).values()):
                candidates = [row for row in connected if not _has_run(snapshot, row[1], sent[signal])]
                sites = sites_of(signal) if candidates else None
                if sites and all(site.sender for site in sites):
                    yield from self._found(snapshot, signal, candidates, sites, sum(sent[signal].values()))

    def _found(
        self, snapshot: Snapshot, signal: str, rows: Connected, sites: Sequence[SendSite], count: int
    ) -> Iterator[Finding]:
        names = {site.sender for site in sites}
        for registry, each in rows:
            if not any(_is_related(each.sender, name) for name in names) and not _is_told(snapshot, signal, each):
                yield self._finding(signal, registry, each, sites, count)

    def _finding(
        self, signal: str, registry: Registry, each: Connection, sites: Sequence[SendSite], count: int
    ) -> Finding:
        lines = listed([f"`{site.sender}` ({place(site.path, site.line)})" for site in sites])
        message = f"{named(each.receiver, each.path, each.line)} never runs: it is connected to `{short(signal)}` for "
        message += f"`{short(each.sender)}`, and the project sends it with {lines} only. It was sent "
        message += f"{plural(count, 'time')} without it."
        return self.finding(
            "receiver",
            each.receiver,
            message,
            detail=f"{signal} {each.sender}",
            path=each.path,
            line=each.line,
            first_seen=registry.taken_at,
            last_seen=registry.taken_at,
            count=count,
            processes=(registry.process,),
            signals=(signal,),
        )


def _has_run(snapshot: Snapshot, connection: Connection, sent: Mapping[str, int]) -> bool:
    return connection.sender in sent or connection.receiver in snapshot.receivers_ever


def _sent(snapshot: Snapshot) -> dict[str, dict[str, int]]:
    """How often each signal was sent by each sender; those whose sender is not known count for "?"."""
    sent: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for registry in snapshot.registries:
        for signal in registry.signals:
            for sender, count in signal.senders.items():
                sent[signal.name][sender] += count
    for (name, sender), count in Counter((row.signal, row.sender) for row in snapshot.dispatches).items():
        sent[name][sender] = max(sent[name][sender], count)
    for process in snapshot.processes:
        for name, count in process.orphans.items():
            sent[name]["?"] = max(sent[name]["?"], count - sum(sent[name].values()))
    return sent


def _connected(snapshot: Snapshot) -> dict[str, Connected]:
    """The project's receivers with a known class as sender, by the signals that are the project's own; once each."""
    found: dict[str, dict[tuple[str, str], tuple[Registry, Connection]]] = defaultdict(dict)
    for registry in snapshot.registries:
        for signal in registry.with_own_names():
            for each in signal.connections:
                is_known = each.sender and each.sender != UNKNOWN_SENDER and not each.dead and not each.pending
                if is_known and is_own(each.path) and not signal.name.startswith("django."):
                    found[signal.name][each.receiver, each.sender] = registry, each
    return {name: list(rows.values()) for name, rows in found.items()}


def _is_told(snapshot: Snapshot, signal: str, connection: Connection) -> bool:
    """Whether R217 names what has sent the signal in vain, since it refers to what the receiver is connected for."""
    senders = [row.sender for row in snapshot.orphan_senders.get(signal, ())]
    return (
        any(relation_of(connection.sender, each) or reference_of(connection.sender, each) for each in senders)
        and connection.receiver not in snapshot.receivers_ever
    )


def _is_related(connected: str, name: str) -> bool:
    """Whether a class that sends may be the one that a receiver is connected for, its base or its subclass."""
    last = connected.rpartition(".")[2]
    model = model_named(connected)
    if last == name or " " in last:
        return True
    if model is None:
        return False
    bases = {each.__name__ for each in model.__mro__}
    return name in bases or any(each.__name__ == name for each in _subclasses(model))


def _subclasses(model: type) -> Iterator[type]:
    each: type
    for each in type.__subclasses__(model):
        yield each
        yield from _subclasses(each)
