"""Logging in saves the user, and runs everything that is connected to that."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from signal_monitor.finding import Finding
from signal_monitor.findings import evidence
from signal_monitor.findings.base import RecordRule
from signal_monitor.findings.snapshot import Call, Snapshot
from signal_monitor.findings.wording import ms, named_call, number_of_ms, of_request, short
from signal_monitor.records import Dispatch

UPDATE_LAST_LOGIN = "django.contrib.auth.models.update_last_login"
LEAST_SHARE = 0.2
LEAST_NS = 50_000_000


class Login(RecordRule):
    """What update_last_login sends takes much of a login."""

    code = "R212"
    name = "login-saves-user"
    title = "Logging in runs what is meant for saved users"
    kind = "Slow"
    what = (
        "Django's `update_last_login` saves the user at every login, which sends `post_save`. Whatever is connected to "
        "saved users, and to what these receivers save, runs too."
    )
    remedy = (
        'Return early when `update_fields == {"last_login"}`, or save the profile only where it is changed. Do what '
        "takes long in a task."
    )
    sketch = (
        " def {receiver}(sender, instance, update_fields, **kwargs):",
        '+    if update_fields == {"last_login"}:',
        "+        return",
        "     instance.profile.save()",
    )
    minimum = "One login of which a receiver under `update_last_login` took 20 % and 50 ms or more."
    innocent = "The same receivers on the page where people edit their profile."

    def check(self, snapshot: Snapshot) -> Iterator[Finding]:
        for receiver, calls in at_login(snapshot).items():
            yield self._finding(snapshot, receiver, calls)

    def _finding(self, snapshot: Snapshot, receiver: str, calls: Sequence[Call]) -> Finding:
        dispatch, call = max(calls, key=lambda one: one[1].self_ns)
        request = snapshot.request_of(dispatch)
        login = f"{ms(request.duration_ns)} of {of_request(request)}" if request else "a login"
        between = [
            around
            for _outer, around in reversed(list(snapshot.around(dispatch)))
            if around.receiver != UPDATE_LAST_LOGIN
        ]
        way = "".join(f", and {named_call(each)} then sends `{short(dispatch.signal)}`" for each in between[-1:])
        message = f"{named_call(call)} takes {number_of_ms(call.self_ns)} of {login}, which logs in. It runs because "
        message += f"`update_last_login` saves the user{way}."
        cost_ns = sum(call.self_ns for _dispatch, call in calls)
        more = evidence.of_dispatches(snapshot, [each for each, _call in calls], cost_ns=cost_ns)
        return self.finding("receiver", receiver, message, path=call.path, line=call.line, **more)


def at_login(snapshot: Snapshot) -> dict[str, list[Call]]:
    """The calls that take much of a login, of each receiver."""
    found: dict[str, list[Call]] = defaultdict(list)
    for dispatch in snapshot.dispatches:
        request = snapshot.request_of(dispatch)
        if request is None or not is_under_login(snapshot, dispatch):
            continue
        for call in dispatch.calls:
            if call.self_ns >= LEAST_NS and request.share_of(call.self_ns) >= LEAST_SHARE:
                found[call.receiver].append((dispatch, call))
    return found


def is_under_login(snapshot: Snapshot, dispatch: Dispatch) -> bool:
    """Whether ``update_last_login`` has sent a dispatch, or what it saved has."""
    return any(around.receiver == UPDATE_LAST_LOGIN for _outer, around in snapshot.around(dispatch))
