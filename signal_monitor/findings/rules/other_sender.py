"""A receiver that is connected for a class, while the signal is sent by one that is related to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import chain

from signal_monitor.finding import Finding, Level
from signal_monitor.findings.base import RecordRule
from signal_monitor.findings.own import is_own
from signal_monitor.findings.related import meta, model_named
from signal_monitor.findings.relations import is_proxied, reference_of, relation_of
from signal_monitor.findings.snapshot import Snapshot
from signal_monitor.findings.wording import named, of, sent_at, short
from signal_monitor.records import Frame
from signal_monitor.registry.records import Connection, RegisteredSignal, Registry

DELETES = frozenset({"django.db.models.signals.pre_delete", "django.db.models.signals.post_delete"})


class OtherSender(RecordRule):
    """A proxy, a subclass or an instance of the class sends it."""

    code = "R217"
    name = "other-sender"
    title = "A receiver that a related sender passes by"
    kind = "Never runs"
    level = "error"
    what = "Senders are compared by identity: a proxy, a subclass or an instance of a class is another sender."
    remedy = (
        "Connect the receiver for each of them (`for model in (…): signal.connect(receiver, "
        "sender=model)`), or without "
        "a sender and with `if issubclass(sender, …)`. Where the project sends an instance, send its class."
    )
    sketch = (
        "-@receiver(signal, sender=Ticket)",
        "-def {receiver}(sender, **kwargs): ...",
        "+@receiver(signal)",
        "+def {receiver}(sender, **kwargs):",
        "+    if not issubclass(sender, Ticket):",
        "+        return",
    )
    minimum = (
        "One dispatch by a proxy, a subclass or an instance of the class that it is connected for. By the model of "
        "which that class is a proxy, or where some of its relatives are connected too, a hint. By a model with a "
        "foreign key to it, a warning: if the signal is not Django's, none of its sends has found a receiver, and this "
        "one has never run."
    )
    innocent = (
        "Unrelated classes; a related one that has a receiver of its own; rows of the base whose table a model "
        "inherits; a package that some of the related models are registered with."
    )

    def check(self, snapshot: Snapshot) -> Iterator[Finding]:
        for registry in snapshot.registries:
            for signal in registry.with_own_names():
                senders = Counter(signal.senders)
                senders.update({row.sender: row.count for row in snapshot.orphan_senders.get(signal.name, ())})
                connected = {each.sender for each in signal.connections if not each.dead}
                for connection in signal.connections:
                    if connection.sender and not connection.dead and not _runs_for_all(signal, connection):
                        for sender in senders.keys() - connected:
                            yield from self._found(snapshot, registry, signal, connection, senders, sender)

    def _found(
        self,
        snapshot: Snapshot,
        registry: Registry,
        signal: RegisteredSignal,
        connection: Connection,
        senders: Counter[str],
        sender: str,
    ) -> Iterator[Finding]:
        relation = relation_of(connection.sender, sender)
        level = self._level(signal, connection, sender)
        if relation and (level is None or _is_sent_for_both(signal.name, connection.sender, sender)):
            return
        if not relation and _is_unheard(snapshot, signal, connection):
            relation, level = reference_of(connection.sender, sender), "warning"
        if not relation:
            return
        count, total = senders[sender], senders[sender] + senders[connection.sender]
        site = _site(snapshot, signal.name, sender)
        told = f"{sent_at(site)} sends" if site is not None else "it is sent by"
        message = f"{named(connection.receiver, connection.path, connection.line)} did not run for "
        message += f"{of(count, total, 'dispatch', 'dispatches')} of `{short(signal.name)}`: it is connected for "
        message += f"`{short(connection.sender)}`, and {told} {relation}. Senders are compared by identity."
        yield self.finding(
            "receiver",
            connection.receiver,
            message,
            level=level,
            advice=self.remedy if is_own(connection.path) else _of_package(connection, sender),
            detail=f"{signal.name} {sender}",
            path=connection.path,
            line=connection.line,
            last_seen=registry.taken_at,
            first_seen=registry.taken_at,
            count=count,
            processes=(registry.process,),
            signals=(signal.name,),
        )

    def _level(self, signal: RegisteredSignal, connection: Connection, sender: str) -> Level | None:
        """How certain it is; None if the project has chosen between the related models where it registers them."""
        if any(_is_relative(each, connection, sender) for each in signal.connections):
            return "hint" if is_own(connection.path) else None
        return "hint" if is_proxied(connection.sender, sender) else self.level


def _is_relative(other: Connection, connection: Connection, sender: str) -> bool:
    """Whether another connection of the same receiver is for a class to which the sender's is a sister."""
    if other.receiver != connection.receiver or other.dead or other.sender in {"", connection.sender, sender}:
        return False
    return bool(relation_of(connection.sender, other.sender))


def _of_package(connection: Connection, sender: str) -> str:
    return (
        f"Register `{short(sender)}` where `{short(connection.sender)}` is registered: the receiver is not the "
        "project's own."
    )


def _is_sent_for_both(signal: str, connected: str, sender: str) -> bool:
    """Whether one delete sends a signal for both models, since one of them inherits the other's table."""
    if signal not in DELETES:
        return False
    one, other = model_named(connected), model_named(sender)
    if one is None or other is None:
        return False
    return other in meta(one).get_parent_list() or one in meta(other).get_parent_list()


def _runs_for_all(signal: RegisteredSignal, connection: Connection) -> bool:
    """Whether the same receiver is also connected for all senders."""
    return any(each.receiver == connection.receiver and not each.sender for each in signal.connections)


def _site(snapshot: Snapshot, signal: str, sender: str) -> Frame | None:
    found = (row for row in reversed(snapshot.dispatches) if (row.signal, row.sender) == (signal, sender))
    stored = (row.call_site for row in found if row.call_site is not None)
    noted = (site for row in snapshot.orphan_senders.get(signal, ()) if row.sender == sender for site in row.sites)
    return next(chain(stored, noted), None)


def _is_unheard(snapshot: Snapshot, signal: RegisteredSignal, connection: Connection) -> bool:
    """Whether no receiver has ever heard a signal of the project, and this one has never run."""
    return not (signal.senders or signal.name.startswith("django.") or connection.receiver in snapshot.receivers_ever)
