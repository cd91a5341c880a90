"""What the source of a receiver says, read and parsed, never run."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from .call_sites import changed_at, parsed

Function = ast.FunctionDef | ast.AsyncFunctionDef


def function_at(path: str | None, line: int | None) -> Function | None:
    """The function that is defined at a line, or has its first decorator there; None if it cannot be read."""
    tree = parsed(path, changed_at(path)) if path else None
    if tree is None:
        return None
    for node in ast.walk(tree):
        if isinstance(node, Function) and line in set(_first_lines(node)):
            return node
    return None


def _first_lines(node: Function) -> Iterator[int]:
    yield node.lineno
    yield from (decorator.lineno for decorator in node.decorator_list[:1])


def arguments(function: Function) -> list[str]:
    """The names of its arguments, without ``*args`` and ``**kwargs``."""
    given = function.args
    return [each.arg for each in (*given.posonlyargs, *given.args, *given.kwonlyargs)]


def names_read(function: Function) -> set[str]:
    """The names that its body uses, with those that it looks up as text: ``kwargs["created"]``."""
    found = {node.id for node in _body(function) if isinstance(node, ast.Name)}
    return found | {
        node.value for node in _body(function) if isinstance(node, ast.Constant) and type(node.value) is str
    }


def passes_on_kwargs(function: Function) -> bool:
    """Whether it hands all its keyword arguments to something else."""
    kwargs = function.args.kwarg
    if kwargs is None:
        return False
    return any(
        isinstance(node, ast.keyword) and node.arg is None and is_name(node.value, kwargs.arg)
        for node in _body(function)
    )


def _body(function: Function) -> Iterator[ast.AST]:
    for statement in function.body:
        yield from ast.walk(statement)


def own_nodes(function: Function) -> Iterator[ast.AST]:
    """What a function does itself: nothing of the functions and lambdas that it makes."""
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            waiting.extend(ast.iter_child_nodes(node))


def is_name(node: ast.AST, name: str) -> bool:
    """Whether an expression is this name."""
    return isinstance(node, ast.Name) and node.id == name


def sender_expression(path: str | None, line: int | None) -> ast.expr | None:
    """What the source gives as the sender of a receiver: in its decorator, or in a ``connect()`` of its module."""
    function = function_at(path, line)
    tree = parsed(path, changed_at(path)) if path else None
    if function is None or tree is None:
        return None
    given = [*_in_decorators(function), *_in_connects(tree, function.name)]
    return _resolved(tree, given[0]) if len(given) == 1 else None


def _in_decorators(function: Function) -> Iterator[ast.expr]:
    for decorator in function.decorator_list:
        if isinstance(decorator, ast.Call):
            yield from (keyword.value for keyword in decorator.keywords if keyword.arg == "sender")


def _in_connects(tree: ast.Module, name: str) -> Iterator[ast.expr]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not node.args or not is_name(node.args[0], name):
            continue
        if isinstance(node.func, ast.Attribute) and node.func.attr == "connect":
            yield from node.args[1:2]
            yield from (keyword.value for keyword in node.keywords if keyword.arg == "sender")


def _resolved(tree: ast.Module, value: ast.expr) -> ast.expr:
    """An expression, or what its name is set to once in the module."""
    if not isinstance(value, ast.Name):
        return value
    found = [
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and any(is_name(target, value.id) for target in node.targets)
    ]
    return found[0] if len(found) == 1 else value
