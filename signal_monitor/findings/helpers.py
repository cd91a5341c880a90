"""The functions to which a receiver hands one of its arguments, by the source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from types import FunctionType

from signal_monitor.names.classes import class_mro

from .argument_use import argument_finder
from .call_sites import changed_at, parsed
from .sources import Function, arguments, function_at, own_nodes

Handed = tuple[Function, str]
"""A function, and what it calls the argument."""


def handed_to(function: Function, argument: str, path: str, kind: type) -> Iterator[Handed]:
    """The functions of the same module, and the methods of the argument's class, that a function itself calls."""
    is_argument = argument_finder(function, argument)
    for call in own_nodes(function):
        if not isinstance(call, ast.Call):
            continue
        if isinstance(call.func, ast.Attribute) and is_argument(call.func.value):
            yield from _method(kind, call.func.attr)
        elif isinstance(call.func, ast.Name):
            places = [number for number, each in enumerate(call.args) if is_argument(each)]
            yield from _of_module(path, call.func.id, places[:1])


def _method(kind: type, name: str) -> Iterator[Handed]:
    found = next((vars(each)[name] for each in class_mro(kind) if name in vars(each)), None)
    if type(found) is FunctionType:
        code = found.__code__
        method = function_at(code.co_filename, code.co_firstlineno)
        if method is not None and arguments(method):
            yield method, arguments(method)[0]


def _of_module(path: str, name: str, places: list[int]) -> Iterator[Handed]:
    tree = parsed(path, changed_at(path))
    for node in tree.body if tree is not None and places else ():
        if isinstance(node, ast.FunctionDef) and node.name == name and places[0] < len(arguments(node)):
            yield node, arguments(node)[places[0]]
