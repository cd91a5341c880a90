"""An async receiver of a signal that is always sent with plain send()."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from signal_monitor.finding import Finding
from signal_monitor.findings import evidence
from signal_monitor.findings.base import RecordRule
from signal_monitor.findings.own import is_own
from signal_monitor.findings.snapshot import Call, Snapshot
from signal_monitor.findings.wording import ms, named_call, plural, sent_at, short

LEAST_CALLS = 5
LEAST_FACTOR = 5


class AsyncUnderSend(RecordRule):
    """Django runs it with async_to_sync, which takes longer than the receiver."""

    code = "R216"
    name = "async-under-send"
    title = "An async receiver under a plain send"
    kind = "Slow"
    level = "hint"
    what = "A plain `send()` runs an async receiver with `async_to_sync()`, and waits for it. Async gains nothing here."
    remedy = "Make the receiver an ordinary function; or send with `await signal.asend(…)` from async code."
    sketch = (
        "-async def {receiver}(sender, **kwargs):",
        "+def {receiver}(sender, **kwargs):",
        "     ...",
    )
    minimum = (
        "Five dispatches, all with `send()` by the project's own code, around which Django spends five times as long."
    )
    innocent = "Async receivers of Django's own signals, which Django sends; a signal that is sent with `asend()` too."

    def check(self, snapshot: Snapshot) -> Iterator[Finding]:
        found: dict[str, list[Call]] = defaultdict(list)
        for receiver, calls in snapshot.calls.items():
            if all(_is_plain(one) for one in calls) and len(calls) >= LEAST_CALLS and _is_costly(calls):
                found[receiver].extend(calls)
        for receiver, calls in found.items():
            yield self._finding(snapshot, receiver, calls)

    def _finding(self, snapshot: Snapshot, receiver: str, calls: Sequence[Call]) -> Finding:
        dispatch, last = calls[-1]
        site = next((each.call_site for each, _call in reversed(calls) if each.call_site), None)
        around, own = _median(calls, around=True), _median(calls, around=False)
        message = f"{named_call(last)} is async, and {sent_at(site)} sends `{short(dispatch.signal)}` with "
        message += f"`{dispatch.method}()`: {ms(around)} around a call of {own / 1e6:.2f} ms "
        message += f"({plural(snapshot.count(receiver, at_least=len(calls)), 'call')})."
        more = evidence.of_dispatches(snapshot, [each for each, _call in calls])
        return self.finding("receiver", receiver, message, path=last.path, line=last.line, **more)


def _is_plain(one: Call) -> bool:
    dispatch, call = one
    return (
        call.is_async
        and not dispatch.method.startswith("a")
        and len(dispatch.calls) == 1
        and not dispatch.signal.startswith("django.")
    )


def _is_costly(calls: Sequence[Call]) -> bool:
    sites = [dispatch.call_site for dispatch, _call in calls if dispatch.call_site is not None]
    if not sites or not all(is_own(site.path) for site in sites):
        return False
    return _median(calls, around=True) >= LEAST_FACTOR * _median(calls, around=False)


def _median(calls: Sequence[Call], *, around: bool) -> int:
    """The median time of the calls, or of what Django spends around them."""
    times = sorted(dispatch.duration_ns - call.duration_ns if around else call.duration_ns for dispatch, call in calls)
    return times[len(times) // 2]
