"""A receiver of m2m_changed that does not look at action."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from signal_monitor.finding import Finding
from signal_monitor.findings import evidence
from signal_monitor.findings.base import RecordRule
from signal_monitor.findings.own import is_own
from signal_monitor.findings.snapshot import Call, Snapshot
from signal_monitor.findings.sources import arguments, function_at, names_read, passes_on_kwargs
from signal_monitor.findings.wording import listed, named_call, plural
from signal_monitor.records import ReceiverCall

M2M_CHANGED = "django.db.models.signals.m2m_changed"
LEAST = 2


class IgnoresAction(RecordRule):
    """It does the same before and after each change."""

    code = "R234"
    name = "ignores-action"
    title = "A receiver of m2m_changed that does not look at action"
    kind = "Too often"
    what = (
        "`m2m_changed` is sent two times for each change: before it, with `action` such as `pre_add`, and after it, "
        "with `post_add`. What the receiver does is done twice."
    )
    remedy = '`if action != "post_add": return`, or the actions that it is for.'
    sketch = (
        " def {receiver}(sender, instance, action, **kwargs):",
        '+    if action != "post_add":',
        "+        return",
        "     ...",
    )
    minimum = (
        "Two calls in one request or process that inserted rows, sent mail or queued a task, of a receiver whose "
        "source does not have `action`."
    )
    innocent = "A receiver that clears a cache or computes a sum again; one that hands `**kwargs` on."

    def check(self, snapshot: Snapshot) -> Iterator[Finding]:
        for receiver, calls in snapshot.calls.items():
            found: dict[str, list[Call]] = defaultdict(list)
            for dispatch, call in calls:
                if dispatch.signal == M2M_CHANGED and _has_done_something(call):
                    found[dispatch.origin_id or dispatch.process].append((dispatch, call))
            most = max(found.values(), key=len, default=[])
            if len(most) >= LEAST and _does_not_look(most[0][1]):
                yield self._finding(snapshot, receiver, most)

    def _finding(self, snapshot: Snapshot, receiver: str, calls: Sequence[Call]) -> Finding:
        last = calls[-1][1]
        done = listed(_done([call for _dispatch, call in calls]))
        message = f"{named_call(last)} {done} in {plural(len(calls), 'call')} of one request or process, some of them "
        message += "before the change: it does not look at `action`."
        more = evidence.of_dispatches(snapshot, [dispatch for dispatch, _call in calls])
        return self.finding("receiver", receiver, message, path=last.path, line=last.line, **more)


def inserted(call: ReceiverCall) -> int:
    """How many statements of a call wrote rows otherwise than by the UPDATE of a single one."""
    return sum(each.writes - each.single_updates for work in call.databases for each in work.tables)


def _has_done_something(call: ReceiverCall) -> bool:
    return bool(call.mails or call.tasks or inserted(call))


def _done(calls: Sequence[ReceiverCall]) -> list[str]:
    mails, tasks = sum(call.mails or 0 for call in calls), sum(call.tasks or 0 for call in calls)
    writes = sum(map(inserted, calls))
    found = [f"made {plural(writes, 'write')}"] if writes else []
    found += [f"sent {plural(mails, 'mail')}"] if mails else []
    return [*found, f"queued {plural(tasks, 'task')}"] if tasks else found


def _does_not_look(call: ReceiverCall) -> bool:
    function = function_at(call.path, call.line) if is_own(call.path) else None
    if function is None or passes_on_kwargs(function):
        return False
    return "action" not in {*arguments(function), *names_read(function)}
