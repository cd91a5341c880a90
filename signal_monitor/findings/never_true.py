"""Conditions in the source of a receiver that never hold, or always do, whatever Django sends."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import NamedTuple

from django.db import models

from .argument_use import IsArgument, argument_finder, attributes
from .related import is_model, meta
from .sources import Function, arguments, is_name

ACTIONS = ("pre_add", "post_add", "pre_remove", "post_remove", "pre_clear", "post_clear")
COPIES = {"pk", "id", "_state"}
_EQUAL = (ast.Eq, ast.NotEq)
_AMONG = (ast.In, ast.NotIn)


class Condition(NamedTuple):
    """A condition, why it never holds, and what to ask for in its place.

    ``partly`` says that only one of the values that it compares with never does.
    """

    node: ast.expr
    reason: str
    instead: str
    partly: bool = False


def on_sender(function: Function, names: Mapping[str, object]) -> Iterator[Condition]:
    """Tests of the sender as if it were an instance, or its name: it is the class of the model.

    ``names`` are those of the module.
    """
    is_sender = argument_finder(function, "sender")
    for node in _nodes(function):
        if isinstance(node, ast.Call) and is_name(node.func, "isinstance") and len(node.args) == len(("it", "class")):
            one, other = node.args
            if is_sender(one) and isinstance(other, ast.Name) and is_model(names.get(other.id)):
                instead = f"issubclass({ast.unparse(one)}, {other.id})"
                yield Condition(node, "the sender is the class itself, not an instance", instead)
        compared = _compared(node)
        texts = _texts(compared) if compared is not None and is_sender(compared.left) else []
        if compared is not None and texts and all(type(text) is str for text in texts):
            instead = f"{ast.unparse(compared.left)}.__name__{_after_left(compared)}"
            yield Condition(compared, "the sender is the class itself, not its name", instead)


def on_action(function: Function) -> Iterator[Condition]:
    """Comparisons of ``action`` with what is no action of ``m2m_changed``."""
    is_action = argument_finder(function, "action")
    for node in _nodes(function):
        compared = _compared(node)
        if compared is None or not is_action(compared.left):
            continue
        texts = _texts(compared)
        unknown = [text for text in texts if type(text) is str and text not in ACTIONS]
        if unknown:
            reason = f"no action is {unknown[0]!r}. There are {_listed(ACTIONS)}"
            meant = get_close_matches(unknown[0], ACTIONS, 1, 0) or ACTIONS
            instead = ast.unparse(compared).replace(repr(unknown[0]), repr(meant[0]))
            yield Condition(compared, reason, instead, len(unknown) < len(texts))


def on_list(function: Function, argument: str, kind: str) -> Iterator[Condition]:
    """Comparisons of an argument, which is a set, with a list."""
    is_argument = argument_finder(function, argument)
    for node in _nodes(function):
        compared = _compared(node)
        if compared is None or not isinstance(compared.ops[0], _EQUAL) or not is_argument(compared.left):
            continue
        other = compared.comparators[0]
        if isinstance(other, ast.List | ast.Tuple):
            given = "list" if isinstance(other, ast.List) else "tuple"
            meant = ast.unparse(ast.Set(other.elts)) if other.elts else "set()"
            instead = f"{ast.unparse(compared.left)} {'==' if isinstance(compared.ops[0], ast.Eq) else '!='} {meant}"
            yield Condition(compared, f"`{argument}` is a {kind}, which equals no {given}", instead)


def on_new_row(function: Function, model: type[models.Model]) -> Iterator[Condition]:
    """Tests in a receiver of ``post_save`` whether the instance has no primary key yet, or is being added."""
    if not attributes(function, "instance")[1].isdisjoint(COPIES):
        return
    is_instance = argument_finder(function, "instance")
    key = meta(model).pk  # None of an abstract model
    keys = {"pk"} if key is None else {"pk", str(key.attname)}
    for test in _tests(function):
        if _is_adding(test, is_instance):
            yield Condition(test, "when `post_save` is sent, the row has been added", "created")
        elif _is_without_key(test, is_instance, keys):
            yield Condition(test, "when `post_save` is sent, the row has its primary key", "created")


def on_created(function: Function, signals: Sequence[str]) -> Iterator[Condition]:
    """Tests of ``created`` where no signal is sent with it."""
    defaults = function.args.defaults[::-1]
    optional = {arg.arg: value for arg, value in zip(function.args.args[::-1], defaults, strict=False)}
    optional |= {
        arg.arg: value for arg, value in zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True) if value
    }
    is_created = argument_finder(function, "created")
    is_argument = "created" in arguments(function)
    default = optional.get("created")
    if is_argument and not (isinstance(default, ast.Constant) and not default.value):
        return
    for test in _tests(function):
        if is_created(test) and not _has_true_default(test):
            reason = f"{_listed(signals)} {'is' if len(signals) == 1 else 'are'} sent without `created`"
            yield Condition(test, reason, "instance._state.adding")


def _has_true_default(test: ast.expr) -> bool:
    """Whether this is ``kwargs.get("created", True)``, or ``kwargs["created"]``, which fails."""
    if isinstance(test, ast.Call):
        return len(test.args) > 1 and not (isinstance(test.args[1], ast.Constant) and not test.args[1].value)
    return isinstance(test, ast.Subscript)


def _is_adding(test: ast.expr, is_instance: IsArgument) -> bool:
    if not isinstance(test, ast.Attribute) or test.attr != "adding" or not isinstance(test.value, ast.Attribute):
        return False
    return test.value.attr == "_state" and is_instance(test.value.value)


def _is_without_key(test: ast.expr, is_instance: IsArgument, keys: set[str]) -> bool:
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return _is_key(test.operand, is_instance, keys)
    compared = _compared(test)
    is_none = compared is not None and isinstance(compared.ops[0], ast.Is | ast.Eq) and _texts(compared) == [None]
    return is_none and compared is not None and _is_key(compared.left, is_instance, keys)


def _is_key(node: ast.expr, is_instance: IsArgument, keys: set[str]) -> bool:
    return isinstance(node, ast.Attribute) and node.attr in keys and is_instance(node.value)


def _compared(node: ast.AST) -> ast.Compare | None:
    """A comparison of two values."""
    return node if isinstance(node, ast.Compare) and len(node.ops) == 1 else None


def _after_left(compared: ast.Compare) -> str:
    return ast.unparse(compared).removeprefix(ast.unparse(compared.left))


def _texts(compared: ast.Compare) -> list[object]:
    """The constants that something is compared with, by ``==``, ``is`` or ``in``; none if one is not a constant."""
    other = compared.comparators[0]
    is_collection = isinstance(compared.ops[0], _AMONG)
    if is_collection and not isinstance(other, ast.List | ast.Tuple | ast.Set):
        return []
    items = other.elts if is_collection and isinstance(other, ast.List | ast.Tuple | ast.Set) else [other]
    constants: list[object] = [each.value for each in items if isinstance(each, ast.Constant)]
    return constants if len(constants) == len(items) else []


def _tests(function: Function) -> Iterator[ast.expr]:
    """The conditions of a function, and the parts of those that are joined by ``and`` and ``or``."""
    waiting = [node.test for node in _nodes(function) if isinstance(node, ast.If | ast.IfExp | ast.While)]
    while waiting:
        test = waiting.pop()
        yield test
        if isinstance(test, ast.BoolOp):
            waiting.extend(test.values)


def _nodes(function: Function) -> Iterator[ast.AST]:
    for statement in function.body:
        yield from ast.walk(statement)


def _listed(names: Sequence[str]) -> str:
    quoted = [f"`{name}`" for name in names]
    return f"{', '.join(quoted[:-1])} and {quoted[-1]}" if len(quoted) > 1 else "".join(quoted)
