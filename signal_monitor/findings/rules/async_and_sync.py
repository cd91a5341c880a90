"""Receivers in which async and sync code meet."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator, Sequence

from signal_monitor.finding import Finding
from signal_monitor.findings import evidence
from signal_monitor.findings.base import RecordRule
from signal_monitor.findings.snapshot import Call, Snapshot
from signal_monitor.findings.sources import function_at
from signal_monitor.findings.wording import named_call, of, sent_at, short
from signal_monitor.records import ReceiverCall

NOT_ASYNC = "django.core.exceptions.SynchronousOnlyOperation"
ON_LOOP = "You cannot use AsyncToSync in the same thread as an async event loop"


IN_ASYNC = (
    "Make it an ordinary function, or use the async methods of the ORM, such as `await Model.objects.acount()` and "
    "`await instance.asave()`."
)


class AsyncAndSync(RecordRule):
    """A call failed because synchronous code ran on an event loop, or asked for one that runs."""

    code = "R208"
    name = "async-and-sync"
    title = "Async and sync code meet in a receiver"
    kind = "Raised"
    level = "error"
    what = "It fails only under an ASGI server or in async views; tests and `runserver` without one do not show it."
    remedy = (
        "Where the signal is sent: `await signal.asend(…)`, so that synchronous receivers run in a thread. In an "
        "`async def` receiver, use the async methods of the ORM, such as `acount()`."
    )
    sketch = (
        " async def view(request):",
        "-    signal.send(sender=Order)",
        "+    await signal.asend(sender=Order)",
        " ",
        " async def {receiver}(sender, **kwargs):",
        "-    return Order.objects.count()",
        "+    return await Order.objects.acount()",
    )
    minimum = "One `SynchronousOnlyOperation`, or asgiref's `RuntimeError` about `AsyncToSync`, out of a receiver."
    innocent = "`async_to_sync()` in a receiver that runs in a thread."

    def check(self, snapshot: Snapshot) -> Iterator[Finding]:
        found: dict[str, list[Call]] = defaultdict(list)
        for dispatch in snapshot.dispatches:
            for call in dispatch.calls:
                if _meets(call) and not _came_from_inside(snapshot, (dispatch, call)):
                    found[call.receiver].append((dispatch, call))
        for receiver, calls in found.items():
            yield self._finding(snapshot, receiver, calls)

    def _finding(self, snapshot: Snapshot, receiver: str, calls: Sequence[Call]) -> Finding:
        dispatch, last = calls[-1]
        failure = last.failure
        kind = failure.type.rpartition(".")[2] if failure else ""
        share = of(len(calls), snapshot.count(receiver, at_least=len(calls)), "call")
        where = "on the event loop" if dispatch.blocked_loop else "in an `async def`"
        does = "uses the synchronous ORM" if failure and failure.type == NOT_ASYNC else "calls `async_to_sync()`"
        sender = sent_at(dispatch.call_site)
        sends = f"{sender or 'the sender'} sends `{short(dispatch.signal)}` with `{dispatch.method}()`"
        if dispatch.signal.startswith("django."):
            sends = f"Django sends `{short(dispatch.signal)}`{f' for {sender}' if sender else ''}"
        message = f"{named_call(last)} failed with `{kind}` in {share}: it {does} {where}, and {sends}."
        more = evidence.of_dispatches(snapshot, [each for each, _call in calls])
        advice = IN_ASYNC if isinstance(function_at(last.path, last.line), ast.AsyncFunctionDef) else self.remedy
        return self.finding("receiver", receiver, message, path=last.path, line=last.line, advice=advice, **more)


def _meets(call: ReceiverCall) -> bool:
    failure = call.failure
    if failure is None:
        return False
    return failure.type == NOT_ASYNC or (failure.type == "RuntimeError" and (failure.message or "").startswith(ON_LOOP))


def _came_from_inside(snapshot: Snapshot, one: Call) -> bool:
    return any(_meets(call) for inner in snapshot.sent_by(*one) for call in inner.calls)
