"""Two receivers that share one dispatch_uid."""

from __future__ import annotations

from collections.abc import Iterator

from signal_monitor.finding import Finding
from signal_monitor.findings.base import RecordRule
from signal_monitor.findings.snapshot import Snapshot
from signal_monitor.findings.wording import place, short


class UidTaken(RecordRule):
    """connect() was called with a dispatch_uid that another receiver has."""

    code = "W104"
    name = "uid-taken"
    title = "A receiver that is not connected, because its dispatch_uid was taken"
    level = "error"
    what = "Of two receivers with the same `dispatch_uid` and sender, Django keeps the first, and reports no error."
    remedy = "Give each receiver a `dispatch_uid` of its own, such as its dotted name."
    minimum = "One `connect()` whose `dispatch_uid` and sender belong to another function."
    innocent = "The same function that is connected again with its `dispatch_uid`, which is what the argument is for."

    def check(self, snapshot: Snapshot) -> Iterator[Finding]:
        for registry in snapshot.registries:
            for taken in registry.taken_uids:
                if is_same(taken.receiver, taken.taken_by):
                    continue
                where = place(taken.call.path, taken.call.line)
                message = f"`{short(taken.receiver)}` is not connected to `{short(taken.signal)}`: "
                message += f'`dispatch_uid="{taken.dispatch_uid}"` was taken by `{short(taken.taken_by)}` for the same '
                message += f"sender ({where}). Django keeps the first."
                yield self.finding(
                    "receiver",
                    taken.receiver,
                    message,
                    detail=f"{taken.signal} {taken.dispatch_uid}",
                    path=taken.call.path,
                    line=taken.call.line,
                    first_seen=taken.call.at,
                    last_seen=registry.taken_at,
                    count=taken.count,
                    processes=(registry.process,),
                )


def is_same(one: str, other: str) -> bool:
    """Whether two names are those of one function whose file is imported as "receivers" and "shop.receivers"."""
    return f".{one}".endswith(f".{other}") or f".{other}".endswith(f".{one}")
