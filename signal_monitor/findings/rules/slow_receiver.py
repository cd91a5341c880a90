"""A receiver that is slow while somebody waits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from signal_monitor.finding import Finding
from signal_monitor.findings import evidence
from signal_monitor.findings.base import RecordRule
from signal_monitor.findings.call_sites import is_bare
from signal_monitor.findings.own import is_django
from signal_monitor.findings.snapshot import Call, Snapshot
from signal_monitor.findings.waiting import wait_of
from signal_monitor.findings.wording import ms, named_call, number_of_ms, of_request, plural
from signal_monitor.records import ReceiverCall, ReceiverSum, Request

from .held_transaction import held, holding
from .login import at_login, is_under_login

AFTER_RESPONSE = "django.core.signals.request_finished"
LEAST_SHARE = 0.05


class SlowReceiver(RecordRule):
    """Its calls have reached the limit."""

    code = "R201"
    name = "slow-receiver"
    title = "A slow receiver"
    kind = "Slow"
    what = "`send()` returns when the last receiver has. Whoever sends the signal waits for this receiver."
    remedy = (
        "Move the work into a task, and queue the task with `transaction.on_commit()`. If the sender needs the result, "
        "make the work itself quicker: fewer queries, a timeout, a cache."
    )
    sketch = (
        "+@shared_task",
        "+def {receiver}_later(pk): ...  # the slow work",
        "+",
        " def {receiver}(sender, instance, **kwargs):",
        "-    ...  # the slow work",
        "+    transaction.on_commit(lambda: {receiver}_later.delay(instance.pk))",
    )
    minimum = (
        "Two calls beyond SLOW_MS, or one of twice as long whose stack was sampled and shows no import; "
        "with at least 5 % of a request. "
        "Outside requests, where nobody may be waiting, it is a hint."
    )
    innocent = "A breakpoint, the first call with its imports, and work after the response."

    def check(self, snapshot: Snapshot) -> Iterator[Finding]:
        logins, holders = at_login(snapshot), holding(snapshot)
        for receiver, calls in snapshot.calls.items():
            slow = [one for one in calls if _counts(one)]
            # At a login and in a transaction that has written, it has rules of its own.
            if receiver in logins:
                slow = [one for one in slow if not is_under_login(snapshot, one[0])]
            if receiver in holders:
                slow = [one for one in slow if not held(one[0].started_at, one[1])]
            if slow and not is_django(receiver) and evidence.is_convincing(snapshot, slow):
                yield self._finding(snapshot, receiver, slow)

    def _finding(self, snapshot: Snapshot, receiver: str, slow: Sequence[Call]) -> Finding:
        worst = _most_of_a_request(snapshot, receiver, slow)
        last = slow[-1][1]
        calls = plural(snapshot.count(receiver, at_least=len(slow)), "call")
        facts = ", ".join(filter(None, [calls, _where(slow)]))
        if worst is None:
            dispatch, call = max(slow, key=lambda one: one[1].self_ns)
            message = f"{named_call(last)} takes {ms(call.self_ns)} of {ms(dispatch.duration_ns)} of a dispatch of "
            message += f"`{dispatch.signal.rpartition('.')[2]}` outside requests ({facts})."
        else:
            request, row = worst
            message = f"{named_call(last)} takes {number_of_ms(row.self_ns)} of {ms(request.duration_ns)} of "
            message += f"{of_request(request)} ({facts})."
        cost_ns = sum(call.self_ns for dispatch, call in slow if dispatch.origin_kind == "request")
        more = evidence.of_dispatches(snapshot, [dispatch for dispatch, _call in slow], cost_ns=cost_ns)
        level = "hint" if worst is None or worst[0].share_of(worst[1].self_ns) < LEAST_SHARE else self.level
        return self.finding(
            "receiver", receiver, message, path=last.path, line=last.line, level=level, advice=_advice(slow), **more
        )


def _counts(one: Call) -> bool:
    dispatch, call = one
    # Work after the response and on the event loop has its own rules.
    if call.severity == "normal" or not call.self_ns:
        return False
    return dispatch.signal != AFTER_RESPONSE and not dispatch.blocked_loop


def _most_of_a_request(snapshot: Snapshot, receiver: str, slow: Sequence[Call]) -> tuple[Request, ReceiverSum] | None:
    """The request of which these calls took the largest share, with the sums of the receiver."""
    requests = {request.id: request for dispatch, _call in slow if (request := snapshot.request_of(dispatch))}
    rows = [(request, row) for request in requests.values() for row in request.receivers if row.receiver == receiver]
    return max(rows, key=lambda pair: pair[0].share_of(pair[1].self_ns), default=None)


def _where(slow: Sequence[Call]) -> str:
    """Where the calls were seen, and what they waited for."""
    calls = [call for _dispatch, call in slow]
    function = next(filter(None, map(evidence.seen_at, reversed(calls))), "")
    wait = next(filter(None, map(wait_of, reversed(calls))), "")
    return ", ".join(filter(None, [f"in `{function}`" if function else "", wait]))


def _advice(slow: Sequence[Call]) -> str:
    unused = all(is_bare(dispatch) for dispatch, _call in slow)
    start = "The sender does not use its response: " if unused else ""
    queue = "queue the work with `transaction.on_commit(lambda: task.delay(…))`"
    wait = next(filter(None, (wait_of(call) for _dispatch, call in reversed(slow))), "")
    return f"{start}{_upper(queue) if not start else queue}.{_against(wait)}{_bound(slow[-1][1])}"


def _against(wait: str) -> str:
    if wait == "waiting for the network":
        return " Give the call a timeout."
    if wait == "waiting for the database":
        return " See its queries first: fewer of them, or an index, may be all it needs."
    return ""


def _bound(call: ReceiverCall) -> str:
    return " As a task, it must not be given the model instance, but its primary key." if call.path else ""


def _upper(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}"
