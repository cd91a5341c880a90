"""Names of receivers: what a person wrote, whatever decorators, partials and proxies are around it."""

from __future__ import annotations

import functools
import re
import types
from collections.abc import Iterator
from typing import Any, NamedTuple, cast

from signal_monitor.text import MAX_LINE, cleaned, plain

from .classes import (
    FUNCTIONS,
    attribute_in_c,
    class_dict,
    class_module,
    class_mro,
    class_name,
    function_name,
    instance_attribute,
    instance_dict,
    shortened,
    slots,
)

MAX_STEPS = 20
MAX_ATTRIBUTES = 50
LOCALS = "<locals>"
CELERY_PROXY = "_Proxy__local"
"""The slot that tells a proxy of Celery: its class computes its own name and module."""
_CALLABLES = (*FUNCTIONS, types.MethodType, functools.partial)
_LABEL = re.compile(r"[A-Za-z_][A-Za-z_.]{0,39}")
"""Text that tells receivers apart and is no secret: letters only."""


class Source(NamedTuple):
    """Where a receiver is defined; the line is that of its ``def`` or of its first decorator."""

    path: str
    line: int


def receiver_name(receiver: object) -> str:
    """Qualified name of a receiver of any kind.

    What ``functools.wraps``, asgiref, Celery or wrapt have wrapped has its own name.
    A bound method has that of its object's class. Partials, callable objects and functions of other decorators have a
    name of their own, with what they call in brackets: ``partial(shop.receivers.charge)``.
    """
    return shortened(_name(receiver, MAX_STEPS))


def receiver_module(receiver: object) -> str:
    """Name of the module that defines a receiver, or "" if there is none."""
    innermost = _innermost(receiver)
    if issubclass(type(innermost), types.MethodType):
        method = cast("types.MethodType", innermost)
        owner = _owner_of(method)
        return class_module(owner) if _attribute_of(owner, method.__func__) else receiver_module(method.__func__)
    if issubclass(type(innermost), FUNCTIONS):
        module = cast("types.FunctionType", innermost).__module__
        return module if type(module) is str else ""
    return class_module(innermost if issubclass(type(innermost), type) else type(innermost))  # type: ignore[arg-type]


def receiver_source(receiver: object) -> Source | None:
    """Where a receiver is defined; None if it is not written in Python."""
    innermost = _innermost(receiver)
    while issubclass(type(innermost), types.MethodType):
        innermost = _innermost(cast("types.MethodType", innermost).__func__)
    if type(innermost) is not types.FunctionType:
        innermost = next(
            (held["__call__"] for cls in class_mro(type(innermost)) if "__call__" in (held := class_dict(cls))), None
        )
        innermost = unwrapped(innermost)
    if type(innermost) is not types.FunctionType:
        return None
    return Source(cleaned(innermost.__code__.co_filename, MAX_LINE), innermost.__code__.co_firstlineno)


def unwrapped(receiver: object) -> object:
    """What a decorator, a proxy or another monitoring tool has wrapped."""
    for _ in range(MAX_STEPS):  # wrappers may form a cycle
        inner = _wrapped_by(receiver)
        if inner is None:
            break
        receiver = inner
    return receiver


def _wrapped_by(receiver: object) -> object | None:
    kind = type(receiver)
    if kind is types.FunctionType:
        return cast("object | None", cast("types.FunctionType", receiver).__dict__.get("__wrapped__"))
    if issubclass(kind, (*_CALLABLES, type)):
        return None
    if any(CELERY_PROXY in class_dict(cls) for cls in class_mro(kind)):
        return _behind_celery(receiver)
    held = instance_dict(receiver)
    if class_module(kind) == "asgiref.sync" and "awaitable" in held:
        return cast("object", held["awaitable"])
    if "__wrapped__" in held:
        return cast("object", held["__wrapped__"])
    if (inner := attribute_in_c(receiver, "__wrapped__")) is not None:
        return cast("object", inner)
    return _task_function(kind)


def _behind_celery(proxy: object) -> object | None:
    """The task, or its function where Celery has not created it yet; asking the proxy would create it."""
    if (task := instance_attribute(proxy, "__thing")) is not None:
        return cast("object", task)
    held = slots(proxy)
    arguments, make = held.get("_Proxy__args"), held.get(CELERY_PROXY)
    if type(arguments) is tuple and arguments:
        return cast("object", arguments[0])
    return _closure(make).get("fun") if type(make) is types.FunctionType else None


def _task_function(kind: type) -> object | None:
    """The function of a Celery task, for which Celery has made a class."""
    function = class_dict(kind).get("__wrapped__")
    function = function.__func__ if type(function) is staticmethod else function
    return function if type(function) is types.FunctionType else None


def _name(receiver: object, steps: int) -> str:
    receiver = unwrapped(receiver)
    kind = type(receiver)
    if issubclass(kind, types.MethodType):
        return _method_name(cast("types.MethodType", receiver), steps)
    if issubclass(kind, type):
        return class_name(cast("type", receiver))
    if issubclass(kind, FUNCTIONS):
        name = function_name(cast("types.FunctionType", receiver))
    elif issubclass(kind, functools.partial):
        name = "partial"
    else:
        name = class_name(kind)
    inner = _called_by(receiver)
    if inner is None or not steps:
        return name
    return f"{name}({inner if type(inner) is str else _name(inner, steps - 1)})"


def _method_name(method: types.MethodType, steps: int) -> str:
    owner = _owner_of(method)
    attribute = _attribute_of(owner, method.__func__)
    return f"{class_name(owner)}.{attribute}" if attribute else _name(method.__func__, steps - 1)


def _owner_of(method: types.MethodType) -> type:
    bound_to = method.__self__
    return cast("type", bound_to) if issubclass(type(bound_to), type) else type(bound_to)


def _attribute_of(owner: type, function: object) -> str:
    """The name under which a class or a base has the function of a method; "" if none has."""
    for cls in class_mro(owner):
        for name, held in list(class_dict(cls).items()):
            if held is function or (type(held) is classmethod and held.__func__ is function):
                return plain(name)
    return ""


def _innermost(receiver: object) -> object:
    """The function, method or class that is called at last; an object if it calls none."""
    for _ in range(MAX_STEPS):
        receiver = unwrapped(receiver)
        inner = None if issubclass(type(receiver), (types.MethodType, type)) else _called_by(receiver)
        if inner is None or issubclass(type(inner), (str, type)):
            break
        receiver = inner
    return receiver


def _called_by(receiver: object) -> object | None:
    """What a partial, the function of a decorator or a callable object calls, or a text that tells it from others."""
    kind = type(receiver)
    if issubclass(kind, functools.partial):
        return cast("functools.partial[Any]", receiver).func
    if kind is types.FunctionType:
        return _only_one(_decorated_by(cast("types.FunctionType", receiver)))
    if issubclass(kind, (*FUNCTIONS, type, types.MethodType)):
        return None
    held = {**slots(receiver), **instance_dict(receiver)}
    if "_mock_name" in held:
        return held["_mock_name"] if type(held["_mock_name"]) is str else None
    return _only_one(value for name, value in list(held.items())[:MAX_ATTRIBUTES] if not name.startswith("__"))


def _decorated_by(function: types.FunctionType) -> Iterator[object]:
    """What a function takes from the function around it, without what is defined there too."""
    around, _, _ = plain(function.__qualname__).rpartition(LOCALS)
    if around:
        for name, value in _closure(function).items():
            if value is not function and name != "__class__" and not _is_defined_in(value, function.__module__, around):
                yield value


def _is_defined_in(value: object, module: str, around: str) -> bool:
    kind = type(value)
    if not issubclass(kind, (types.FunctionType, type)):
        return False
    name = (
        class_name(cast("type", value)) if issubclass(kind, type) else function_name(cast("types.FunctionType", value))
    )
    return name.startswith(f"{module}.{around}")


def _only_one(values: Iterator[object]) -> object | None:
    """The only callable, otherwise the only class, otherwise the only label; None if there are several, or none."""
    callables, classes, labels = [], [], []
    for value in values:
        kind = type(value)
        if issubclass(kind, _CALLABLES):
            callables.append(value)
        elif issubclass(kind, type):
            classes.append(value)
        elif kind is str and _LABEL.fullmatch(cast("str", value)):
            labels.append(value)
    for found in (callables, classes, labels):
        if found:
            return found[0] if len(found) == 1 else None
    return None


def _closure(function: types.FunctionType) -> dict[str, object]:
    """The variables of the functions around that a function uses, as far as they are set."""
    found: dict[str, object] = {}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            found[name] = cell.cell_contents
        except ValueError:
            continue
    return found
