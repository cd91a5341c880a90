"""A receiver that a view turns off for everybody."""

from __future__ import annotations

from collections.abc import Iterator

from signal_monitor.finding import Finding
from signal_monitor.findings.base import RecordRule
from signal_monitor.findings.own import is_own
from signal_monitor.findings.snapshot import Snapshot
from signal_monitor.findings.wording import named, place, plural, short
from signal_monitor.registry.records import Registry, TurnedOff


class DisconnectedInRequest(RecordRule):
    """disconnect() changes the signal of the whole process."""

    code = "R237"
    name = "disconnected-in-request"
    title = "A receiver that a request turns off for all"
    kind = "Never runs"
    what = (
        "Signals belong to the process. What one request disconnects does not run for the requests of other threads "
        "and tasks either, until it is connected again; and never again if an exception comes between."
    )
    remedy = (
        "Leave the receiver connected, and tell it what to leave out with an attribute of the instance; or write the "
        "rows with `bulk_create()` or `update()`, which call no receiver."
    )
    sketch = (
        "-post_save.disconnect({receiver}, sender=Order)",
        "+order.skips_receivers = True  # the receiver returns if it is set",
        " order.save()",
        "-post_save.connect({receiver}, sender=Order)",
    )
    minimum = "One `disconnect()` in a request, by the project's own code, of a receiver that no request has connected."
    innocent = "A receiver that the request itself has connected; tests, commands and tasks."

    def check(self, snapshot: Snapshot) -> Iterator[Finding]:
        for registry in snapshot.registries:
            for each in registry.turned_off:
                if is_own(each.call.path):
                    yield self._finding(registry, each)

    def _finding(self, registry: Registry, each: TurnedOff) -> Finding:
        message = f"`disconnect()` at {place(each.call.path, each.call.line)} turns "
        message += f"{named(each.receiver, each.path, each.line)} off for the whole process"
        message += (
            f" ({plural(each.count, 'time')}): until it is connected again, `{short(each.signal)}` does not call "
        )
        message += "it for other requests either."
        if not each.is_back:
            message += " It is not connected any more."
        return self.finding(
            "receiver",
            each.receiver,
            message,
            level="warning" if each.is_back else "error",
            detail=f"{each.signal} {each.call.path}:{each.call.line}",
            path=each.call.path,
            line=each.call.line,
            first_seen=each.call.at,
            last_seen=registry.taken_at,
            count=each.count,
            processes=(registry.process,),
        )
