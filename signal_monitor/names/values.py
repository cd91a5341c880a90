"""Values that a receiver was made with, as text that tells it from others and is no secret."""

from __future__ import annotations

import enum
import functools
import linecache
import re
import types
from collections.abc import Iterator
from dis import get_instructions
from typing import Any, cast

from signal_monitor.secret_names import Certainty, certainty
from signal_monitor.text import plain

from .classes import LAMBDA, class_dict, class_module, class_mro, class_name, instance_dict
from .creation import namespace

LARGEST = 100_000
"""Larger numbers may be ids, times or numbers of cards."""
LONGEST = 12
LINES_OF_DEFINITION = 10
_PARTIAL_METHODS = ("__partialmethod__", "_partialmethod")
_REBINDS = frozenset({"STORE_DEREF", "DELETE_DEREF"})


def value_text(name: str, value: object, module: str) -> str | None:
    """A number, a bool, a member of an enum, or a name of the module; None for what may be data or a secret."""
    kind = type(value)
    if certainty(name) is not Certainty.NONE:
        return None
    if kind is bool:
        return str(value)
    if kind in {int, float}:
        text = str(value) if abs(cast("float", value)) < LARGEST else ""
        return text if 0 < len(text) <= LONGEST else None
    if kind is str:
        text = cast("str", value)
        return text if text.isidentifier() and text in namespace(module) else None
    if issubclass(kind, enum.Enum):
        member = instance_dict(value).get("_name_")
        return f"{class_name(kind)}.{plain(member)}" if type(member) is str else None
    return None


def captured(function: types.FunctionType) -> dict[str, object]:
    """The variables of the functions around that a function uses, as far as they are set."""
    found: dict[str, object] = {}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            found[name] = cell.cell_contents
        except ValueError:
            continue
    return found


def rebound(function: types.FunctionType) -> set[object]:
    """The captured variables that a function sets itself: they change from call to call."""
    if not function.__code__.co_freevars:
        return set()
    return {step.argval for step in get_instructions(function.__code__) if step.opname in _REBINDS}


def bound_defaults(function: types.FunctionType) -> Iterator[tuple[str, object]]:
    """The defaults that bind a variable, as ``model`` in ``def receiver(sender, model=model)``; all of a lambda."""
    code = function.__code__
    names = code.co_varnames[: code.co_argcount]
    defaults = function.__defaults__ or ()
    values = {
        **dict(zip(names[len(names) - len(defaults) :], defaults, strict=True)),
        **(function.__kwdefaults__ or {}),
    }
    if not values:
        return
    every = plain(function.__name__) == LAMBDA
    lines = range(code.co_firstlineno, code.co_firstlineno + LINES_OF_DEFINITION)
    source = "" if every else "".join(linecache.getline(code.co_filename, line) for line in lines)
    for name, value in values.items():
        if every or re.search(rf"\b{name}\s*(:[^=,]+)?=\s*{name}\b\s*[,)]", source):
            yield name, value


def configured(item: object, attributes: dict[str, Any]) -> set[str]:
    """The attributes of an object that its class was called with; the others are state, which changes."""
    for cls in class_mro(type(item)):
        init = class_dict(cls).get("__init__")
        if init is not None:
            break
    if type(init) is not types.FunctionType or class_module(type(item)) == "unittest.mock":
        return set()
    code = init.__code__
    parameters = set(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount])
    return {name for name in attributes if name.lstrip("_") in parameters}


def partial_method(function: object) -> functools.partialmethod[Any] | None:
    """What ``functools.partialmethod`` has made a function for, each time that it was asked."""
    if type(function) is not types.FunctionType:
        return None
    return next((function.__dict__[name] for name in _PARTIAL_METHODS if name in function.__dict__), None)
