"""A receiver that is slow while a transaction holds rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from signal_monitor.database_records import LongStatement, LongTransaction, TransactionUse
from signal_monitor.finding import Finding
from signal_monitor.findings import evidence
from signal_monitor.findings.base import RecordRule
from signal_monitor.findings.own import is_django
from signal_monitor.findings.snapshot import Call, Snapshot
from signal_monitor.findings.waiting import wait_of
from signal_monitor.findings.wording import ms, named_call, of_request
from signal_monitor.records import ReceiverCall, Request

LEAST_WAIT_NS = 100_000_000
WRITES = ("insert", "update", "delete", "replace", "merge", "commit", "begin")


class HeldTransaction(RecordRule):
    """Most of its time is outside the database, and what the transaction has written stays locked."""

    code = "R223"
    name = "held-transaction"
    title = "A transaction that is held open by a slow receiver"
    kind = "Slow"
    what = "Rows that a transaction has written stay locked until it ends; with SQLite, the whole file. Others wait."
    remedy = (
        "Do the slow work after the commit: `transaction.on_commit(…)`, and in a task. Or call the other "
        "service before "
        "the first row is written."
    )
    sketch = (
        " def {receiver}(sender, instance, **kwargs):",
        "-    ask_bank(instance)",
        "+    transaction.on_commit(lambda: ask_bank_later.delay(instance.pk))",
    )
    minimum = "A slow call, most of it outside the database, in an open transaction that had written before."
    innocent = "No open transaction, or none that has written; a receiver that is slow because of its own queries."

    def check(self, snapshot: Snapshot) -> Iterator[Finding]:
        for receiver, calls in holding(snapshot).items():
            yield self._finding(snapshot, receiver, calls)

    def _finding(self, snapshot: Snapshot, receiver: str, calls: Sequence[Call]) -> Finding:
        dispatch, call = max(calls, key=lambda one: one[1].self_ns)
        request = snapshot.request_of(dispatch)
        whose = f" of {of_request(request)}" if request else ""
        wait = next(filter(None, (wait_of(each) for _dispatch, each in calls)), "")
        message = f"{named_call(call)} held the transaction{whose} open for {ms(call.self_ns)}"
        message += f", {wait}." if wait else "."
        waiting = [found for each in calls for found in _waiting(snapshot, *each)]
        if waiting:
            other, statement = max(waiting, key=lambda pair: pair[1].duration_ns)
            message += f" In that time, a `{statement.kind}` of {of_request(other)} took {ms(statement.duration_ns)}, "
            message += "and probably waited for it."
        cost_ns = sum(each.self_ns for of_call, each in calls if of_call.origin_kind == "request")
        cost_ns += sum({id(each): each.duration_ns for _other, each in waiting}.values())
        more = evidence.of_dispatches(snapshot, [each for each, _call in calls], cost_ns=cost_ns)
        level = "error" if waiting else self.level
        return self.finding("receiver", receiver, message, path=call.path, line=call.line, level=level, **more)


def holding(snapshot: Snapshot) -> dict[str, list[Call]]:
    """The slow calls that held a transaction, of each receiver of which they say something."""
    found: dict[str, list[Call]] = defaultdict(list)
    for dispatch in snapshot.dispatches:
        for call in dispatch.calls:
            if call.severity != "normal" and not is_django(call.receiver) and held(dispatch.started_at, call):
                found[call.receiver].append((dispatch, call))
    return {receiver: calls for receiver, calls in found.items() if evidence.is_convincing(snapshot, calls)}


def held(started_at: float, call: ReceiverCall) -> TransactionUse | None:
    """The transaction that had written before a call spent most of its time outside the database."""
    began = started_at + call.offset_ns / 1e9
    if (call.query_ns or 0) * 2 > call.self_ns:
        return None
    for work in call.databases:
        use = work.transaction
        # The end of a call may have seen a write of its own; half of the call was before that at most.
        if use is not None and use.wrote_at is not None and use.wrote_at <= began + call.duration_ns / 2e9:
            return use
    return None


def _waiting(snapshot: Snapshot, dispatch: object, call: ReceiverCall) -> Iterator[tuple[Request, LongStatement]]:
    """The statements of other requests that took long while the transaction was open."""
    ids = {work.transaction.id for work in call.databases if work.transaction is not None}
    for holder, transaction in _transactions(snapshot, ids):
        for request in snapshot.requests:
            if request.id != holder.id:
                for statement in request.statements:
                    if _may_wait(statement, transaction):
                        yield request, statement


def _transactions(snapshot: Snapshot, ids: set[str]) -> Iterator[tuple[Request, LongTransaction]]:
    for request in snapshot.requests:
        yield from ((request, each) for each in request.transactions if each.id in ids)


def _may_wait(statement: LongStatement, transaction: LongTransaction) -> bool:
    ended = transaction.ended_at or transaction.wrote_at
    overlap = min(statement.ended_at, ended) - max(statement.started_at, transaction.wrote_at)
    same = statement.table in transaction.tables or transaction.vendor == "sqlite"
    return (
        statement.alias == transaction.alias
        and statement.in_transaction != transaction.id
        and statement.kind.lower() in WRITES
        and overlap * 1e9 >= LEAST_WAIT_NS
        and same
    )
