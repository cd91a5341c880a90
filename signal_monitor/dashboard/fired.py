"""The receivers that run when a sender sends a signal, each with what it was seen to set off."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from signal_monitor.dashboard.connected import ConnectionRow
from signal_monitor.dashboard.fires import SeenCalls, SetOff
from signal_monitor.records import Frame
from signal_monitor.stores.base import Store

MOST_SENDERS = 3


@dataclass(frozen=True)
class Fired:
    """A receiver that runs, and what it was seen to set off."""

    row: ConnectionRow
    set_off: SetOff


@dataclass(frozen=True)
class FiredSignal:
    """A signal that is sent, with the receivers that run for this sender.

    ``sites`` are lines that send it, of what is not sent by Django.
    """

    signal: str
    sender: str
    receivers: Sequence[Fired]
    sites: Sequence[Frame] = ()


def fired(seen: SeenCalls, connections: Iterable[ConnectionRow], signal: str, sender: str) -> list[Fired]:
    """The connections that run for a sender."""
    return [Fired(row, seen.of(row.connection.receiver, signal, sender)) for row in connections if row.runs_for(sender)]


def fired_by(
    store: Store, signal: str, connections: Sequence[ConnectionRow], senders: Iterable[str]
) -> list[FiredSignal]:
    """What a signal sets off through its receivers, for a few of the senders for which anything is known."""
    seen = SeenCalls(store, store.totals("receiver"))
    found = [FiredSignal(signal, sender, fired(seen, connections, signal, sender)) for sender in senders]
    return [row for row in found if any(each.set_off.has_any for each in row.receivers)][:MOST_SENDERS]
