"""A receiver that is connected for a class, while the signal is sent by one that is related to it."""

from __future__ import annotations

from collections.abc import Iterator

from django.db import models

from signal_monitor.finding import Finding
from signal_monitor.findings.base import RecordRule
from signal_monitor.findings.related import model_named
from signal_monitor.findings.snapshot import Snapshot
from signal_monitor.findings.wording import named, of, sent_at, short
from signal_monitor.records import Frame
from signal_monitor.registry.records import Connection, RegisteredSignal, Registry

INSTANCE = " instance"


class OtherSender(RecordRule):
    """A proxy, a parent, a child, or an instance of the class sends it."""

    code = "R217"
    name = "other-sender"
    title = "A receiver that a related sender passes by"
    level = "error"
    what = "Senders are compared by identity: a proxy, a subclass or an instance of a class is another sender."
    remedy = (
        "Connect the receiver for each of them (`for model in (…): signal.connect(receiver, "
        "sender=model)`), or without "
        "a sender and with `if issubclass(sender, …)`. Where the project sends an instance, send its class."
    )
    minimum = "One dispatch by a proxy, a parent, a child or an instance of the class that it is connected for."
    innocent = "Unrelated classes; a related one that has a receiver of its own."

    def check(self, snapshot: Snapshot) -> Iterator[Finding]:
        for registry in snapshot.registries:
            for signal in registry.signals:
                connected = {each.sender for each in signal.connections if not each.dead}
                for connection in signal.connections:
                    if connection.sender and not connection.dead:
                        yield from self._found(snapshot, registry, signal, connection, connected)

    def _found(
        self,
        snapshot: Snapshot,
        registry: Registry,
        signal: RegisteredSignal,
        connection: Connection,
        connected: set[str],
    ) -> Iterator[Finding]:
        for sender, count in signal.senders.items():
            relation = relation_of(connection.sender, sender) if sender not in connected else ""
            if not relation or _runs_for_all(signal, connection):
                continue
            total = sum(
                number for name, number in signal.senders.items() if name == connection.sender or name == sender
            )
            site = _site(snapshot, signal.name, sender)
            told = f"{sent_at(site)} sends" if site is not None else "it is sent by"
            message = f"{named(connection.receiver, connection.path, connection.line)} did not run for "
            message += f"{of(count, total, 'dispatch', 'dispatches')} of `{short(signal.name)}`: it is connected for "
            message += f"`{short(connection.sender)}`, and {told} {relation}. Senders are compared by identity."
            yield self.finding(
                "receiver",
                connection.receiver,
                message,
                detail=f"{signal.name} {sender}",
                path=connection.path,
                line=connection.line,
                last_seen=registry.taken_at,
                first_seen=registry.taken_at,
                count=count,
                processes=(registry.process,),
            )


def _runs_for_all(signal: RegisteredSignal, connection: Connection) -> bool:
    """Whether the same receiver is also connected for all senders."""
    return any(each.receiver == connection.receiver and not each.sender for each in signal.connections)


def _site(snapshot: Snapshot, signal: str, sender: str) -> Frame | None:
    found = (row for row in reversed(snapshot.dispatches) if (row.signal, row.sender) == (signal, sender))
    return next((row.call_site for row in found if row.call_site is not None), None)


def relation_of(connected: str, sender: str) -> str:
    """How a sender is related to the class that a receiver is connected for, as text; "" if it is not."""
    if sender == f"{connected}{INSTANCE}":
        return f"an instance of `{short(connected)}`"
    one, other = model_named(connected), model_named(sender)
    if one is None or other is None or one is other:
        return ""
    if _concrete(one) is _concrete(other):
        return f"`{short(sender)}`, {'its proxy' if other._meta.proxy else 'which it is a proxy of'}"  # noqa: SLF001
    if issubclass(other, one):
        return f"`{short(sender)}`, its subclass"
    return f"`{short(sender)}`, its base" if issubclass(one, other) else ""


def _concrete(model: type[models.Model]) -> object:
    return model._meta.concrete_model  # noqa: SLF001 - Django documents it
