"""What a finding is based on: when it was seen, how often, and a few records that show it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from signal_monitor.records import Dispatch, Frame, ReceiverCall, Request

from .own import is_own
from .snapshot import Call, Snapshot
from .wording import of

EXAMPLES = 5
"""Ids of dispatches, requests or processes that a finding names."""
DEBUGGERS = ("/bdb.py", "/pdb.py", "/debugpy/", "/pydevd", "/ipdb/", "/pudb/")
FEW = 0.02
LITTLE = 0.25
"""Slow calls that are fewer of all calls, and take less of the time of all, say nothing about the receiver."""
CLEARLY = 2
IMPORTS = ("<frozen importlib",)


def of_dispatches(snapshot: Snapshot, dispatches: Sequence[Dispatch], **more: Any) -> dict[str, Any]:  # noqa: ANN401 - fields
    """The evidence that dispatches are, as fields of a finding; the last ones are the examples."""
    last = list(reversed(dispatches))
    requests = [request.id for dispatch in last if (request := snapshot.request_of(dispatch)) is not None]
    return {
        "first_seen": min(dispatch.started_at for dispatch in dispatches),
        "last_seen": max(dispatch.started_at for dispatch in dispatches),
        "count": len(dispatches),
        "dispatches": _few(dispatch.id for dispatch in last),
        "requests": _few(requests),
        "processes": _newest(snapshot, (dispatch.process for dispatch in last)),
        **more,
    }


def of_requests(snapshot: Snapshot, requests: Sequence[Request], **more: Any) -> dict[str, Any]:  # noqa: ANN401 - fields
    """The evidence that requests are, as fields of a finding; the last ones are the examples."""
    last = list(reversed(requests))
    return {
        "first_seen": min(request.started_at for request in requests),
        "last_seen": max(request.started_at for request in requests),
        "count": len(requests),
        "requests": _few(request.id for request in last),
        "processes": _newest(snapshot, (request.process for request in last)),
        **more,
    }


def of_calls(snapshot: Snapshot, receiver: str, seen: int, noun: str = "call") -> str:
    """A part of the calls of a receiver: "3 of 4 calls"; "at least 3 of 40 calls" where some are only counted."""
    stored = len(snapshot.calls.get(receiver, ()))
    count = snapshot.count(receiver, at_least=stored)
    return f"{'at least ' if stored < count else ''}{of(seen, count, noun)}"


def _few(ids: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(ids))[:EXAMPLES]


def _newest(snapshot: Snapshot, ids: Iterable[str]) -> tuple[str, ...]:
    """A few ids of processes, the one that was started last first."""

    def started_at(process_id: str) -> float:
        process = snapshot.process_by_id.get(process_id)
        return process.started_at if process else 0.0

    return tuple(sorted(dict.fromkeys(ids), key=started_at, reverse=True))[:EXAMPLES]


def is_convincing(snapshot: Snapshot, calls: Sequence[Call]) -> bool:
    """Whether slow calls of a receiver say something: none under a debugger, more than one, and not a few of many.

    A single one may be the first, which imports and connects: it has to take twice the limit without importing.
    """
    if _are_few(snapshot, calls):
        return False
    if any(_is_in(call.slow_stack, DEBUGGERS) for _dispatch, call in calls):
        return False
    return len(calls) > 1 or any(_is_clearly_slow(snapshot, call) for _dispatch, call in calls)


def _are_few(snapshot: Snapshot, calls: Sequence[Call]) -> bool:
    """Whether they are few among the calls of their receiver, with little of its time: something else was busy."""
    totals = snapshot.receivers.get(calls[0][1].receiver) if calls else None
    if totals is None or max(len(calls), totals.slow) > totals.count * FEW:
        return False
    mean = sum(call.self_ns for _dispatch, call in calls) / len(calls)
    return mean * max(len(calls), totals.slow) < totals.self_ns * LITTLE


def _is_clearly_slow(snapshot: Snapshot, call: ReceiverCall) -> bool:
    is_long = call.self_ns >= CLEARLY * snapshot.limits.limit_ns(call.receiver)
    return is_long and bool(call.slow_stack) and not _is_in(call.slow_stack, IMPORTS)


def _is_in(stack: Iterable[Frame], parts: Sequence[str]) -> bool:
    return any(part in frame.path.replace("\\", "/") for frame in stack for part in parts)


def seen_at(call: ReceiverCall) -> str:
    """The function of the project's own code that a slow call was seen in, if it is not the receiver itself."""
    frame = call.slow_line
    if frame is None or (frame.path == call.path and frame.function.rpartition(".")[2] == _last(call.receiver)):
        return ""
    name = frame.function.rpartition(".")[2]
    return "" if name.startswith("<") else name


def began_at(snapshot: Snapshot, root: Dispatch, first: ReceiverCall) -> Frame | None:
    """Where the outermost dispatch of a tree was sent; its own record, or a stack that was taken inside it, tells."""
    if root.call_site is not None and is_own(root.call_site.path):
        return root.call_site
    stack = next((dispatch.stack for dispatch in snapshot.trees[root.root_id] if dispatch.stack), ())
    name = _last(first.receiver)
    inside = next((i for i, at in enumerate(stack) if at.path == first.path and _last(at.function) == name), 0)
    return next((frame for frame in reversed(stack[:inside]) if is_own(frame.path)), None)


def _last(name: str) -> str:
    return name.rpartition(".")[2].rstrip(")")
