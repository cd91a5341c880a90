"""A database error that is caught inside a transaction and leaves it broken."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from signal_monitor.finding import Finding
from signal_monitor.findings import evidence
from signal_monitor.findings.base import RecordRule
from signal_monitor.findings.snapshot import Call, Snapshot
from signal_monitor.findings.wording import named_call, of, place
from signal_monitor.records import ReceiverCall


class BrokenTransaction(RecordRule):
    """The receiver ended well, and the transaction can only be rolled back."""

    code = "R222"
    name = "broken-transaction"
    title = "A database error that is caught inside a transaction"
    kind = "Raised"
    level = "error"
    what = (
        "After an error, the transaction can only be rolled back. The receiver counts as successful, and the next "
        "query raises `TransactionManagementError` somewhere else. Without another query nobody is told: the request "
        "ends well, and its rows are gone."
    )
    remedy = (
        "Put `with transaction.atomic():` around the statement that may fail, inside the `try`; or use "
        "`get_or_create()` or `bulk_create(…, ignore_conflicts=True)`."
    )
    sketch = (
        " try:",
        "-    Seat.objects.create(number=1)",
        "+    with transaction.atomic():",
        "+        Seat.objects.create(number=1)",
        " except IntegrityError:",
        "     pass",
    )
    minimum = "One call that ended without an exception and left the transaction of the sender with `needs_rollback`."
    innocent = "The same `try` with its own `atomic()` inside; no transaction around it."

    def check(self, snapshot: Snapshot) -> Iterator[Finding]:
        found: dict[str, list[Call]] = defaultdict(list)
        for dispatch in snapshot.dispatches:
            for call in dispatch.calls:
                if call.outcome == "ok" and _is_broken(call) and not _broke_inside(snapshot, (dispatch, call)):
                    found[call.receiver].append((dispatch, call))
        for receiver, calls in found.items():
            yield self._finding(snapshot, receiver, calls)

    def _finding(self, snapshot: Snapshot, receiver: str, calls: Sequence[Call]) -> Finding:
        dispatch, last = calls[-1]
        site = dispatch.call_site
        where = f" of {place(site.path, site.line)}" if site is not None else ""
        message = f"{named_call(last)} caught a database error inside the transaction{where} and left it broken, in "
        message += f"{evidence.of_calls(snapshot, receiver, len(calls))}{_afterwards(snapshot, calls)}."
        requests = {request.id: request for each, _call in calls if (request := snapshot.request_of(each))}
        cost_ns = sum(request.duration_ns for request in requests.values() if request.failed)
        more = evidence.of_dispatches(snapshot, [each for each, _call in calls], cost_ns=cost_ns)
        return self.finding("receiver", receiver, message, path=last.path, line=last.line, **more)


def _afterwards(snapshot: Snapshot, calls: Sequence[Call]) -> str:
    """What became of the requests; where one ends well all the same, nobody is told that its rows are gone."""
    ended = {request.id: request.failed for dispatch, _call in calls if (request := snapshot.request_of(dispatch))}
    lost = {dispatch.origin_id for dispatch, call in calls if _is_rolled_back(call)}
    silent = [request for request, failed in ended.items() if not failed and request in lost]
    if not ended:
        return ""
    if not any(ended.values()):
        return "; no request failed, and the rows were silently rolled back" if silent else ""
    told = f"; {of(sum(ended.values()), len(ended), 'such request')} failed afterwards"
    return f"{told}, and the rows of {len(silent):,} were silently rolled back" if silent else told


def _is_rolled_back(call: ReceiverCall) -> bool:
    used = [work.transaction for work in call.databases if work.transaction is not None and work.transaction.broken]
    return any(transaction.outcome == "rolled back" for transaction in used)


def _is_broken(call: ReceiverCall) -> bool:
    return any(work.transaction is not None and work.transaction.broken for work in call.databases)


def _broke_inside(snapshot: Snapshot, one: Call) -> bool:
    return any(_is_broken(call) for inner in snapshot.sent_by(*one) for call in inner.calls)
