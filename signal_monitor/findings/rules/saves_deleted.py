"""A receiver of post_delete that saves the row again."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from django.db import models
from django.db.models.signals import post_delete

from signal_monitor.finding import Finding
from signal_monitor.findings.argument_use import IsArgument, argument_finder, attributes
from signal_monitor.findings.base import RegistryRule
from signal_monitor.findings.connected import LiveSignal, connections
from signal_monitor.findings.own import is_own
from signal_monitor.findings.related import is_model, meta
from signal_monitor.findings.sources import Function, function_at, own_nodes
from signal_monitor.findings.wording import named, place

COPIES = {"pk", "id", "_state"}
"""What is set before a row is saved as another one."""


class SavesDeleted(RegistryRule):
    """The row is back, with its old primary key."""

    code = "W119"
    name = "saves-deleted-row"
    title = "A receiver that brings deleted rows back"
    level = "error"
    what = (
        "When `post_delete` is sent, the row is gone and `instance` still has its primary key: to save it inserts the "
        "row again. `delete()` of a file field saves the instance, too, unless it is told not to."
    )
    remedy = "Call `instance.image.delete(save=False)`, and do not save `instance` in a receiver of `post_delete`."
    sketch = (
        " @receiver(post_delete, sender=Photo)",
        " def {receiver}(sender, instance, **kwargs):",
        "-    instance.image.delete()",
        "+    instance.image.delete(save=False)",
    )
    minimum = (
        "One of the project's receivers of `post_delete` whose source calls `save()` of `instance` without arguments, "
        "or `delete()` of a file field of the model without `save=False`."
    )
    innocent = "`delete(save=False)`; `save(using=…)`; a copy with another primary key; receivers of `pre_delete`."

    def check(self, signals: Sequence[LiveSignal]) -> Iterator[Finding]:
        for connection in connections(signals):
            if connection.signal is not post_delete or not is_own(connection.path) or not is_model(connection.sender):
                continue
            function = function_at(connection.path, connection.line)
            call = _saving_call(function, _file_fields(connection.sender)) if function is not None else None
            if call is not None:
                model, text = connection.sender.__name__, f"`{ast.unparse(call)}`"
                saves = "saves" if text.endswith("save()`") else "also saves"
                message = f"{named(connection.name, connection.path, connection.line)} brings deleted rows of "
                message += f"`{model}` back: {text} at {place(connection.path, call.lineno)} {saves} the instance, "
                message += "which inserts the row again."
                where = {"path": connection.path, "line": call.lineno}
                yield self.finding("receiver", connection.name, message, detail=model, **where)


def _file_fields(model: type[models.Model]) -> set[str]:
    return {field.name for field in meta(model).concrete_fields if isinstance(field, models.FileField)}


def _saving_call(function: Function, files: set[str]) -> ast.Call | None:
    """The first call in a receiver that saves its ``instance``; None if there is none."""
    is_instance = argument_finder(function, "instance")
    if not attributes(function, "instance")[1].isdisjoint(COPIES):
        return None
    calls = [
        node for node in own_nodes(function) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    ]
    return min((call for call in calls if _saves(call, is_instance, files)), key=lambda call: call.lineno, default=None)


def _saves(call: ast.Call, is_instance: IsArgument, files: set[str]) -> bool:
    method = call.func
    if not isinstance(method, ast.Attribute) or call.args or call.keywords:
        return False
    if method.attr in {"save", "asave"}:
        return is_instance(method.value)
    owner = method.value
    is_file = isinstance(owner, ast.Attribute) and owner.attr in files and is_instance(owner.value)
    return is_file and method.attr == "delete"
