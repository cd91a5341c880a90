"""A receiver that raises into the code that sends, so that a request fails."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from signal_monitor.finding import Finding
from signal_monitor.findings import evidence
from signal_monitor.findings.base import RecordRule
from signal_monitor.findings.call_sites import is_bare
from signal_monitor.findings.snapshot import Call, Snapshot
from signal_monitor.findings.wording import error_of, named_call, of, of_request, plural, sent_at
from signal_monitor.records import Dispatch, ReceiverCall, Request

from .before_saved import is_too_early
from .created import inserts_again
from .recursion import is_in_circle
from .wrong_arguments import arguments_of

BROKEN_BEFORE = "An error occurred in the current transaction."
"""How the message of Django begins for a query in a transaction that was broken before."""


class RaisesIntoCaller(RecordRule):
    """A request was answered with 500 for the exception of a receiver."""

    code = "R203"
    name = "raises-into-caller"
    title = "A receiver's exception ends requests"
    kind = "Raised"
    level = "error"
    what = (
        "`send()` passes the exception of a receiver on to the code that sends. People get an error page although the "
        "view did its part."
    )
    remedy = (
        "Catch in the receiver what it can expect. If the sender can do without this receiver, send with "
        "`send_robust()` and log the exceptions among its responses, or do the work in a task."
    )
    sketch = (
        " def {receiver}(sender, **kwargs):",
        "-    work()",
        "+    try:",
        "+        work()",
        "+    except ExpectedError:  # what may be missing or refused",
        '+        logger.exception("It did not work.")',
    )
    minimum = "One request that was answered with 500 for the exception that the receiver raised."
    innocent = "A receiver that refuses something by an exception which the caller catches or Django answers with 4xx."

    def check(self, snapshot: Snapshot) -> Iterator[Finding]:
        found: dict[str, list[Call]] = defaultdict(list)
        for dispatch in snapshot.dispatches:
            request = snapshot.request_of(dispatch)
            if request is not None and request.failed:
                for call in dispatch.calls:
                    if _has_ended(request, dispatch, call, snapshot):
                        found[call.receiver].append((dispatch, call))
        for receiver, calls in found.items():
            yield self._finding(snapshot, receiver, calls)

    def _finding(self, snapshot: Snapshot, receiver: str, calls: Sequence[Call]) -> Finding:
        dispatch, last = calls[-1]
        requests = {request.id: request for each, _call in calls if (request := snapshot.request_of(each))}
        request = requests[dispatch.origin_id or ""]
        share = of(len(calls), snapshot.count(receiver, at_least=len(calls)), "call")
        sender = sent_at(dispatch.call_site)
        message = f"{named_call(last)} raised {error_of(last)} in {share}, and {plural(len(requests), 'request')} "
        message += f"ended with an error of the server, such as {of_request(request)}."
        advice = f"It is sent by {sender}. {self.remedy}" if sender and is_bare(dispatch) else self.remedy
        cost_ns = sum(row.duration_ns for row in requests.values())
        more = evidence.of_dispatches(snapshot, [each for each, _call in calls], cost_ns=cost_ns)
        return self.finding("receiver", receiver, message, path=last.path, line=last.line, advice=advice, **more)


def _has_ended(request: Request, dispatch: Dispatch, call: ReceiverCall, snapshot: Snapshot) -> bool:
    """Whether the exception of this call is the one that ended the request, and this receiver raised it first."""
    failure = call.failure
    if call.outcome != "raised" or failure is None or request.failure is None:
        return False
    if (failure.type, failure.message) != (request.failure.type, request.failure.message):
        return False
    if (failure.message or "").startswith(BROKEN_BEFORE):
        return False  # another one has broken the transaction
    if arguments_of(call) or inserts_again(dispatch, call) or is_too_early(dispatch, call):
        return False  # other rules say what is wrong
    if is_in_circle(snapshot, dispatch, call):
        return False
    return not any(
        inner_call.failure is not None and inner_call.failure.type == failure.type
        for inner in snapshot.sent_by(dispatch, call)
        for inner_call in inner.calls
        if inner_call.outcome == "raised"
    )
