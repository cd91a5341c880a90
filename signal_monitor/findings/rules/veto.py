"""A receiver that returns False so that something does not happen."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from django.db.models.signals import pre_delete, pre_save

from signal_monitor.finding import Finding
from signal_monitor.findings.base import RegistryRule
from signal_monitor.findings.connected import LiveSignal, connections
from signal_monitor.findings.own import is_own
from signal_monitor.findings.related import is_one_of
from signal_monitor.findings.sources import Function, function_at, own_nodes
from signal_monitor.findings.wording import named, place, short


class Veto(RegistryRule):
    """Nobody looks at it."""

    code = "W117"
    name = "returns-false"
    title = "A receiver that returns False, which stops nothing"
    level = "hint"
    certain = False
    what = (
        "Nobody looks at what receivers of `pre_save` and `pre_delete` return: Django saves and deletes all the same."
    )
    remedy = "Raise an exception, such as `ValidationError`; or override `save()` or `delete()` of the model."
    sketch = (
        " def {receiver}(sender, instance, **kwargs):",
        "     if instance.is_locked:",
        "-        return False",
        '+        raise ValidationError("It is locked.")',
    )
    minimum = "`return False` in one of the project's receivers of `pre_save` or `pre_delete`, by its source."
    innocent = "`return`, and other values."

    def check(self, signals: Sequence[LiveSignal]) -> Iterator[Finding]:
        for connection in connections(signals):
            if not is_one_of(connection.signal, (pre_save, pre_delete)) or not is_own(connection.path):
                continue
            function = function_at(connection.path, connection.line)
            line = _false_returned(function) if function is not None else 0
            if line:
                verb = "saved" if connection.signal is pre_save else "deleted"
                message = f"{named(connection.name, connection.path, connection.line)} returns `False` at "
                message += f"{place(connection.path, line)}, and the row is {verb} all the same: nobody looks at what "
                message += f"receivers of `{short(connection.signal_name)}` return."
                where = {"path": connection.path, "line": line}
                yield self.finding("receiver", connection.name, message, detail=connection.signal_name, **where)


def _false_returned(function: Function) -> int:
    """The first line of the function itself that returns False; 0 if there is none."""
    returned = [node for node in own_nodes(function) if isinstance(node, ast.Return)]
    false = [each.lineno for each in returned if isinstance(each.value, ast.Constant) and each.value.value is False]
    return min(false, default=0)
