"""The lines of the project that send a signal, and with what as the sender, read from the source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from signal_monitor.records import METHODS

from .call_sites import parse
from .files import LimitReachedError, Reader
from .modules import project_files

SENDER = "sender"
KNOWN = {*METHODS, "connect", "disconnect", "has_listeners"}
"""What is done with a signal; anything else may send it too, such as a method of a subclass."""


class SendSite(NamedTuple):
    """A line that sends a signal. ``sender`` is the last name of a class or object; "" if it is not a plain one."""

    path: str
    line: int
    sender: str


def sites_of(signal: str) -> list[SendSite] | None:
    """The lines that send a signal of this dotted name; None if they cannot all be known.

    That is so where the signal has another name too, or is reached otherwise than by its name, and in a large project.
    """
    reader, name = Reader(), signal.rpartition(".")[2]
    found: list[SendSite] = []
    try:
        for path in project_files(reader):
            text = reader.read(path)
            if name.encode() in text:
                tree = parse(text)
                if tree is None or _has_other_names(tree, name):
                    return None
                found.extend(_sites_in(tree, path, name))
    except LimitReachedError:
        return None
    return found


def may_send(signal: str) -> bool:
    """Whether a file of the project that sends a signal of its last name may mean it; True if that is not known.

    It may where the file has the module of the signal, or imports it.
    """
    reader, (module, _, name) = Reader(), signal.rpartition(".")
    try:
        for path in project_files(reader):
            text = reader.read(path)
            if name.encode() in text and ((tree := parse(text)) is None or _may_send(tree, path, module, name)):
                return True
    except LimitReachedError:
        return True
    return False


def _may_send(tree: ast.Module, path: Path, module: str, name: str) -> bool:
    sends = (node.func for node in ast.walk(tree) if isinstance(node, ast.Call))
    methods = [node for node in sends if isinstance(node, ast.Attribute) and node.attr in METHODS]
    if not any(_last_name(method.value) == name for method in methods):
        return _has_other_names(tree, name)
    last = module.rpartition(".")[2]
    if path.stem != last and path.parent.name != last and _defines(tree, name):
        return False
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    imported = {alias.name.rpartition(".")[2] for node in imports for alias in node.names}
    imported |= {(node.module or "").rpartition(".")[2] for node in imports if isinstance(node, ast.ImportFrom)}
    return path.stem == last or path.parent.name == last or bool({last, "*"} & imported)


def _defines(tree: ast.Module, name: str) -> bool:
    """Whether a module gives something of its own this name."""
    targets = [each for node in tree.body if isinstance(node, ast.Assign) for each in node.targets]
    return any(isinstance(each, ast.Name) and each.id == name for each in targets)


def _has_other_names(tree: ast.Module, name: str) -> bool:
    """Whether a file uses a name for more than to define, import, connect and send it."""
    plain = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr in KNOWN}
    plain |= {id(node) for each in ast.walk(tree) for node in _decorated_with(each)}
    for node in ast.walk(tree):
        if isinstance(node, ast.alias) and node.name == name and node.asname not in {None, name}:
            return True
        is_it = _last_name(node) == name and isinstance(getattr(node, "ctx", None), ast.Load)
        if is_it and id(node) not in plain:
            return True
    return False


def _decorated_with(node: ast.AST) -> Iterator[ast.AST]:
    """The signals in ``@receiver(signal)`` and ``@receiver([signal, …])``."""
    decorators = node.decorator_list if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else []
    for decorator in decorators:
        if isinstance(decorator, ast.Call):
            yield from (each for argument in decorator.args[:1] for each in ast.walk(argument))


def _sites_in(tree: ast.Module, path: Path, name: str) -> Iterator[SendSite]:
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute))
    for call in calls:
        method = call.func
        if isinstance(method, ast.Attribute) and method.attr in METHODS and _last_name(method.value) == name:
            given = [*call.args[:1], *(each.value for each in call.keywords if each.arg == SENDER)]
            sender = _plain_name(given[0]) if given else ""
            yield SendSite(str(path), call.lineno, "" if _is_other_name(tree, sender) else sender)


def _is_other_name(tree: ast.Module, name: str) -> bool:
    """Whether a file gives a class this name: by an assignment, or as it imports it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Store):
            return True
        if isinstance(node, ast.alias) and node.asname == name:
            return True
    return False


def _last_name(node: ast.AST) -> str:
    if isinstance(node, ast.Name):
        return node.id
    return node.attr if isinstance(node, ast.Attribute) else ""


def _plain_name(node: ast.expr) -> str:
    """The name of a class, as classes are written; "None" for no sender."""
    if isinstance(node, ast.Constant):
        return "None" if node.value is None else ""
    name = _last_name(node)
    is_own_attribute = isinstance(node, ast.Attribute) and _last_name(node.value) in {"self", "cls"}
    return name if name[:1].isupper() and not name.isupper() and not is_own_attribute else ""
