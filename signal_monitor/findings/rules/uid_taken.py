"""Two receivers that share one dispatch_uid."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from signal_monitor.finding import Finding
from signal_monitor.findings.base import RecordRule
from signal_monitor.findings.call_sites import changed_at, parsed
from signal_monitor.findings.snapshot import Snapshot
from signal_monitor.findings.wording import place, short
from signal_monitor.registry.records import ConnectCall


class UidTaken(RecordRule):
    """connect() was called with a dispatch_uid that another receiver has."""

    code = "W104"
    name = "uid-taken"
    title = "A receiver that is not connected, because its dispatch_uid was taken"
    kind = "Never runs"
    level = "error"
    what = "Of two receivers with the same `dispatch_uid` and sender, Django keeps the first, and reports no error."
    remedy = "Give each receiver a `dispatch_uid` of its own, such as its dotted name."
    sketch = (
        '-signal.connect({receiver}, sender=Invoice, dispatch_uid="invoice_saved")',
        '+signal.connect({receiver}, sender=Invoice, dispatch_uid="shop.receivers.{receiver}")',
    )
    minimum = "One `connect()` whose `dispatch_uid` and sender belong to another function."
    innocent = (
        "The same function that is connected again with its `dispatch_uid`, which is what the argument is for. A "
        "default that gives way to what the same file connects in an `if` is a hint."
    )

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
                    level="hint" if gives_way(taken.call) else self.level,
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


def gives_way(call: ConnectCall) -> bool:
    """Whether a file connects two receivers with the ``dispatch_uid`` of a call in it, one of them in an ``if``."""
    tree = parsed(call.path, changed_at(call.path))
    found = list(_with_uid(tree, in_if=False)) if tree is not None else []
    here = next((uid for node, uid, _ in found if node.lineno <= call.line <= (node.end_lineno or 0)), None)
    alike = [in_if for _node, uid, in_if in found if uid == here]
    return len(alike) > 1 and any(alike)


def _with_uid(node: ast.AST, *, in_if: bool) -> Iterator[tuple[ast.Call, str, bool]]:
    """The calls with a ``dispatch_uid``, its source, and whether they are in an ``if`` or a ``try``."""
    if isinstance(node, ast.Call):
        for keyword in node.keywords:
            if keyword.arg == "dispatch_uid":
                yield node, ast.unparse(keyword.value), in_if
    for child in ast.iter_child_nodes(node):
        yield from _with_uid(child, in_if=in_if or isinstance(node, ast.If | ast.Try))
