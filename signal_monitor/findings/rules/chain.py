"""Many receivers, none of which is slow, that are slow together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from signal_monitor.finding import Finding
from signal_monitor.findings import evidence
from signal_monitor.findings.base import RecordRule
from signal_monitor.findings.snapshot import Snapshot
from signal_monitor.findings.wording import listed, ms, number_of_ms, of_request, place, plural, short
from signal_monitor.records import Dispatch, ReceiverCall

LEAST_RECEIVERS = 3
LARGEST_SHARE = 0.5
LEAST_SHARE = 0.25
MOST_CALLS = 30
"""A receiver that is called more often than this is told by another rule."""


class Chain(RecordRule):
    """A dispatch that is slow, in which no receiver call is."""

    code = "R202"
    name = "slow-together"
    title = "Receivers that are slow together"
    kind = "Slow"
    what = "No single receiver stands out, and people wait for the sum: receivers run one after the other."
    remedy = (
        "Find out which of them the response needs. Do the work of the others in one task, queued with "
        "`transaction.on_commit()`."
    )
    sketch = (
        "+@shared_task",
        "+def afterwards(pk): ...  # what the response does not need",
        "+",
        "-def index(sender, instance, **kwargs): ...",
        "-def resize(sender, instance, **kwargs): ...",
        "+def queue(sender, instance, **kwargs):",
        "+    transaction.on_commit(lambda: afterwards.delay(instance.pk))",
    )
    minimum = (
        "Two dispatches that are slow and take 25 % of a request, with three receivers or more, none of them slow."
    )
    innocent = "One receiver that takes half of the time or more, or is called very often: that has a rule of its own."

    def check(self, snapshot: Snapshot) -> Iterator[Finding]:
        found: dict[tuple[str, str], list[Dispatch]] = defaultdict(list)
        for dispatch in snapshot.dispatches:
            if not dispatch.depth and dispatch.severity != "normal" and _is_chain(snapshot, dispatch):
                found[dispatch.signal, dispatch.sender].append(dispatch)
        for (signal, sender), dispatches in found.items():
            if len(dispatches) > 1:
                yield self._finding(snapshot, signal, sender, dispatches)

    def _finding(self, snapshot: Snapshot, signal: str, sender: str, dispatches: Sequence[Dispatch]) -> Finding:
        worst = max(dispatches, key=lambda dispatch: dispatch.receivers_ns)
        calls = sorted(_calls(snapshot, worst), key=lambda call: -call.self_ns)
        receivers = list(dict.fromkeys(call.receiver for call in calls))
        request = snapshot.request_of(worst)
        whole = f"{ms(request.duration_ns)} of {of_request(request)}" if request else ms(worst.duration_ns)
        names = listed([f"`{short(name)}`" for name in receivers], 4)
        message = f"{plural(len(receivers), 'receiver')} of `{short(signal)}` from `{short(sender)}` take "
        message += f"{number_of_ms(worst.receivers_ns)} of {whole}, and none of them is slow: {names}."
        site = worst.call_site
        where = {"path": site.path, "line": site.line} if site else {}
        advice = f"It is sent at {place(site.path, site.line)}. {self.remedy}" if site else self.remedy
        cost_ns = sum(dispatch.receivers_ns for dispatch in dispatches)
        more = evidence.of_dispatches(snapshot, dispatches, cost_ns=cost_ns)
        return self.finding("signal", signal, message, detail=sender, advice=advice, **where, **more)


def _calls(snapshot: Snapshot, dispatch: Dispatch) -> list[ReceiverCall]:
    """The calls of a dispatch and of those inside it."""
    return [call for inner in snapshot.trees[dispatch.root_id] for call in inner.calls]


def _is_chain(snapshot: Snapshot, dispatch: Dispatch) -> bool:
    request = snapshot.request_of(dispatch)
    if request is None or request.share_of(dispatch.receivers_ns) < LEAST_SHARE:
        return False
    own: dict[str, int] = defaultdict(int)
    number: dict[str, int] = defaultdict(int)
    for call in _calls(snapshot, dispatch):
        if call.severity != "normal" or call.failed:
            return False
        own[call.receiver] += call.self_ns
        number[call.receiver] += 1
    return (
        len(own) >= LEAST_RECEIVERS
        and max(own.values()) < LARGEST_SHARE * dispatch.receivers_ns
        and max(number.values()) <= MOST_CALLS
    )
