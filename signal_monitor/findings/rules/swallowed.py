"""Exceptions that send_robust() returns and nobody looks at."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from signal_monitor.finding import Finding
from signal_monitor.findings import evidence
from signal_monitor.findings.base import RecordRule
from signal_monitor.findings.call_sites import is_bare
from signal_monitor.findings.snapshot import Call, Snapshot
from signal_monitor.findings.wording import error_of, listed, named_call, of, plural, sent_at


class Swallowed(RecordRule):
    """The send is a bare statement."""

    code = "R204"
    name = "swallowed"
    title = "Exceptions that nobody looks at"
    kind = "Swallowed"
    level = "error"
    what = (
        "`send_robust()` catches the exceptions of receivers and returns them among the responses. The code that sends "
        "drops the responses, and goes on as if all was well. Only the logger `django.dispatch` has the exception."
    )
    remedy = (
        "Look at the responses: `for receiver, response in signal.send_robust(…): if isinstance(response, Exception): "
        "…`. Mend the receiver, and make sure that somebody reads what `django.dispatch` logs."
    )
    sketch = (
        "-signal.send_robust(sender=Order)",
        "+for receiver, response in signal.send_robust(sender=Order):",
        "+    if isinstance(response, Exception):",
        '+        logger.error("%r failed", receiver, exc_info=response)',
    )
    minimum = "One exception under `send_robust()` or `asend_robust()`, where the call, parsed, is a bare statement."
    innocent = "Responses that are assigned, returned or looped over."

    def check(self, snapshot: Snapshot) -> Iterator[Finding]:
        found: dict[str, list[Call]] = defaultdict(list)
        for dispatch in snapshot.dispatches:
            failed = [call for call in dispatch.calls if call.outcome == "swallowed"]
            if failed and is_bare(dispatch):
                for call in failed:
                    found[call.receiver].append((dispatch, call))
        for receiver, calls in found.items():
            yield self._finding(snapshot, receiver, calls)

    def _finding(self, snapshot: Snapshot, receiver: str, calls: Sequence[Call]) -> Finding:
        last = calls[-1][1]
        share = of(len(calls), snapshot.count(receiver, at_least=len(calls)), "call")
        swallowed = sum(call.outcome == "swallowed" for _dispatch, call in snapshot.calls[receiver])
        least = "at least " if len(calls) < swallowed else ""  # not every failure has its line
        message = f"{named_call(last)} raised {error_of(last)} in {least}{share}, and nobody looked: {_who(calls)}."
        more = evidence.of_dispatches(snapshot, [each for each, _call in calls])
        return self.finding("receiver", receiver, message, path=last.path, line=last.line, **more)


def _who(calls: Sequence[Call]) -> str:
    """The lines that send and drop the responses, most calls first, with their numbers if there are several."""
    dispatches = [dispatch for dispatch, _call in calls]
    methods = listed([f"`{method}()`" for method in dict.fromkeys(each.method for each in dispatches)], word="or")
    sites = Counter(each.call_site for each in dispatches).most_common()
    if len(sites) == 1:
        return f"{sent_at(sites[0][0])} does not use the responses of {methods}"
    senders = listed([f"{sent_at(site)} in {plural(count, 'call')}" for site, count in sites])
    return f"{senders} do not use the responses of {methods}"
