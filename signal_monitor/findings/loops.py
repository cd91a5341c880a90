"""Functions that a loop makes and that read its variable, by the source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

from .call_sites import changed_at, parsed

Loop = ast.For | ast.AsyncFor
Made = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
CONNECT = "connect"
ON_COMMIT = "on_commit"


class LateName(NamedTuple):
    """The variable of a loop that a function reads: its name, the line of the loop, and the lines of the function."""

    name: str
    loop: int
    lines: frozenset[int]


def connected_in_loops(path: str) -> Iterator[LateName]:
    """The functions of a file that a loop connects, and that read its variable."""
    tree = parsed(path, changed_at(path))
    for loop, made in _made_in_loops(tree) if tree is not None else ():
        if _is_given_to(loop, made, CONNECT):
            yield from _late_names(loop, made)


def on_commit_in_loops(function: ast.AST) -> Iterator[LateName]:
    """The functions that a loop in a function gives to ``on_commit()``, and that read its variable."""
    for loop, made in _made_in_loops(function):
        if _is_given_to(loop, made, ON_COMMIT):
            yield from _late_names(loop, made)


def _made_in_loops(tree: ast.AST) -> Iterator[tuple[Loop, Made]]:
    """Each loop that runs to its end, with the functions that it makes itself."""
    for loop in ast.walk(tree):
        if isinstance(loop, Loop):
            nodes = list(_inside(loop.body))
            if not any(isinstance(node, ast.Break | ast.Return) for node in nodes):
                yield from ((loop, node) for node in nodes if isinstance(node, Made))


def _inside(nodes: list[ast.stmt]) -> Iterator[ast.AST]:
    """What a loop does itself: not what is in functions that it makes."""
    waiting: list[ast.AST] = list(nodes)
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, Made):
            waiting.extend(ast.iter_child_nodes(node))


def _is_given_to(loop: Loop, made: Made, method: str) -> bool:
    """Whether the loop calls a method of this name with a function, or decorates it with ``@receiver``."""
    if isinstance(made, ast.FunctionDef | ast.AsyncFunctionDef) and method == CONNECT:
        decorators = [each.func for each in made.decorator_list if isinstance(each, ast.Call)]
        if any(ast.unparse(each).rpartition(".")[2] == "receiver" for each in decorators):
            return True
    calls = [node for node in _inside(loop.body) if isinstance(node, ast.Call)]
    return any(_called(call) == method and _is_first(call, made) for call in calls)


def _called(call: ast.Call) -> str:
    if isinstance(call.func, ast.Attribute):
        return call.func.attr
    return call.func.id if isinstance(call.func, ast.Name) else ""


def _is_first(call: ast.Call, made: Made) -> bool:
    given = [*call.args[:1], *(each.value for each in call.keywords if each.arg in {"receiver", "func"})]
    if isinstance(made, ast.Lambda):
        return made in given
    return any(isinstance(each, ast.Name) and each.id == made.name for each in given)


def _late_names(loop: Loop, made: Made) -> Iterator[LateName]:
    targets = {node.id for node in ast.walk(loop.target) if isinstance(node, ast.Name)}
    body: list[ast.AST] = [made.body] if isinstance(made, ast.Lambda) else list(made.body)
    names = [node for part in body for node in ast.walk(part) if isinstance(node, ast.Name)]
    own = {node.id for node in names if isinstance(node.ctx, ast.Store)}
    own |= {each.arg for part in (made, *body) for each in ast.walk(part) if isinstance(each, ast.arg)}
    read = {node.id for node in names if isinstance(node.ctx, ast.Load)}
    decorators = [] if isinstance(made, ast.Lambda) else made.decorator_list
    lines = frozenset({made.lineno, *(each.lineno for each in decorators)})
    for name in sorted(targets & (read - own)):
        yield LateName(name, loop.lineno, lines)
