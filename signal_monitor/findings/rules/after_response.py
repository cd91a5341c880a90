"""Work after the response, which occupies a thread of the server."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from signal_monitor.finding import Finding
from signal_monitor.findings import evidence
from signal_monitor.findings.base import RecordRule
from signal_monitor.findings.own import is_django
from signal_monitor.findings.snapshot import Call, Snapshot
from signal_monitor.findings.wording import ms, named_call, of

AFTER_RESPONSE = "django.core.signals.request_finished"


class AfterResponse(RecordRule):
    """A receiver of request_finished is slow."""

    code = "R209"
    name = "after-response"
    title = "Slow work after the response"
    kind = "Slow"
    what = (
        "The time is not in the duration of the request, in `Server-Timing` or in the log line. It occupies a thread "
        "of the server, and the next visitors may have to wait for one."
    )
    remedy = "Do it in a task, or collect what is to be done and let a timer do it."
    sketch = (
        " @receiver(request_finished)",
        " def {receiver}(sender, **kwargs):",
        "-    write_statistics()  # a server thread waits for it",
        "+    write_statistics_later.delay()",
    )
    minimum = "Two slow calls of a receiver of `request_finished`, or one of twice the limit."
    innocent = "Django's `close_old_connections` and `reset_queries`, and quick receivers."

    def check(self, snapshot: Snapshot) -> Iterator[Finding]:
        for receiver, calls in snapshot.calls.items():
            slow = [
                (dispatch, call)
                for dispatch, call in calls
                if dispatch.signal == AFTER_RESPONSE and call.severity != "normal"
            ]
            if slow and not is_django(receiver) and evidence.is_convincing(snapshot, slow):
                yield self._finding(snapshot, receiver, slow)

    def _finding(self, snapshot: Snapshot, receiver: str, slow: Sequence[Call]) -> Finding:
        longest = max((call for _dispatch, call in slow), key=lambda call: call.self_ns)
        responses = snapshot.signals.get(AFTER_RESPONSE)
        share = of(len(slow), max(len(slow), responses.count if responses else 0), "response")
        message = f"{named_call(longest)} keeps a thread of the server busy for {ms(longest.self_ns)} after {share}. "
        message += "Visitors do not wait for it; the next ones may."
        more = evidence.of_dispatches(snapshot, [dispatch for dispatch, _call in slow])
        return self.finding("receiver", receiver, message, path=longest.path, line=longest.line, **more)
