"""Whether the conditions of a receiver hold when a row of a model is saved with some fields, by its source."""

from __future__ import annotations

import ast
from collections.abc import Callable

from .argument_use import argument_finder
from .sources import Function, is_name

SAME = (ast.Is, ast.Eq)
OTHER = (ast.IsNot, ast.NotEq)
Known = bool | None


def known_conditions(function: Function, model: str, saved: set[str]) -> Callable[[ast.expr], Known]:
    """A function that says whether a condition holds; None if that is not known.

    A field that is saved is taken to have a value, and fixtures are not saved with ``update_fields``.
    """
    is_instance, is_raw = argument_finder(function, "instance"), argument_finder(function, "raw")

    def is_known(test: ast.expr) -> Known:
        if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
            inner = is_known(test.operand)
            return None if inner is None else not inner
        if isinstance(test, ast.BoolOp):
            return _joined(isinstance(test.op, ast.And), [is_known(each) for each in test.values])
        if is_raw(test):
            return False
        if isinstance(test, ast.Attribute):
            return True if is_instance(test.value) and test.attr in saved else None
        return _is_of_model(test, model)

    return is_known


def _joined(is_and: bool, answers: list[Known]) -> Known:  # noqa: FBT001
    decisive = not is_and
    if decisive in answers:
        return decisive
    return None if None in answers else is_and


def _is_of_model(test: ast.expr, model: str) -> Known:
    """Whether ``isinstance(instance, Model)`` or ``sender is Model`` holds: only if the model itself is named."""
    if isinstance(test, ast.Call) and is_name(test.func, "isinstance") and len(test.args) == len(("instance", "class")):
        return True if is_name(test.args[1], model) else None
    if isinstance(test, ast.Compare) and len(test.ops) == 1 and is_name(test.left, "sender"):
        is_same = isinstance(test.ops[0], SAME)
        if is_name(test.comparators[0], model) and (is_same or isinstance(test.ops[0], OTHER)):
            return is_same
    return None
