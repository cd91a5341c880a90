"""Code of a file that never runs: under ``TYPE_CHECKING``, and in methods of an AppConfig that Django does not call."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from django.apps import apps

CONFIG = "AppConfig"
READY = "ready"


class Method(NamedTuple):
    """A method of an AppConfig."""

    config: str
    method: ast.FunctionDef

    @property
    def name(self) -> str:
        """Its name with that of its class."""
        return f"{self.config}.{self.method.name}"


def never_run(tree: ast.Module, path: Path) -> set[int]:
    """The ids of the nodes of a file that never run."""
    blocks = [node.body for node in ast.walk(tree) if isinstance(node, ast.If) and _is_for_types(node)]
    statements = [*(each for block in blocks for each in block), *(each.method for each in unused_methods(tree, path))]
    return {id(node) for statement in statements for node in ast.walk(statement)}


def _is_for_types(node: ast.If) -> bool:
    return ast.unparse(node.test).rpartition(".")[2] == "TYPE_CHECKING"


def unused_methods(tree: ast.Module, path: Path) -> Iterator[Method]:
    """The methods of each AppConfig of a file that Django does not call, and no code of the file."""
    for config in _configs(tree):
        for method in config.body:
            if isinstance(method, ast.FunctionDef) and not _is_run(tree, path, config.name, method.name):
                yield Method(config.name, method)


def _configs(tree: ast.Module) -> list[ast.ClassDef]:
    """The classes of a file that inherit from AppConfig, as far as the file itself says so."""
    found: dict[str, ast.ClassDef] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            bases = [ast.unparse(base) for base in node.bases]
            if any(base in found or base.endswith(CONFIG) for base in bases):
                found[node.name] = node
    return list(found.values())


def _is_run(tree: ast.Module, path: Path, config: str, method: str) -> bool:
    classes = {each for config_in_use in apps.get_app_configs() for each in type(config_in_use).__mro__}
    if (str(path), config) not in {(file_of(each.__module__), each.__name__) for each in classes}:
        return False
    return method == READY or any(isinstance(node, ast.Attribute) and node.attr == method for node in ast.walk(tree))


def file_of(module: str) -> str:
    """The file of an imported module, without loading one that is lazy."""
    try:
        file = object.__getattribute__(sys.modules.get(module), "__dict__").get("__file__")
    except AttributeError:  # whatever stands for a module there
        return ""
    return file if type(file) is str else ""
