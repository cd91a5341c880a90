"""A database error that is caught inside a transaction and leaves it broken."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from signal_monitor.finding import Finding
from signal_monitor.findings import evidence
from signal_monitor.findings.base import RecordRule
from signal_monitor.findings.snapshot import Call, Snapshot
from signal_monitor.findings.wording import named_call, of, place, plural
from signal_monitor.records import ReceiverCall


class BrokenTransaction(RecordRule):
    """The receiver ended well, and the transaction can only be rolled back."""

    code = "R222"
    name = "broken-transaction"
    title = "A database error that is caught inside a transaction"
    level = "error"
    what = (
        "After an error, the database refuses every statement of the transaction. The receiver counts as successful, "
        "and the next query raises `TransactionManagementError` somewhere else."
    )
    remedy = (
        "Put `with transaction.atomic():` around the statement that may fail, inside the `try`; or use "
        "`get_or_create()` or `bulk_create(…, ignore_conflicts=True)`."
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
        requests = {request.id: request for each, _call in calls if (request := snapshot.request_of(each))}
        failed = sum(request.failed for request in requests.values())
        site = dispatch.call_site
        where = f" of {place(site.path, site.line)}" if site is not None else ""
        message = f"{named_call(last)} caught a database error inside the transaction{where} and left it broken, in "
        message += f"{of(len(calls), snapshot.count(receiver, at_least=len(calls)), 'call')}"
        message += f"; {of(failed, len(requests), 'such request')} failed afterwards." if requests else "."
        cost_ns = sum(request.duration_ns for request in requests.values() if request.failed)
        more = evidence.of_dispatches(snapshot, [each for each, _call in calls], cost_ns=cost_ns)
        advice = f"{self.remedy} It has happened {plural(len(calls), 'time')}."
        return self.finding("receiver", receiver, message, path=last.path, line=last.line, advice=advice, **more)


def _is_broken(call: ReceiverCall) -> bool:
    return any(work.transaction is not None and work.transaction.broken for work in call.databases)


def _broke_inside(snapshot: Snapshot, one: Call) -> bool:
    return any(_is_broken(call) for inner in snapshot.sent_by(*one) for call in inner.calls)
