"""Receivers that never ran because one before them raised."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from signal_monitor.finding import Finding
from signal_monitor.findings import evidence
from signal_monitor.findings.base import RecordRule
from signal_monitor.findings.refusals import may_refuse
from signal_monitor.findings.snapshot import Call, Snapshot
from signal_monitor.findings.wording import error_of, listed, named_call, of, plural, short
from signal_monitor.records import Dispatch


class NotRun(RecordRule):
    """One receiver raised, and those after it did not run."""

    code = "R205"
    name = "receivers-not-run"
    title = "Receivers that did not run after a failing one"
    kind = "Raised"
    level = "error"
    what = (
        "An exception ends a plain `send()`. Receivers that come later in the order of `connect()` are not called, and "
        "nothing says so."
    )
    remedy = (
        "Catch in the receiver what it can expect. Where receivers do not depend on each other, send with "
        "`send_robust()` and log the exceptions among its responses."
    )
    sketch = (
        "-signal.send(sender=Order)",
        "+for receiver, response in signal.send_robust(sender=Order):",
        "+    if isinstance(response, Exception):",
        '+        logger.error("%r failed", receiver, exc_info=response)',
    )
    minimum = "One dispatch in which a receiver raised and a later one did not run."
    innocent = "A receiver of a signal that comes before something (`pre_…`) and refuses it by raising."

    def check(self, snapshot: Snapshot) -> Iterator[Finding]:
        found: dict[str, list[Call]] = defaultdict(list)
        for dispatch in snapshot.dispatches:
            failing = next((call for call in dispatch.calls if call.outcome == "raised"), None)
            if failing is not None and _left_out(dispatch) and not may_refuse(snapshot, dispatch, failing):
                found[failing.receiver].append((dispatch, failing))
        for receiver, calls in found.items():
            yield self._finding(snapshot, receiver, calls)

    def _finding(self, snapshot: Snapshot, receiver: str, calls: Sequence[Call]) -> Finding:
        dispatch, last = calls[-1]
        victims = list(dict.fromkeys(f"`{short(name)}`" for each, _call in calls for name in _left_out(each)))
        signal = snapshot.signals.get(dispatch.signal)
        share = of(len(calls), max(signal.count if signal else 0, len(calls)), "dispatch", "dispatches")
        message = f"{listed(victims)} did not run in {share} of `{short(dispatch.signal)}`: {named_call(last)}, which "
        message += f"is called before {'it' if len(victims) == 1 else 'them'}, raised {error_of(last)}."
        more = evidence.of_dispatches(snapshot, [each for each, _call in calls])
        why = f"{self.what} {plural(len(victims), 'receiver')} {'was' if len(victims) == 1 else 'were'} left out here."
        return self.finding("receiver", receiver, message, path=last.path, line=last.line, why=why, **more)


def _left_out(dispatch: Dispatch) -> list[str]:
    return [call.receiver for call in dispatch.calls if call.outcome == "not_run"]
