"""A plain send that blocks the event loop."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from signal_monitor.finding import Finding
from signal_monitor.findings import evidence
from signal_monitor.findings.base import RecordRule
from signal_monitor.findings.snapshot import Snapshot
from signal_monitor.findings.wording import ms, named_call, plural, sent_at, short
from signal_monitor.records import Dispatch

LEAST_NS = 100_000_000
"""What asyncio itself calls slow in its debug mode."""


class BlocksLoop(RecordRule):
    """Receivers ran on the thread of an event loop."""

    code = "R207"
    name = "blocks-event-loop"
    title = "A plain send that blocks the event loop"
    kind = "Slow"
    level = "error"
    what = "While receivers run on the thread of the event loop, the server answers nobody: no page and no websocket."
    remedy = "`await signal.asend(…)`: it runs synchronous receivers in a thread. Or send from synchronous code."
    sketch = (
        " async def view(request):",
        "-    signal.send(sender=Order)",
        "+    await signal.asend(sender=Order)",
    )
    minimum = "One `send()` or `send_robust()` that took 100 ms or more on the thread of a running event loop."
    innocent = "Receivers that take a few milliseconds there."

    def check(self, snapshot: Snapshot) -> Iterator[Finding]:
        found: dict[tuple[str, str], list[Dispatch]] = defaultdict(list)
        for dispatch in snapshot.dispatches:
            if dispatch.blocked_loop and not dispatch.depth and dispatch.duration_ns >= LEAST_NS:
                site = dispatch.call_site
                found[dispatch.signal, f"{site.path}:{site.function}" if site else ""].append(dispatch)
        for (signal, detail), dispatches in found.items():
            yield self._finding(snapshot, signal, detail, dispatches)

    def _finding(self, snapshot: Snapshot, signal: str, detail: str, dispatches: Sequence[Dispatch]) -> Finding:
        worst = max(dispatches, key=lambda dispatch: dispatch.duration_ns)
        slowest = max(worst.calls, key=lambda call: call.self_ns, default=None)
        sender, method = sent_at(worst.call_site) or "An `async def`", f"`{short(signal)}.{worst.method}()`"
        message = f"{sender} calls {method} on the event loop, and nobody was answered for {ms(worst.duration_ns)}"
        message += f", most of it in {named_call(slowest)}" if slowest else ""
        message += f" ({plural(len(dispatches), 'time')})."
        site = worst.call_site
        where = {"path": site.path, "line": site.line} if site else {}
        cost_ns = sum(dispatch.duration_ns for dispatch in dispatches)
        more = evidence.of_dispatches(snapshot, dispatches, cost_ns=cost_ns)
        return self.finding("signal", signal, message, detail=detail, **where, **more)
