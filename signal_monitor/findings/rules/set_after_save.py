"""A receiver of post_save that sets a field and does not save it."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from django.db import models
from django.db.models.signals import post_save

from signal_monitor.finding import Finding
from signal_monitor.findings.argument_use import IsArgument, argument_finder
from signal_monitor.findings.base import RegistryRule
from signal_monitor.findings.connected import LiveSignal, connections
from signal_monitor.findings.own import is_own
from signal_monitor.findings.related import is_model, meta
from signal_monitor.findings.sources import Function, function_at
from signal_monitor.findings.wording import named, place

WRITERS = {"save", "asave", "save_base", "update", "aupdate", "bulk_update", "abulk_update", "update_or_create"}
READERS = {"objects", "_default_manager", "_base_manager", "refresh_from_db"}
"""What is read again from the database is only to be seen in the instance."""


class SetAfterSave(RegistryRule):
    """The value stays in memory."""

    code = "W120"
    name = "set-after-save"
    title = "A field that is set after the row was written"
    kind = "Too late"
    certain = False
    what = "When `post_save` is sent, the row is written. What a receiver sets then is in memory, and not in the table."
    remedy = (
        "Set the field in a receiver of `pre_save`; or write it with "
        "`Model.objects.filter(pk=instance.pk).update(…)`, which sends no signal."
    )
    sketch = (
        "-@receiver(post_save, sender=Article)",
        "+@receiver(pre_save, sender=Article)",
        " def {receiver}(sender, instance, **kwargs):",
        "     instance.slug = slugify(instance.title)",
    )
    minimum = (
        "One of the project's receivers of `post_save` whose source sets a field of `instance`, saves and updates "
        "nothing, and hands `instance` to nothing else."
    )
    innocent = (
        "An attribute that is no field; a receiver that writes the value too, or that calls a method of `instance`; a "
        "value that is read from the database."
    )

    def check(self, signals: Sequence[LiveSignal]) -> Iterator[Finding]:
        for connection in connections(signals):
            if connection.signal is not post_save or not is_own(connection.path) or not is_model(connection.sender):
                continue
            function = function_at(connection.path, connection.line)
            lost = _lost(function, connection.sender) if function is not None else None
            if lost is not None:
                field = f"{connection.sender.__name__}.{lost.attr}"
                message = f"{named(connection.name, connection.path, connection.line)} sets `{field}` at "
                message += f"{place(connection.path, lost.lineno)} and does not save it: when `post_save` is sent, the "
                message += "row is already written."
                where = {"path": connection.path, "line": lost.lineno}
                yield self.finding("receiver", connection.name, message, detail=field, **where)


def _lost(function: Function, model: type[models.Model]) -> ast.Attribute | None:
    """The first field of ``instance`` that a receiver sets and does not write; None if there is none."""
    is_instance = argument_finder(function, "instance")
    nodes = [node for statement in function.body for node in ast.walk(statement)]
    if any(_may_write(node, is_instance) for node in nodes):
        return None
    fields = {name for field in meta(model).concrete_fields for name in (field.name, field.attname)}
    found = [node for node in nodes if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)]
    lost = [node for node in found if node.attr in fields and is_instance(node.value)]
    return min(lost, key=lambda node: node.lineno, default=None)


def _may_write(node: ast.AST, is_instance: IsArgument) -> bool:
    """Whether something may write the instance, keep it for somebody else, or read the value from the table."""
    if isinstance(node, ast.Attribute):
        return node.attr in WRITERS | READERS
    if isinstance(node, ast.Call):
        given = [*node.args, *(keyword.value for keyword in node.keywords)]
        is_method = isinstance(node.func, ast.Attribute) and is_instance(node.func.value)
        return is_method or any(is_instance(part) for each in given for part in _values(each))
    if isinstance(node, ast.Assign | ast.Return | ast.Yield | ast.Await):
        value = node.value
        is_renamed = isinstance(node, ast.Assign) and all(isinstance(each, ast.Name) for each in node.targets)
        return value is not None and not is_renamed and any(is_instance(part) for part in _values(value))
    return False


def _values(node: ast.expr) -> Iterator[ast.expr]:
    """An expression, and what it keeps: the items of a list or dict, or what is unpacked."""
    yield node
    if isinstance(node, ast.List | ast.Tuple | ast.Set):
        yield from node.elts
    elif isinstance(node, ast.Dict):
        yield from node.values
    elif isinstance(node, ast.Starred):
        yield node.value
