"""connect() in a view, which adds one more receiver with every request."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from signal_monitor.finding import Finding
from signal_monitor.findings.base import RecordRule
from signal_monitor.findings.own import is_own
from signal_monitor.findings.snapshot import Snapshot
from signal_monitor.findings.wording import named, place, plural, short
from signal_monitor.registry.records import Connection, Registry

LEAST = 3


class ConnectedInView(RecordRule):
    """The same function, line and sender again and again, connected after the start."""

    code = "W112"
    name = "connected-in-view"
    title = "connect() that adds one more receiver each time"
    kind = "Too often"
    level = "error"
    what = "Each dispatch calls all of them, and what they refer to is never freed. Memory and durations grow."
    remedy = "Connect once, when the module is imported, with a function of the module."
    sketch = (
        "+@receiver(signal)",
        "+def {receiver}(sender, **kwargs): ...",
        "+",
        " def view(request):",
        "-    def {receiver}(sender, **kwargs): ...",
        "-    signal.connect({receiver}, weak=False)",
        '     return render(request, "page.html")',
    )
    minimum = "Three connections with the same sender, file and line, all made with `weak=False` after the start."
    innocent = "A factory that connects closures at the start; a temporary receiver that is held weakly and goes away."

    def check(self, snapshot: Snapshot) -> Iterator[Finding]:
        for registry in snapshot.registries:
            for signal in registry.signals:
                found: dict[tuple[object, ...], list[Connection]] = defaultdict(list)
                for each in signal.connections:
                    if _adds_up(each):
                        found[each.receiver, each.path, each.line, each.sender].append(each)
                for same in found.values():
                    if len(same) >= LEAST:
                        yield self._finding(registry, signal.name, same)

    def _finding(self, registry: Registry, signal: str, same: Sequence[Connection]) -> Finding:
        first = same[0]
        calls = [each.connected for each in same if each.connected is not None]
        message = f"{named(first.receiver, first.path, first.line)} is connected {plural(len(same), 'time')} to "
        message += f"`{short(signal)}`, and was not at the start: `connect()` at {place(calls[0].path, calls[0].line)} "
        message += f"adds one more each time, with `weak=False`. Each dispatch calls it {plural(len(same), 'time')}."
        return self.finding(
            "receiver",
            first.receiver,
            message,
            detail=signal,
            path=first.path,
            line=first.line,
            first_seen=min(call.at for call in calls),
            last_seen=registry.taken_at,
            count=len(same),
            processes=(registry.process,),
        )


def _adds_up(connection: Connection) -> bool:
    """Whether the project's own code has connected a receiver of its own to stay, after the start."""
    call = connection.connected
    if call is None or call.stage != "after start" or connection.weak or connection.dead:
        return False
    return is_own(connection.path) and is_own(call.path)
