"""A receiver that is connected in one kind of process only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from signal_monitor.finding import Finding
from signal_monitor.findings.base import RecordRule
from signal_monitor.findings.own import is_own
from signal_monitor.findings.snapshot import Snapshot
from signal_monitor.findings.wording import named, place, plural, short
from signal_monitor.records import Process
from signal_monitor.registry.records import Connection, RegisteredSignal, Registry

PER_PROCESS = ("django.core.signals.", "django.test.signals.", "django.db.backends.signals.")
MIGRATE = ("django.db.models.signals.pre_migrate", "django.db.models.signals.post_migrate")
NOT_FOR_ALL = ("celery.py", "conftest.py")


class OtherProcess(RecordRule):
    """Another process sent the signal for its sender, and does not have it."""

    code = "R218"
    name = "connected-elsewhere-only"
    title = "A receiver that is connected in one kind of process only"
    kind = "Never runs"
    level = "error"
    what = "A module is imported in some processes and not in others, so that the same code does different things."
    remedy = "Import the module in `ready()` of the app's `AppConfig`: every process runs that."
    sketch = (
        " class ShopConfig(AppConfig):",
        '     name = "shop"',
        "+",
        "+    def ready(self):  # runs in every process",
        "+        from shop import receivers",
    )
    minimum = (
        "A process that sent the signal for the sender of a receiver which is connected in another one and not in it."
    )
    innocent = (
        "Receivers that a process needs for itself, whose signals the other one does not send; `celery.py`; tests."
    )

    def check(self, snapshot: Snapshot) -> Iterator[Finding]:
        newest = _newest_of_each_title(snapshot)
        for here, registry in newest:
            for signal in registry.signals:
                if signal.name.startswith(PER_PROCESS) or signal.name in MIGRATE:
                    continue
                for connection in signal.connections:
                    if _is_for_all(connection):
                        yield from self._found(newest, here, signal, connection)

    def _found(
        self,
        newest: Sequence[tuple[Process, Registry]],
        here: Process,
        signal: RegisteredSignal,
        connection: Connection,
    ) -> Iterator[Finding]:
        for there, other in newest:
            sent = _sent_without(other, signal.name, connection)
            if there.title == here.title or not sent or there.started_at < here.started_at:
                continue
            at = connection.connected
            when = f" since {place(at.path, at.line)} was run" if at is not None and at.stage == "after start" else ""
            message = f"{named(connection.receiver, connection.path, connection.line)} is connected in `{here.title}`"
            message += f"{when} and not in `{there.title}`, which sent `{short(signal.name)}` "
            message += f"{plural(sent, 'time')} without it. No `AppConfig.ready()` imports `{connection.module}` there."
            yield self.finding(
                "receiver",
                connection.receiver,
                message,
                detail=f"{signal.name} {there.title}",
                path=connection.path,
                line=connection.line,
                first_seen=other.taken_at,
                last_seen=other.taken_at,
                count=sent,
                processes=(there.id,),
            )


def _newest_of_each_title(snapshot: Snapshot) -> list[tuple[Process, Registry]]:
    by_process = {registry.process: registry for registry in snapshot.registries}
    found: dict[str, Process] = {}
    for process in sorted(snapshot.processes, key=lambda each: each.started_at):
        if process.id in by_process:
            found[process.title] = process
    return [(process, by_process[process.id]) for process in found.values()]


def _is_for_all(connection: Connection) -> bool:
    """Whether a receiver is one of the project's, is there to stay, and is not meant for one kind of process."""
    if connection.dead or connection.pending or not connection.receiver or not is_own(connection.path):
        return False
    return "<locals>" not in connection.receiver and not str(connection.path).endswith(NOT_FOR_ALL)


def _sent_without(registry: Registry, signal: str, connection: Connection) -> int:
    """How often a process sent a signal for the sender of a receiver that it does not have."""
    known = registry.signal(signal)
    if known is None or known.left_out or any(each.receiver == connection.receiver for each in known.connections):
        return 0
    return known.senders.get(connection.sender, 0) if connection.sender else sum(known.senders.values())
