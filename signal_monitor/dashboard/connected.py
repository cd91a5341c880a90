"""What is connected in the processes that the store knows, side by side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from signal_monitor.dashboard.processes import ProcessState, orphans, processes
from signal_monitor.finding import Finding, from_json
from signal_monitor.findings.silencing import unsilenced
from signal_monitor.records import OrphanSends, SubjectKind
from signal_monitor.registry.records import ANY_SENDER, UNKNOWN_SENDER, Connection, Registry
from signal_monitor.stores.base import Store, Totals

NOT_IMPORTED = "never-imported"
"""The rule that finds modules with receivers that nobody imports."""


@dataclass(frozen=True)
class Source:
    """A registry that is shown: the newest of the processes with one title."""

    title: str
    registry: Registry
    gone: bool = False


@dataclass(frozen=True)
class ConnectionRow:
    """A connection, the titles of the processes that have it and those that do not, and the calls of its receiver.

    ``times`` is how often a process has it. ``twice`` says that it runs more than once for a sender, ``missed_by`` is
    a sender that has sent the signal and is not the one that it waits for.
    """

    signal: str
    connection: Connection
    present: Sequence[str]
    missing: Sequence[str] = ()
    totals: Totals | None = None
    times: int = 1
    twice: bool = False
    missed_by: str = ""

    @property
    def never_ran(self) -> bool:
        """Whether its receiver was not called since the processes started."""
        return self.totals is None or not self.totals.count

    @property
    def differs(self) -> bool:
        """Whether some processes have it and others do not."""
        return bool(self.missing)

    @property
    def is_called(self) -> bool:
        """Whether a dispatch would call it."""
        return not (self.connection.dead or self.connection.pending)

    def runs_for(self, sender: str) -> bool:
        """Whether it is called for a sender; one whose own sender is not known may be."""
        return self.is_called and self.connection.sender in {ANY_SENDER, UNKNOWN_SENDER, sender}


@dataclass
class SignalRow:
    """A signal with its connections, in the order in which they are called, and those who have sent it.

    ``sent`` dispatches found a receiver and ``orphans`` did not; ``orphan_sends`` are those of the latter that were
    looked at.
    """

    name: str
    connections: list[ConnectionRow] = field(default_factory=list)
    senders: dict[str, int] = field(default_factory=dict)
    left_out: int = 0
    sent: int = 0
    orphans: int = 0
    orphan_sends: Sequence[OrphanSends] = ()

    @property
    def is_unheard(self) -> bool:
        """Whether it was sent, and never found a receiver."""
        return bool(self.orphans) and not self.sent

    def was_sent_by(self, sender: str) -> bool:
        """Whether a sender was seen to send it."""
        return sender in self.senders or any(each.sender == sender for each in self.orphan_sends)

    def marked(self) -> list[ConnectionRow]:
        """The connections, with what is wrong with them."""
        called = [row for row in self.connections if row.is_called]
        counts = Counter(mark for row in called for mark in set(_marks(row)))
        return [
            replace(
                row,
                twice=row.is_called and (row.times > 1 or any(counts[mark] > 1 for mark in _marks(row))),
                missed_by=self._missed_by(row),
            )
            for row in self.connections
        ]

    def _missed_by(self, row: ConnectionRow) -> str:
        """A sender that has sent it while a receiver, which has never run, waits for another one."""
        sender = row.connection.sender
        found = list(dict.fromkeys((*self.senders, *(each.sender for each in self.orphan_sends))))
        if not row.never_ran or not row.is_called or sender in {ANY_SENDER, UNKNOWN_SENDER, *found}:
            return ""
        return next(iter(found), "")


def _marks(row: ConnectionRow) -> list[tuple[object, ...]]:
    """What two connections of a signal that run one receiver twice have in common."""
    connection = row.connection
    marks: list[tuple[object, ...]] = [(connection.sender, connection.receiver)]
    if connection.path is not None:
        last = connection.receiver.rpartition(".")[2]
        marks.append((connection.sender, last, connection.path, connection.line))
    return marks


def sources(store: Store) -> list[Source]:
    """The newest registry of each kind of process, by title: those that serve, or all others if none does.

    Processes that are gone are left out if one with the same title is alive, or any other is.
    """
    states = {state.process.id: state for state in processes(store)}
    known = [(states[item.process], item) for item in store.registries() if item.process in states]
    for is_wanted in (_serves, _is_alive, _is_any):
        found: dict[str, Source] = {}
        for state, registry in known:
            if is_wanted(state):
                found.setdefault(state.process.title, Source(state.process.title, registry, state.gone))
        if found:
            return sorted(found.values(), key=lambda source: source.title)
    return []


def _serves(state: ProcessState) -> bool:
    return not state.gone and not state.is_one_time


def _is_alive(state: ProcessState) -> bool:
    return not state.gone


def _is_any(_state: ProcessState) -> bool:
    return True


def signal_rows(shown: Sequence[Source], totals: Iterable[Totals]) -> list[SignalRow]:
    """The signals of these registries with their connections, by name."""
    by_receiver = {row.key: row for row in totals}
    titles = [source.title for source in shown]
    rows: dict[str, SignalRow] = {}
    found: dict[tuple[object, ...], tuple[Connection, list[str]]] = {}
    times: Counter[tuple[object, ...]] = Counter()
    for source in shown:
        for signal in source.registry.signals:
            row = rows.setdefault(signal.name, SignalRow(signal.name))
            row.left_out = max(row.left_out, signal.left_out)
            _add(row.senders, signal.senders)
            here: Counter[tuple[object, ...]] = Counter()
            for connection in signal.connections:
                key = _key(signal.name, connection)
                here[key] += 1
                _connection, present = found.setdefault(key, (connection, []))
                if source.title not in present:
                    present.append(source.title)
            times |= here
    for key, (connection, present) in found.items():
        missing = [title for title in titles if title not in present]
        totals_of_it = by_receiver.get(connection.receiver)
        made = ConnectionRow(str(key[0]), connection, present, missing, totals_of_it, times[key])
        rows[made.signal].connections.append(made)
    return [rows[name] for name in sorted(rows)]


def sent_signals(store: Store, shown: Sequence[Source]) -> list[SignalRow]:
    """The signals of these registries, and those without one that were sent, with how often they were."""
    rows = {row.name: row for row in signal_rows(shown, store.totals("receiver"))}
    for totals in store.totals("signal"):
        rows.setdefault(totals.key, SignalRow(totals.key)).sent = totals.count
    for name, count in orphans(processes(store)).items():
        rows.setdefault(name, SignalRow(name)).orphans = count
    for send in store.orphan_sends():
        if send.signal in rows:
            row = rows[send.signal]
            row.orphan_sends = (*row.orphan_sends, send)
    for row in rows.values():
        row.connections = row.marked()
    return [rows[name] for name in sorted(rows)]


def _key(signal: str, connection: Connection) -> tuple[object, ...]:
    """What is the same connection in two processes."""
    return signal, connection.receiver, connection.sender, connection.dispatch_uid, connection.weak, connection.line


def _add(total: dict[str, int], more: Mapping[str, int]) -> None:
    for name, count in more.items():
        total[name] = total.get(name, 0) + count


def connections_of(rows: Iterable[SignalRow], kind: SubjectKind, name: str) -> list[ConnectionRow]:
    """The connections of a signal or a receiver."""
    if kind == "signal":
        return [item for row in rows if row.name == name for item in row.connections]
    return [item for row in rows for item in row.connections if item.connection.receiver == name]


def not_imported(shown: Iterable[Source]) -> list[Finding]:
    """What the processes have found of modules with receivers that nobody imports, each once."""
    found = (from_json(text) for source in shown for text in source.registry.findings if NOT_IMPORTED in text)
    return unsilenced({each.id: each for each in found if each is not None and each.name == NOT_IMPORTED}.values())


def is_registered(store: Store, kind: SubjectKind, name: str) -> bool:
    """Whether a process has a signal or receiver of this name."""
    signals = [signal for registry in store.registries() for signal in registry.signals]
    if kind == "signal":
        return any(signal.name == name for signal in signals)
    return any(item.receiver == name for signal in signals for item in signal.connections)
