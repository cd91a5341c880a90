"""What a receiver does with one of its arguments, such as ``instance``, by its source.

The argument is found by its own name, as ``kwargs["instance"]``, and by a name that one of these is assigned to.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

from .sources import Function, arguments, is_name

IsArgument = Callable[[ast.AST], bool]
PLAIN = (ast.Assign, ast.AnnAssign, ast.AugAssign)


def attributes(function: Function, argument: str) -> tuple[set[str], set[str]]:
    """The attributes of an argument that a function reads, and those that it sets."""
    used = list(_uses(_body(function), _finder(function, argument)))
    return {name for name, is_set in used if not is_set}, {name for name, is_set in used if is_set}


def always_sets(function: Function, argument: str, is_known: Callable[[ast.expr], bool | None]) -> set[str]:
    """The attributes of an argument that a function sets in any case: not in a loop, a ``try`` or an unknown ``if``.

    ``is_known`` says whether a condition holds; None if that is not known.
    """
    return _set_in(function.body, _finder(function, argument), is_known)


def _set_in(body: list[ast.stmt], is_argument: IsArgument, is_known: Callable[[ast.expr], bool | None]) -> set[str]:
    found: set[str] = set()
    for statement in body:
        answer = is_known(statement.test) if isinstance(statement, ast.If) else None
        if isinstance(statement, ast.If) and answer is not None:
            taken = statement.body if answer else statement.orelse
            found |= _set_in(taken, is_argument, is_known)
            if any(map(_may_return, taken)):
                break
        elif _may_return(statement):
            break
        elif isinstance(statement, (*PLAIN, ast.Expr)):
            found |= {name for name, is_set in _uses(ast.walk(statement), is_argument) if is_set}
    return found


def argument_finder(function: Function, argument: str) -> IsArgument:
    """A function that tells which expressions are the argument."""
    return _finder(function, argument)


def saves_argument(function: Function, argument: str) -> bool:
    """Whether it calls ``save()`` of one of its arguments."""
    is_argument = _finder(function, argument)
    called = (node.func for node in _body(function) if isinstance(node, ast.Call))
    methods = {method.attr for method in called if isinstance(method, ast.Attribute) and is_argument(method.value)}
    return not methods.isdisjoint({"save", "asave"})


def managers_read(function: Function, argument: str, writers: frozenset[str]) -> set[str]:
    """The attributes of an argument that it reads otherwise than by a call of one of the ``writers``, as of a manager.

    ``instance.toppings.all()`` reads ``toppings``, and ``instance.toppings.add(topping)`` writes them.
    """
    is_argument, nodes = _finder(function, argument), list(_body(function))
    written = {id(node.value) for node in nodes if isinstance(node, ast.Attribute) and node.attr in writers}
    used = (node for node in nodes if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load))
    return {node.attr for node in used if is_argument(node.value) and id(node) not in written}


def managers_written(function: Function, argument: str, writers: frozenset[str]) -> set[str]:
    """The attributes of an argument of which it uses one of the ``writers``: ``instance.toppings.add(topping)``."""
    is_argument = _finder(function, argument)
    managers = (node.value for node in _body(function) if isinstance(node, ast.Attribute) and node.attr in writers)
    return {each.attr for each in managers if isinstance(each, ast.Attribute) and is_argument(each.value)}


def _uses(nodes: Iterator[ast.AST], is_argument: IsArgument) -> Iterator[tuple[str, bool]]:
    """The attributes of an argument, and whether each is set: with a dot, or by ``getattr()`` and ``setattr()``."""
    for node in nodes:
        if isinstance(node, ast.Attribute) and is_argument(node.value):
            yield node.attr, isinstance(node.ctx, ast.Store)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"getattr", "setattr"}:
            names = [each.value for each in node.args[1:2] if isinstance(each, ast.Constant)]
            if node.args and is_argument(node.args[0]) and names and type(names[0]) is str:
                yield names[0], node.func.id == "setattr"


def _finder(function: Function, argument: str) -> IsArgument:
    """A function that tells which expressions are the argument."""
    known = {argument} & set(arguments(function))

    def is_argument(node: ast.AST) -> bool:
        return (isinstance(node, ast.Name) and node.id in known) or _is_looked_up(node, function, argument)

    for node in _body(function):
        if isinstance(node, ast.Assign) and is_argument(node.value):
            known |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return is_argument


def _is_looked_up(node: ast.AST, function: Function, argument: str) -> bool:
    """Whether an expression is ``kwargs["instance"]``, ``kwargs.get("instance")`` or ``kwargs.pop("instance")``."""
    kwargs = function.args.kwarg
    if kwargs is None:
        return False
    key: ast.AST | None = None
    if isinstance(node, ast.Subscript) and is_name(node.value, kwargs.arg):
        key = node.slice
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and is_name(node.func.value, kwargs.arg):
        key = node.args[0] if node.args and node.func.attr in {"get", "pop"} else None
    return isinstance(key, ast.Constant) and key.value == argument


def _body(function: Function) -> Iterator[ast.AST]:
    for statement in function.body:
        yield from ast.walk(statement)


def _may_return(statement: ast.stmt) -> bool:
    """Whether what comes after a statement runs in some cases only."""
    return any(isinstance(node, ast.Return | ast.Raise) for node in ast.walk(statement))
