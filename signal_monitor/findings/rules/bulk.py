"""Rows that are written without the signals of their model."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator

from signal_monitor.database_records import BulkOperation
from signal_monitor.finding import Finding
from signal_monitor.findings.base import RecordRule
from signal_monitor.findings.call_sites import changed_at, parsed
from signal_monitor.findings.own import is_own
from signal_monitor.findings.related import has_label
from signal_monitor.findings.snapshot import Snapshot
from signal_monitor.findings.sources import function_at, names_read
from signal_monitor.findings.wording import listed, named, place, plural, short
from signal_monitor.registry.records import Connection

CREATED = "created"
MODULE = "django.db.models.signals."
THROUGH = ("m2m_changed",)
OF_ROWS_THAT_EXIST = {"update", "bulk_update", "UPDATE"}
DELETES = {"delete", "_raw_delete", "DELETE"}
SQL = {"INSERT", "UPDATE", "DELETE"}
CURSOR_METHODS = {"execute", "executemany"}
MIGRATIONS = f"{os.sep}migrations{os.sep}"


class Bulk(RecordRule):
    """update(), bulk_create() and bulk_update() of a model that has receivers."""

    code = "R230"
    name = "bulk-operation"
    title = "Rows that were written without their signals"
    kind = "Never runs"
    level = "hint"
    what = (
        "This is how Django works: `update()`, `bulk_create()` and `bulk_update()` do not call `save()`, and send "
        "nothing. Nor does SQL of your own. `add()` and `set()` send `m2m_changed` only, and what changes the rows of "
        "a through model in another way sends nothing."
    )
    remedy = (
        "Do the receiver's work for the whole set after the call, or call its function; or save the rows one by one if "
        "they are few."
    )
    sketch = (
        ' Product.objects.filter(season="winter").update(price=5)',
        '+for product in Product.objects.filter(season="winter"):',
        "+    {receiver}(Product, instance=product)  # or its work, once for all of them",
    )
    minimum = "One call in the project's own code, of a model for which one of the project's receivers is connected."
    innocent = (
        "A receiver that uses `update()` so as not to be called again, itself or through what it saves; migrations; "
        "receivers for all models; an update where the receiver looks at `created`."
    )

    def check(self, snapshot: Snapshot) -> Iterator[Finding]:
        for row in snapshot.bulk_operations:
            if row.operation == "delete" and row.signals != THROUGH:
                continue  # it sends its signals
            if not row.rows or not is_own(row.path) or MIGRATIONS in row.path or _is_gone(row):
                continue
            connections = list(_connected_for(snapshot, row))
            if connections and not _avoids_a_circle(snapshot, row):
                yield self._finding(row, connections)

    def _finding(self, row: BulkOperation, connections: list[tuple[str, Connection]]) -> Finding:
        signals = listed(list(dict.fromkeys(f"`{short(signal)}`" for signal, _each in connections)), word="or")
        receivers = {each.receiver: named(each.receiver, each.path, each.line) for _signal, each in connections}
        was_done = "deleted" if row.operation in DELETES else "written"
        verb = "is" if len(receivers) == 1 else "are"
        was = "was" if len(receivers) == 1 else "were"
        message = f"{plural(row.rows, 'row')} of `{short(row.model)}` {'was' if row.rows == 1 else 'were'} {was_done} "
        message += f"without {signals}: {_told(row)} at {place(row.path, row.line)} "
        message += f"({plural(row.calls, 'call')}). "
        message += f"{listed(list(receivers.values()))} {verb} connected for `{short(row.model)}` and {was} not called."
        return self.finding(
            "receiver",
            next(iter(receivers)),
            message,
            detail=f"{row.operation} {row.path} {row.function}",
            path=row.path,
            line=row.line,
            first_seen=row.first_at,
            last_seen=row.last_at,
            count=row.calls,
        )


def _told(row: BulkOperation) -> str:
    return f"`{row.operation}` in SQL" if row.operation in SQL else f"`{row.operation}()`"


def _signals(row: BulkOperation) -> set[str]:
    return {f"{MODULE}{name}" for name in row.signals}


def _connected_for(snapshot: Snapshot, row: BulkOperation) -> Iterator[tuple[str, Connection]]:
    """The project's receivers that are connected for the model, once each."""
    seen = set()
    for registry in snapshot.registries:
        for signal in registry.signals:
            for each in signal.connections if signal.name in _signals(row) else ():
                key = signal.name, each.receiver
                if not has_label(each.sender, row.model) or each.dead or not is_own(each.path) or key in seen:
                    continue
                seen.add(key)
                if row.operation not in OF_ROWS_THAT_EXIST or not _reads_created(each):
                    yield key[0], each


def _avoids_a_circle(snapshot: Snapshot, row: BulkOperation) -> bool:
    """Whether it was done in a receiver that saving these rows calls, itself or through what another one saves."""
    saving = {
        each.receiver
        for registry in snapshot.registries
        for signal in registry.signals
        if signal.name in _signals(row)
        for each in signal.connections
        if not each.sender or has_label(each.sender, row.model)
    }
    return not saving.isdisjoint({row.receiver, *row.around})


def _is_gone(row: BulkOperation) -> bool:
    """Whether the file does something else at that line: it was changed since, or a package has run the SQL."""
    changed = changed_at(row.path)
    if changed <= row.last_at * 1e9 and row.operation not in SQL:
        return False
    tree = parsed(row.path, changed)
    called = [node for node in ast.walk(tree) if isinstance(node, ast.Call)] if tree is not None else []
    return not any(
        node.lineno <= row.line <= (node.end_lineno or 0)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr.removeprefix("a") in (CURSOR_METHODS if row.operation in SQL else {row.operation})
        for node in called
    )


def _reads_created(connection: Connection) -> bool:
    """Whether a receiver looks at ``created``: it is for new rows, and an update makes none."""
    function = function_at(connection.path, connection.line)
    return function is not None and CREATED in names_read(function)
