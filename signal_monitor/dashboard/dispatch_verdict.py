"""The first sentence of the page of a dispatch: what went wrong in it, what took its time, or that all is well."""

from __future__ import annotations

from signal_monitor.dashboard import formatting
from signal_monitor.dashboard.verdicts import Link, Verdict
from signal_monitor.dashboard.view_times import GUILTY_SHARE
from signal_monitor.records import Dispatch, ReceiverCall


def judge_dispatch(dispatch: Dispatch) -> Verdict:
    """A failure first, then slowness."""
    failed = next((call for call in dispatch.calls if call.failed and call.failure is not None), None)
    if failed is not None:
        return _failed(dispatch, failed)
    longest = max(dispatch.calls, key=lambda call: call.self_ns, default=None)
    took = formatting.duration(dispatch.receivers_ns)
    if longest is None:
        return Verdict("nothing", "No receiver ran")
    if dispatch.severity == "normal":
        how_long = f"the longest for {formatting.duration(longest.duration_ns)}" if dispatch.call_count > 1 else took
        ran = "1 receiver ran, for" if dispatch.call_count == 1 else f"{dispatch.call_count:,} receivers ran,"
        return Verdict("well", f"Nothing is wrong here: {ran} {how_long}")
    if longest.self_ns >= GUILTY_SHARE * dispatch.receivers_ns:
        return Verdict("slow", f"Receivers took {took}, mostly {_last(longest)}", (_link(longest), _own(longest)))
    many = formatting.counted(dispatch.call_count, "receiver", "receivers")
    return Verdict("slow", f"{many} took {took}", ("None of them took half of it itself.",))


def _failed(dispatch: Dispatch, call: ReceiverCall) -> Verdict:
    assert call.failure is not None  # noqa: S101 - the caller has looked
    error = call.failure.type.rpartition(".")[2]
    if call.outcome == "swallowed":
        text = f" failed, and {dispatch.method}() returned the error: who does not read that is not told."
        return Verdict("swallowed", f"{error} in {_last(call)} was swallowed", (_link(call), text))
    skipped = sum(other.outcome == "not_run" for other in dispatch.calls)
    more = f", and {formatting.counted(skipped, 'receiver', 'receivers')} after it did not run" if skipped else ""
    return Verdict("raised", f"{_last(call)} raised {error}", (_link(call), f" ended the dispatch{more}."))


def _own(call: ReceiverCall) -> str:
    return f" took {formatting.duration(call.self_ns)} itself."


def _link(call: ReceiverCall) -> Link:
    return Link("receiver", call.receiver, _last(call))


def _last(call: ReceiverCall) -> str:
    return formatting.split_name(call.receiver).last
