"""A condition in a receiver that never holds."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping, Sequence

from django.db.models.signals import m2m_changed, post_save, pre_save

from signal_monitor.finding import Finding
from signal_monitor.findings import never_true
from signal_monitor.findings.base import RegistryRule
from signal_monitor.findings.connected import LiveConnection, LiveSignal, by_function
from signal_monitor.findings.never_true import Condition
from signal_monitor.findings.related import MODEL_SIGNALS, is_model, is_one_of
from signal_monitor.findings.sent_arguments import arguments_sent
from signal_monitor.findings.sources import Function, function_at
from signal_monitor.findings.wording import named, place, short
from signal_monitor.names import imported_as
from signal_monitor.scrubbing import scrub

MAX_TEXT = 80


class NeverHolds(RegistryRule):
    """What it asks for is never so, and the code below it never runs, or always."""

    code = "W122"
    name = "condition-never-holds"
    title = "A condition in a receiver that never holds"
    kind = "Never runs"
    level = "error"
    what = "What Django sends is never what the condition asks for, and Python does not complain about that."
    remedy = (
        "Compare the sender with `sender is Order` or `issubclass(sender, Order)`, `action` with one of its six texts, "
        "`update_fields` and `pk_set` with sets; and ask for `created` in a receiver of `post_save`."
    )
    sketch = (
        " def {receiver}(sender, instance, **kwargs):",
        "-    if isinstance(sender, Order):",
        "+    if issubclass(sender, Order):",
        "         ...",
    )
    minimum = (
        "In the source of one of the project's receivers of signals of models: the sender in `isinstance()` with a "
        "model, or compared with a text; `action` compared with a text that is no action; `update_fields` or `pk_set` "
        "compared with a list; in `post_save`, an instance without primary key or that is being added; `created` where "
        "no signal is sent with it."
    )
    innocent = (
        "`sender.__name__` compared with a text; the same conditions in a receiver of `pre_save`, or in one that sets "
        "the primary key to make a copy."
    )

    def check(self, signals: Sequence[LiveSignal]) -> Iterator[Finding]:
        for same in by_function(signals):
            first = same[0]
            function = function_at(first.path, first.line)
            if function is None or not all(is_one_of(each.signal, MODEL_SIGNALS) for each in same):
                continue
            conditions = {(each.node.lineno, each.node.col_offset): each for each in _conditions(function, same)}
            for condition in conditions.values():
                yield self._finding(first, condition)

    def _finding(self, connection: LiveConnection, condition: Condition) -> Finding:
        text = scrub(ast.unparse(condition.node))
        shown = text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}…"
        message = f"{named(connection.name, connection.path, connection.line)} asks for `{shown}` at "
        message += f"{place(connection.path, condition.node.lineno)}, {_verb(condition)}: "
        message += f"{condition.reason}."
        instead = scrub(condition.instead)
        return self.finding(
            "receiver",
            connection.name,
            message,
            detail=text,
            advice=f"Ask for `{instead}` in its place.",
            sketch=f" def {short(connection.name)}(sender, **kwargs):\n-    if {shown}:\n+    if {instead}:",
            path=connection.path,
            line=condition.node.lineno,
        )


def _verb(condition: Condition) -> str:
    if condition.partly:
        return "of which one part says nothing"
    operator = condition.node.ops[0] if isinstance(condition.node, ast.Compare) else None
    return f"which {'always' if isinstance(operator, ast.NotEq | ast.NotIn) else 'never'} holds"


def _conditions(function: Function, same: Sequence[LiveConnection]) -> Iterator[Condition]:
    """What never holds for any of the signals that a function is connected to."""
    yield from never_true.on_sender(function, _names_of_module(same[0].receiver))
    if all(each.signal is m2m_changed for each in same):
        yield from never_true.on_action(function)
        yield from never_true.on_list(function, "pk_set", "set")
    if all(is_one_of(each.signal, (pre_save, post_save)) for each in same):
        yield from never_true.on_list(function, "update_fields", "frozenset")
    models = [each.sender for each in same]
    if all(each.signal is post_save and is_model(each.sender) for each in same):
        yield from never_true.on_new_row(function, models[0])  # type: ignore[arg-type]
    sent = [arguments_sent(each.signal, each.signal_name) or () for each in same]
    if not any("created" in names for names in sent):
        yield from never_true.on_created(function, sorted({short(each.signal_name) for each in same}))


def _names_of_module(receiver: object) -> Mapping[str, object]:
    module = sys.modules.get(imported_as(receiver))
    return vars(module) if module is not None else {}
