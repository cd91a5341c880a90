"""A receiver that has been running for long and has not ended."""

from __future__ import annotations

from collections.abc import Iterator

from signal_monitor.finding import Finding
from signal_monitor.findings.base import RecordRule
from signal_monitor.findings.evidence import DEBUGGERS
from signal_monitor.findings.own import is_own
from signal_monitor.findings.snapshot import Snapshot
from signal_monitor.findings.wording import named, place
from signal_monitor.records import Process, RunningCall

LEAST_NS = 10_000_000_000


class Hanging(RecordRule):
    """A call of a server or worker runs for ten seconds or more."""

    code = "R213"
    name = "hanging"
    title = "A receiver that hangs"
    kind = "Hangs"
    level = "error"
    what = "Whoever sent the signal waits until it ends, and a thread of the server or worker is occupied as long."
    remedy = "Give every call to another service a timeout. What may take long belongs into a task with a time limit."
    sketch = (
        " def {receiver}(sender, **kwargs):",
        "-    requests.get(URL)",
        "+    requests.get(URL, timeout=5)",
    )
    minimum = "A call that has run for 10 s in a process that serves requests or tasks, and still runs."
    innocent = "A command that works for long; a breakpoint."

    def check(self, snapshot: Snapshot) -> Iterator[Finding]:
        for process in snapshot.processes:
            if process.serves and snapshot.is_alive(process):
                for call in process.running:
                    if _running_ns(snapshot, call) >= LEAST_NS and not _is_debugged(call):
                        yield self._finding(snapshot, process, call)

    def _finding(self, snapshot: Snapshot, process: Process, call: RunningCall) -> Finding:
        path, line = _place_of(snapshot, call)
        own = [frame for frame in call.stack if is_own(frame.path)]
        last = own[-1] if own else call.stack[-1] if call.stack else None
        now = f", now in `{last.function.rpartition('.')[2]}` ({place(last.path, last.line)})" if last else ""
        running_ns = _running_ns(snapshot, call)
        message = f"{named(call.receiver, path, line)} has been running for {running_ns / 1e9:,.0f} s in "
        message += f"`{process.title}`{now}."
        return self.finding(
            "receiver",
            call.receiver,
            message,
            path=path,
            line=line,
            cost_ns=running_ns,
            first_seen=call.started_at,
            last_seen=process.seen_at,
            dispatches=(call.dispatch_id,),
            processes=(process.id,),
        )


def _place_of(snapshot: Snapshot, call: RunningCall) -> tuple[str | None, int | None]:
    """Where the receiver is defined; where it is now, if no call of it has ended yet."""
    totals = snapshot.receivers_ever.get(call.receiver)
    if totals is not None and totals.path:
        return totals.path, totals.line
    name = call.receiver.rpartition(".")[2]
    frame = next((frame for frame in call.stack if frame.function.rpartition(".")[2] == name), None)
    return (frame.path, frame.line) if frame else (None, None)


def _running_ns(snapshot: Snapshot, call: RunningCall) -> int:
    return max(call.running_ns, round((snapshot.now - call.started_at) * 1e9))


def _is_debugged(call: RunningCall) -> bool:
    return any(part in frame.path for frame in call.stack for part in DEBUGGERS)
