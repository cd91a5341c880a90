"""Names of signals, receivers, senders and exceptions, for objects of every kind, without running their code.

Names are read from types and function objects, never with ``str()`` or from attributes that a class could compute: a
broken ``__repr__`` does no harm, and lazy objects are not evaluated.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import sys
import types
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, cast

from .scrubbing import MAX_RAW

MAX_LENGTH = 200
MAX_WRAPPERS = 20
_CLASS_DICT = type.__dict__["__dict__"]
_CLASS_QUALNAME = type.__dict__["__qualname__"]
_MODULE_DICT: Any = vars(types.ModuleType)["__dict__"]
_FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType)
_PLAIN = (int, float, bool, bytes)
_NAMED = {*_PLAIN, types.ModuleType, type(None)}


class Source(NamedTuple):
    """Where a receiver is defined; the line is that of its ``def`` or of its first decorator."""

    path: str
    line: int


class Apps:
    """The names of the installed applications."""

    def __init__(self, names: Sequence[str] = ()) -> None:
        self._names = sorted(names, key=len, reverse=True)
        self._by_module: dict[str, str | None] = {}

    def of(self, module: str) -> str | None:
        """The application that a module belongs to; of several, the one with the longest name."""
        if module not in self._by_module:
            self._by_module[module] = next(
                (app for app in self._names if module == app or module.startswith(f"{app}.")), None
            )
        return self._by_module[module]


def shortened(text: str) -> str:
    """The text, cut to MAX_LENGTH characters."""
    return text if len(text) <= MAX_LENGTH else text[: MAX_LENGTH - 1] + "…"


def class_name(cls: type) -> str:
    """Qualified name of a class, without running a metaclass's code."""
    module = _CLASS_DICT.__get__(cls).get("__module__")
    qualname: str = _CLASS_QUALNAME.__get__(cls)
    return shortened(f"{module}.{qualname}" if type(module) is str else qualname)


def function_name(function: types.FunctionType | types.BuiltinFunctionType) -> str:
    """Qualified name of a function; that of a lambda ends with its line, because lambdas share a name."""
    module, qualname = function.__module__, function.__qualname__
    if type(module) is not str:
        module = ""
    if function.__name__ == "<lambda>" and isinstance(function, types.FunctionType):
        qualname = f"{qualname}:{function.__code__.co_firstlineno}"
    return shortened(f"{module}.{qualname}" if module else qualname)


def receiver_name(receiver: object) -> str:
    """Qualified name of a receiver of any kind; ``functools.wraps`` is followed.

    A bound method has the name of its function, a partial that of what it calls, any other object that of its class.
    """
    receiver = unwrapped(receiver)
    kind = type(receiver)
    if issubclass(kind, _FUNCTIONS):
        return function_name(cast("types.FunctionType", receiver))
    if issubclass(kind, types.MethodType):
        return receiver_name(cast("types.MethodType", receiver).__func__)
    if issubclass(kind, functools.partial):
        return shortened(f"partial({receiver_name(_partial_target(receiver))})")
    if issubclass(kind, type):
        return class_name(cast("type", receiver))
    return class_name(kind)


def receiver_module(receiver: object) -> str:
    """Name of the module that defines a receiver, or "" if there is none."""
    function = _function_of(receiver)
    if function is not None:
        module = function.__module__
    else:
        receiver = unwrapped(receiver)
        cls = receiver if issubclass(type(receiver), type) else type(receiver)
        module = _CLASS_DICT.__get__(cls).get("__module__")
    return module if type(module) is str else ""


def receiver_source(receiver: object) -> Source | None:
    """Where a receiver is defined; ``functools.wraps`` is followed. None if it is not written in Python."""
    function = _function_of(receiver)
    if function is None:
        call = inspect.getattr_static(type(unwrapped(receiver)), "__call__", None)
        function = call if isinstance(call, types.FunctionType) else None
    return Source(function.__code__.co_filename, function.__code__.co_firstlineno) if function is not None else None


def unwrapped(receiver: object) -> object:
    """The function that a decorator or another monitoring tool has wrapped with ``functools.wraps``."""
    for _ in range(MAX_WRAPPERS):  # wrappers may form a cycle
        if type(receiver) is not types.FunctionType or "__wrapped__" not in receiver.__dict__:
            break
        receiver = receiver.__dict__["__wrapped__"]
    return receiver


def _partial_target(receiver: object) -> object:
    return cast("functools.partial[Any]", receiver).func


def _function_of(receiver: object) -> types.FunctionType | None:
    """The Python function of a function, method or partial."""
    for _ in range(MAX_WRAPPERS):
        receiver = unwrapped(receiver)
        kind = type(receiver)
        if issubclass(kind, types.MethodType):
            receiver = cast("types.MethodType", receiver).__func__
        elif issubclass(kind, functools.partial):
            receiver = _partial_target(receiver)
        else:
            break
    return receiver if type(receiver) is types.FunctionType else None


def sender_name(sender: object) -> str:
    """Name of a sender: of a class, function or module its qualified name, a string itself, otherwise its class."""
    kind = type(sender)
    if sender is None:
        return "None"
    if issubclass(kind, type):
        return class_name(cast("type", sender))
    if issubclass(kind, str):
        return shortened(str.__str__(cast("str", sender)))
    if issubclass(kind, (*_FUNCTIONS, types.MethodType, functools.partial)):
        return receiver_name(sender)
    if kind is types.ModuleType:
        module = vars(sender).get("__name__")
        return shortened(module) if type(module) is str else "module"
    if kind in _PLAIN:
        return shortened(repr(sender))
    return f"{class_name(kind)} instance"


def is_named_itself(kind: type) -> bool:
    """Whether senders of a type have a name of their own instead of that of their class."""
    return kind in _NAMED or issubclass(kind, (*_FUNCTIONS, str, types.MethodType, functools.partial))


def error_message(error: BaseException) -> str | None:
    """The arguments of an exception that are exactly str, int or float, as text; None if there are none.

    ``str(error)`` could run code of the application, and could contain private data. Secrets are scrubbed where the
    text is recorded, in the worker; so it may be longer here than a name.
    """
    arguments = BaseException.args.__get__(error)  # type: ignore[attr-defined]
    if len(arguments) == 1 and type(arguments[0]) is str:
        return arguments[0][:MAX_RAW]
    plain = [str(item) for item in arguments if type(item) in {str, int, float}]
    return ", ".join(plain)[:MAX_RAW] if plain else None


def unnamed_signal(module: str, line: int, cls: type) -> str:
    """Name of a signal that no module has: where it was created, and an id that is the same in every process."""
    digest = hashlib.sha256(f"{module}:{line}:{class_name(cls)}".encode()).hexdigest()[:6]
    return f"{module or class_name(cls)}.signal-{digest}"


def named_instances(cls: type) -> dict[int, str]:
    """Dotted names, by ``id()``, of all instances of a class that are attributes of loaded modules or of their classes.

    Of several names, the one that is most likely the definition: public, in a module named signals, the shortest, the
    first in the alphabet.
    """
    found: dict[int, str] = {}
    for module_name, namespace in _loaded_namespaces():
        for attribute, value in _attributes(module_name, namespace):
            if issubclass(type(value), cls):
                name = f"{module_name}.{attribute}"
                if id(value) not in found or _rank(name) < _rank(found[id(value)]):
                    found[id(value)] = name
    return found


def _rank(name: str) -> tuple[bool, bool, int, str]:
    module, _, attribute = name.rpartition(".")
    return (attribute.startswith("_"), "signals" not in module.split("."), len(name), name)


def _loaded_namespaces() -> Iterator[tuple[str, dict[str, object]]]:
    for name, module in list(sys.modules.items()):
        if issubclass(type(module), types.ModuleType) and name != "__mp_main__":
            yield name, _MODULE_DICT.__get__(module)


def _attributes(module_name: str, namespace: dict[str, object]) -> Iterator[tuple[str, object]]:
    for attribute, value in list(namespace.items()):
        yield attribute, value
        if type(value) is type and _CLASS_DICT.__get__(value).get("__module__") == module_name:
            for inner, held in list(_CLASS_DICT.__get__(value).items()):
                yield f"{attribute}.{inner}", held
