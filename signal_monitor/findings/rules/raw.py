"""A receiver that works while fixtures are loaded."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from signal_monitor.finding import Finding
from signal_monitor.findings import evidence
from signal_monitor.findings.base import RecordRule
from signal_monitor.findings.own import is_own
from signal_monitor.findings.snapshot import Call, Snapshot
from signal_monitor.findings.sources import arguments, function_at, names_read
from signal_monitor.findings.wording import listed, named_call, plural
from signal_monitor.records import ReceiverCall


class Raw(RecordRule):
    """It wrote rows, or sent mail, for rows of a fixture."""

    code = "R227"
    name = "ignores-raw"
    title = "A receiver that does not look at raw"
    kind = "Too often"
    level = "error"
    what = (
        "The rows of a fixture are complete, and bring along what the receiver adds. Loading fails later, or has rows "
        "twice and sends mail."
    )
    remedy = "`def receiver(sender, instance, raw=False, **kwargs):` and `if raw: return`."
    sketch = (
        "-def {receiver}(sender, instance, **kwargs):",
        "+def {receiver}(sender, instance, raw=False, **kwargs):",
        "+    if raw:",
        "+        return  # the rows of a fixture are complete",
        "     ...",
    )
    minimum = "One call with `raw=True` in which the receiver wrote rows, sent mail or queued a task."
    innocent = "A receiver that clears a cache; a project that never loads fixtures."

    def check(self, snapshot: Snapshot) -> Iterator[Finding]:
        found: dict[str, list[Call]] = defaultdict(list)
        for dispatch in snapshot.dispatches:
            if dispatch.arguments is not None and dispatch.arguments.raw:
                for call in dispatch.calls:
                    if is_own(call.path) and _effects([call]) and not _looks_at_raw(call):
                        found[call.receiver].append((dispatch, call))
        for receiver, calls in found.items():
            yield self._finding(snapshot, receiver, calls)

    def _finding(self, snapshot: Snapshot, receiver: str, calls: Sequence[Call]) -> Finding:
        dispatch, last = calls[-1]
        process = snapshot.process_by_id.get(dispatch.process)
        command = f"`{process.title}`" if process else "a process"
        effects = listed(_effects([call for _dispatch, call in calls]))
        message = f"{named_call(last)} made {effects} while {command} was loading fixtures (`raw=True`)."
        more = evidence.of_dispatches(snapshot, [each for each, _call in calls])
        return self.finding("receiver", receiver, message, path=last.path, line=last.line, **more)


def _effects(calls: Sequence[ReceiverCall]) -> list[str]:
    """What the calls did that stays: "2 rows of `shop_badge`", "1 mail"."""
    rows: dict[str, int] = defaultdict(int)
    for call in calls:
        for work in call.databases:
            for table in work.tables:
                rows[table.table] += table.rows
    mails, tasks = sum(call.mails or 0 for call in calls), sum(call.tasks or 0 for call in calls)
    written = [f"{plural(count, 'row')} of `{table}`" for table, count in rows.items() if count]
    return [*written, *(plural(count, noun) for count, noun in ((mails, "mail"), (tasks, "task")) if count)]


def _looks_at_raw(call: ReceiverCall) -> bool:
    function = function_at(call.path, call.line)
    return function is None or "raw" in {*arguments(function), *names_read(function)}
