"""What is connected in this process, as the subcommands print it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from signal_monitor.cli.output import Cell
from signal_monitor.cli.places import place
from signal_monitor.registry.live import LiveConnection, LiveSignal, live_signals
from signal_monitor.scrubbing import scrub
from signal_monitor.text import MAX_LINE, cleaned

Json = dict[str, Any]
ANY = "any sender"
FIELDS = ("order", "sender", "app", "module", "path", "line", "weak", "is_async", "dispatch_uid", "dead", "pending")
GONE = "(gone)"


def connected_signals() -> list[LiveSignal]:
    """The signals of this process that have receivers, by name; their connections in the order of the calls."""
    return [signal for signal in live_signals() if signal.connections]


def connection_json(connection: LiveConnection) -> Json:
    """A connection; the sender is None if it is connected for all."""
    uid = connection.dispatch_uid
    return {
        "receiver": connection.name or GONE,
        "sender": connection.sender_name or None,
        **{name: getattr(connection, name) for name in FIELDS if name not in {"sender", "dispatch_uid"}},
        "dispatch_uid": None if uid is None else uid_text(uid),
        "connected": asdict(connection.connected) if connection.connected is not None else None,
    }


def uid_text(uid: object) -> str:
    """A ``dispatch_uid`` as text; of one that is no plain value, only the class, so that no code of its runs."""
    return cleaned(scrub(str(uid)), MAX_LINE) if type(uid) in {str, int, float, bool} else f"({type(uid).__name__})"


def signal_json(signal: LiveSignal) -> Json:
    """A signal with its connections."""
    return {"signal": signal.name, "connections": [connection_json(each) for each in signal.connections]}


def row(connection: LiveConnection, *, signal: bool = False, sender: bool = True) -> list[Cell | str]:
    """A connection as a row of a table."""
    name = Cell(connection.name or GONE, "bad" if connection.dead else "bold")
    cells: list[Cell | str] = [Cell(connection.signal_name)] if signal else []
    cells.append(name)
    if sender:
        cells.append(connection.sender_name or Cell(ANY, "muted"))
    return [*cells, Cell(place(connection.path, connection.line), "muted"), Cell(notes(connection), "warn")]


def notes(connection: LiveConnection) -> str:
    """What is not as usual about a connection."""
    call = connection.connected
    said = (
        ("async", connection.is_async),
        ("held strongly", not connection.weak),
        (f"dispatch_uid {uid_text(connection.dispatch_uid)}", connection.dispatch_uid is not None),
        ("never called: it or its sender is gone", connection.dead),
        ("waits for the model", connection.pending),
        (f"connected after start in {place(call.path, call.line)}" if call else "", _is_late(connection)),
    )
    return ", ".join(text for text, holds in said if holds)


def _is_late(connection: LiveConnection) -> bool:
    return connection.connected is not None and connection.connected.stage == "after start"


def all_connections(signals: Iterable[LiveSignal]) -> list[LiveConnection]:
    """The connections of signals."""
    return [each for signal in signals for each in signal.connections]


def receiver_names(signals: Sequence[LiveSignal]) -> list[str]:
    """The names of all receivers."""
    return list(dict.fromkeys(each.name for each in all_connections(signals) if each.name))
