"""Whether a function starts a thread, by its source: itself, or by a function of its module that it calls."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from .sources import Function, own_nodes

THREADS = {"Thread", "Timer"}
POOL = "ThreadPoolExecutor"


def starts_thread(function: Function, module: ast.Module | None) -> bool:
    """Whether it makes a thread or gives work to a pool of threads; not in functions that it only makes."""
    body = module.body if module is not None else []
    classes, pools = THREADS | _subclasses(body), _pools(body)
    called = [call for call in own_nodes(function) if isinstance(call, ast.Call)]
    names = {call.func.id for call in called if isinstance(call.func, ast.Name)}
    helpers = [each for each in body if isinstance(each, ast.FunctionDef) and each.name in names]
    inner = [node for helper in helpers for node in own_nodes(helper) if isinstance(node, ast.Call)]
    return any(_last(call.func) in classes or _is_submit(call, pools) for call in (*called, *inner))


def _subclasses(body: list[ast.stmt]) -> set[str]:
    """The classes of a module that inherit from a thread."""
    classes = (each for each in body if isinstance(each, ast.ClassDef))
    return {each.name for each in classes if any(_last(base) in THREADS for base in each.bases)}


def _pools(body: list[ast.stmt]) -> set[str]:
    """The variables of a module that are pools of threads."""
    return {name for statement in body if isinstance(statement, ast.Assign) for name in _pool_names(statement)}


def _pool_names(statement: ast.Assign) -> Iterator[str]:
    value = statement.value
    if isinstance(value, ast.Call) and _last(value.func) == POOL:
        yield from (target.id for target in statement.targets if isinstance(target, ast.Name))


def _is_submit(call: ast.Call, pools: set[str]) -> bool:
    method = call.func
    return isinstance(method, ast.Attribute) and method.attr == "submit" and _last(method.value) in pools


def _last(node: ast.expr) -> str:
    """The last name of ``threading.Thread``."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
