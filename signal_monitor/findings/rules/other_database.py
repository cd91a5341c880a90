"""A receiver that works on another database than the row."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator, Sequence

from django.db import DEFAULT_DB_ALIAS, router

from signal_monitor.database_records import DatabaseWork
from signal_monitor.finding import Finding
from signal_monitor.findings import evidence
from signal_monitor.findings.base import RecordRule
from signal_monitor.findings.own import is_own
from signal_monitor.findings.related import model_named, model_of_table
from signal_monitor.findings.snapshot import Call, Snapshot
from signal_monitor.findings.sources import function_at, own_nodes
from signal_monitor.findings.wording import named_call
from signal_monitor.records import Dispatch, ReceiverCall


class OtherDatabase(RecordRule):
    """It writes to the default database for a row of another one."""

    code = "R229"
    name = "other-database"
    title = "A receiver that writes to another database than the row's"
    level = "error"
    what = "The transaction of one database says nothing about the other: one can be rolled back, and the other stays."
    remedy = "Take `using` and write with `Model.objects.using(using)` and `transaction.on_commit(…, using=using)`."
    sketch = (
        "-def {receiver}(sender, instance, **kwargs):",
        "-    Trail.objects.create(text=instance.name)",
        "+def {receiver}(sender, instance, using, **kwargs):",
        "+    Trail.objects.using(using).create(text=instance.name)",
    )
    minimum = (
        "One call with `using` of one database that wrote to another one, to which no router sends these rows, or "
        "that called `on_commit()` without a database, and wrote nothing to the default one."
    )
    innocent = "A router that sends the written model to a database of its own, always."

    def check(self, snapshot: Snapshot) -> Iterator[Finding]:
        found: dict[tuple[str, str, str], list[Call]] = defaultdict(list)
        waits: dict[tuple[str, str], list[Call]] = defaultdict(list)
        for dispatch, call, using in _calls_with_using(snapshot):
            for alias in {work.alias for work in call.databases if work.alias != using and _is_stray(dispatch, work)}:
                found[call.receiver, alias, using].append((dispatch, call))
            if _waits_for_default(call, using):
                waits[call.receiver, using].append((dispatch, call))
        for (receiver, alias, using), calls in found.items():
            yield self._finding(snapshot, receiver, alias, using, calls)
        for (receiver, using), calls in waits.items():
            if (receiver, DEFAULT_DB_ALIAS, using) not in found:
                yield self._of_on_commit(snapshot, receiver, using, calls)

    def _of_on_commit(self, snapshot: Snapshot, receiver: str, using: str, calls: Sequence[Call]) -> Finding:
        last = calls[-1][1]
        message = f"{named_call(last)} calls `on_commit()` for rows saved to `{using}` "
        message += f"({evidence.of_calls(snapshot, receiver, len(calls))}), and gives no `using`: it waits for the "
        message += f"commit of `{DEFAULT_DB_ALIAS}`, not for that of `{using}`."
        more = evidence.of_dispatches(snapshot, [each for each, _call in calls])
        where = {"path": last.path, "line": last.line}
        return self.finding("receiver", receiver, message, detail="on_commit", level="warning", **where, **more)

    def _finding(self, snapshot: Snapshot, receiver: str, alias: str, using: str, calls: Sequence[Call]) -> Finding:
        last = calls[-1][1]
        share = evidence.of_calls(snapshot, receiver, len(calls))
        stayed = [call for _dispatch, call in calls if _rolled_back(call, using)]
        message = f"{named_call(last)} writes to `{alias}` for rows saved to `{using}` ({share})."
        message += f" The transaction of `{using}` was rolled back, and what it wrote stayed." if stayed else ""
        more = evidence.of_dispatches(snapshot, [each for each, _call in calls])
        return self.finding("receiver", receiver, message, detail=alias, path=last.path, line=last.line, **more)


def _calls_with_using(snapshot: Snapshot) -> Iterator[tuple[Dispatch, ReceiverCall, str]]:
    """The calls of the project's receivers with the database of their row."""
    for dispatch in snapshot.dispatches:
        using = dispatch.arguments.using if dispatch.arguments is not None else None
        yield from ((dispatch, call, using) for call in dispatch.calls if using and is_own(call.path))


def _is_stray(dispatch: Dispatch, work: DatabaseWork) -> bool:
    """Whether rows were written to a database that no router chose for them."""
    row_model = model_named(dispatch.sender)
    for table in work.tables:
        model = model_of_table(table.table) if table.rows else None
        if model is not None and row_model is not None:
            chosen = router.db_for_write(model) == work.alias and router.db_for_write(row_model) != work.alias
            if not chosen:
                return True
    return False


def _waits_for_default(call: ReceiverCall, using: str) -> bool:
    """Whether a receiver calls ``on_commit()`` of the default database, to which it has written nothing."""
    function = function_at(call.path, call.line) if using != DEFAULT_DB_ALIAS else None
    if function is None or any(work.alias == DEFAULT_DB_ALIAS and work.tables for work in call.databases):
        return False
    return any(map(_is_on_commit, own_nodes(function)))


def _is_on_commit(node: ast.AST) -> bool:
    """Whether an expression is ``on_commit(function)``, without a database."""
    return (
        isinstance(node, ast.Call)
        and ast.unparse(node.func) in {"on_commit", "transaction.on_commit"}
        and len(node.args) == 1
        and not any(each.arg in {"using", None} for each in node.keywords)
    )


def _rolled_back(call: ReceiverCall, using: str) -> bool:
    return any(
        work.alias == using and work.transaction is not None and work.transaction.outcome == "rolled back"
        for work in call.databases
    )
