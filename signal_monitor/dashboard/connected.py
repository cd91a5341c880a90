"""What is connected in the processes that the store knows, side by side."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from signal_monitor.dashboard.processes import ProcessState, processes
from signal_monitor.records import SubjectKind
from signal_monitor.registry.records import Connection, Registry
from signal_monitor.stores.base import Store, Totals


@dataclass(frozen=True)
class Source:
    """A registry that is shown: the newest of the processes with one title."""

    title: str
    registry: Registry
    gone: bool = False


@dataclass(frozen=True)
class ConnectionRow:
    """A connection, the titles of the processes that have it and those that do not, and the calls of its receiver."""

    signal: str
    connection: Connection
    present: Sequence[str]
    missing: Sequence[str] = ()
    totals: Totals | None = None

    @property
    def never_ran(self) -> bool:
        """Whether its receiver was not called since the processes started."""
        return self.totals is None or not self.totals.count

    @property
    def differs(self) -> bool:
        """Whether some processes have it and others do not."""
        return bool(self.missing)


@dataclass
class SignalRow:
    """A signal with its connections, in the order in which they are called."""

    name: str
    connections: list[ConnectionRow] = field(default_factory=list)
    senders: dict[str, int] = field(default_factory=dict)
    left_out: int = 0


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
    for source in shown:
        for signal in source.registry.signals:
            row = rows.setdefault(signal.name, SignalRow(signal.name))
            row.left_out = max(row.left_out, signal.left_out)
            _add(row.senders, signal.senders)
            for connection in signal.connections:
                _connection, present = found.setdefault(_key(signal.name, connection), (connection, []))
                if source.title not in present:
                    present.append(source.title)
    for (name, *_), (connection, present) in found.items():
        missing = [title for title in titles if title not in present]
        rows[str(name)].connections.append(
            ConnectionRow(str(name), connection, present, missing, by_receiver.get(connection.receiver))
        )
    return [rows[name] for name in sorted(rows)]


def _key(signal: str, connection: Connection) -> tuple[object, ...]:
    """What is the same connection in two processes."""
    return signal, connection.receiver, connection.sender, connection.dispatch_uid, connection.weak, connection.line


def _add(total: dict[str, int], more: Mapping[str, int]) -> None:
    for name, count in more.items():
        total[name] = total.get(name, 0) + count


def connections_of(store: Store, kind: SubjectKind, name: str) -> list[ConnectionRow]:
    """The connections of a signal or a receiver."""
    rows = signal_rows(sources(store), store.totals("receiver"))
    if kind == "signal":
        return [item for row in rows if row.name == name for item in row.connections]
    return [item for row in rows for item in row.connections if item.connection.receiver == name]


def is_registered(store: Store, kind: SubjectKind, name: str) -> bool:
    """Whether a process has a signal or receiver of this name."""
    signals = [signal for registry in store.registries() for signal in registry.signals]
    if kind == "signal":
        return any(signal.name == name for signal in signals)
    return any(item.receiver == name for signal in signals for item in signal.connections)
