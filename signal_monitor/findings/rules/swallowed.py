"""Exceptions that send_robust() returns and nobody looks at."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from signal_monitor.finding import Finding
from signal_monitor.findings import evidence
from signal_monitor.findings.base import RecordRule
from signal_monitor.findings.call_sites import is_bare
from signal_monitor.findings.snapshot import Call, Snapshot
from signal_monitor.findings.wording import error_of, named_call, of, sent_at


class Swallowed(RecordRule):
    """The send is a bare statement."""

    code = "R204"
    name = "swallowed"
    title = "Exceptions that nobody looks at"
    level = "error"
    what = (
        "`send_robust()` catches the exceptions of receivers and returns them among the responses. The code that sends "
        "drops the responses, and goes on as if all was well. Only the logger `django.dispatch` has the exception."
    )
    remedy = (
        "Look at the responses: `for receiver, response in signal.send_robust(…): if isinstance(response, Exception): "
        "…`. Mend the receiver, and make sure that somebody reads what `django.dispatch` logs."
    )
    minimum = "One exception under `send_robust()` or `asend_robust()`, where the call, parsed, is a bare statement."
    innocent = "Responses that are assigned, returned or looped over."

    def check(self, snapshot: Snapshot) -> Iterator[Finding]:
        found: dict[str, list[Call]] = defaultdict(list)
        for dispatch in snapshot.dispatches:
            failed = [call for call in dispatch.calls if call.outcome == "swallowed"]
            if failed and is_bare(dispatch.call_site):
                for call in failed:
                    found[call.receiver].append((dispatch, call))
        for receiver, calls in found.items():
            yield self._finding(snapshot, receiver, calls)

    def _finding(self, snapshot: Snapshot, receiver: str, calls: Sequence[Call]) -> Finding:
        dispatch, last = calls[-1]
        share = of(len(calls), snapshot.count(receiver, at_least=len(calls)), "call")
        message = f"{named_call(last)} raised {error_of(last)} in {share}, and nobody looked: "
        message += f"{sent_at(dispatch.call_site)} does not use the responses of `{dispatch.method}()`."
        more = evidence.of_dispatches(snapshot, [each for each, _call in calls])
        return self.finding("receiver", receiver, message, path=last.path, line=last.line, **more)
