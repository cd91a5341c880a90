"""A disconnect() that removes nothing."""

from __future__ import annotations

from collections.abc import Iterator

from signal_monitor.finding import Finding
from signal_monitor.findings.base import RecordRule
from signal_monitor.findings.snapshot import Snapshot
from signal_monitor.findings.wording import place, plural, short
from signal_monitor.registry.records import FailedDisconnect


class DisconnectsNothing(RecordRule):
    """It returned False while the receiver was connected in another way."""

    code = "W105"
    name = "disconnects-nothing"
    title = "A disconnect() that removes nothing"
    level = "error"
    what = "Sender and `dispatch_uid` are part of what `disconnect()` looks for. The receiver goes on to run."
    remedy = "Give `disconnect()` the arguments that `connect()` had, and connect again in a `finally`."
    sketch = (
        "-signal.disconnect({receiver})",
        '+signal.disconnect({receiver}, sender=Invoice, dispatch_uid="invoice_saved")',
        "+try:",
        "     import_rows()",
        "+finally:",
        '+    signal.connect({receiver}, sender=Invoice, dispatch_uid="invoice_saved")',
    )
    minimum = "One `disconnect()` that returned `False` while the same function was connected to the signal otherwise."
    innocent = (
        "A `disconnect()` of a receiver that is not connected any more, also if it is connected for another sender."
    )

    def check(self, snapshot: Snapshot) -> Iterator[Finding]:
        for registry in snapshot.registries:
            for failed in registry.failed_disconnects:
                totals = snapshot.receivers_ever.get(failed.receiver)
                ran = " It has run since." if totals and (totals.last_at or 0) > failed.call.at else ""
                message = f"`{short(failed.signal)}.disconnect({short(failed.receiver)})` at "
                message += f"{place(failed.call.path, failed.call.line)} removed nothing"
                message += f" ({plural(failed.count, 'time')}): it is connected with {_arguments(failed)}.{ran}"
                yield self.finding(
                    "receiver",
                    failed.receiver,
                    message,
                    detail=f"{failed.signal} {failed.call.path}:{failed.call.line}",
                    path=failed.call.path,
                    line=failed.call.line,
                    first_seen=failed.call.at,
                    last_seen=registry.taken_at,
                    count=failed.count,
                    processes=(registry.process,),
                )


def _arguments(failed: FailedDisconnect) -> str:
    """The arguments that it was connected with: "`sender=Invoice, dispatch_uid="invoice_saved"`"."""
    given = [
        f"sender={short(failed.connected_sender)}" if failed.connected_sender else "no sender",
        f'dispatch_uid="{failed.connected_uid}"' if failed.connected_uid is not None else "",
    ]
    return f"`{', '.join(filter(None, given))}`" if failed.connected_sender else " and ".join(filter(None, given))
