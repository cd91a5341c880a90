"""Finds the send methods of a class: by their names, or because they, or functions that they call, reach receivers.

Code is read, not run: a function reaches what it, the methods and properties of the class that it names, and the
functions of its module that it names, name themselves.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from types import CodeType, FunctionType
from typing import Any, NamedTuple

from django.dispatch import dispatcher

from signal_monitor.records import METHODS

from .capture import our_codes
from .django_versions import is_djangos

MAX_DEPTH = 5
LIVE_RECEIVERS = "_live_receivers"
_DJANGOS = set(vars(dispatcher.Signal))
_OBSERVED = {LIVE_RECEIVERS, *METHODS}
_UNOBSERVED_MARKS = {"_signal_monitor", "mock"}
"""Attributes of the functions that are left alone: our own, and the stand-ins of ``unittest.mock``."""
_ENTRIES = "its receivers come from Signal.receivers"
_GENERATOR = "it is a generator"
_GENERATORS = 0x20 | 0x200
"""The flags of code that is a generator, or an asynchronous one."""


class Unobserved(NamedTuple):
    """A send method whose receiver calls are not observed: its dotted name, and why."""

    name: str
    reason: str


def methods_of(cls: type) -> dict[str, FunctionType]:
    """The send methods that a class has of its own, or of a mixin, and that are neither Django's nor ours, by name.

    A class method, a static method or a callable object is left as it is: what it sends is recorded where it is sent.
    """
    return {name: method for name in _send_names(cls) if (method := _own(cls, name)) is not None}


def is_named_send(name: str) -> bool:
    """Whether a method is a send method by its name alone."""
    return name.startswith(("send", "asend"))


def unobserved_methods(cls: type) -> list[Unobserved]:
    """The send methods that a class defines, or takes from a mixin, and whose receiver calls are not observed."""
    names = {name: None for base in cls.__mro__ if base is not dispatcher.Signal for name in base.__dict__}
    found = ((name, _reason(cls, name)) for name in names if _owner(cls, name) is not None)
    return [Unobserved(f"{cls.__module__}.{cls.__qualname__}.{name}", reason) for name, reason in found if reason]


def _send_names(cls: type) -> list[str]:
    found: dict[str, None] = dict.fromkeys(METHODS)
    for base in cls.__mro__:
        if base is not dispatcher.Signal:
            found.update(dict.fromkeys(name for name, method in base.__dict__.items() if _sends(cls, name, method)))
    return list(found)


def _sends(cls: type, name: str, method: object) -> bool:
    """Whether a method is a send method: by its name, or as a public one that reaches receivers or a send method."""
    if is_named_send(name):
        return True
    if not _is_public(name) or name in _DJANGOS or type(method) is not FunctionType:
        return False
    return not _OBSERVED.isdisjoint(_named_in(cls, method))


def _is_public(name: str) -> bool:
    return name == "__call__" or not name.startswith("_")


def _owner(cls: type, name: str) -> type | None:
    """The class that defines a method, if no other kind of signal above does."""
    owner = next((base for base in cls.__mro__ if name in base.__dict__), None)
    if owner is None or (owner is not cls and issubclass(owner, dispatcher.Signal)):
        return None
    return owner


def _own(cls: type, name: str) -> FunctionType | None:
    """The method that a class would use, if no other kind of signal above it defines it."""
    owner = _owner(cls, name)
    method = owner.__dict__[name] if owner is not None else None
    if type(method) is not FunctionType or is_djangos(method) or id(method.__code__) in our_codes:
        return None
    if not _UNOBSERVED_MARKS.isdisjoint(method.__dict__):
        return None
    return method


def _reason(cls: type, name: str) -> str:
    """Why the receiver calls of a method are not observed; "" if they are, or if it makes none."""
    owner = _owner(cls, name)
    held: Any = owner.__dict__[name] if owner is not None else None
    if not _is_public(name) or name == LIVE_RECEIVERS or "mock" in getattr(held, "__dict__", ()):
        return ""
    function, kind = _behind(held)
    if function is None:
        return f"it is {kind}" if is_named_send(name) and callable(held) else ""
    named = _named_in(cls, function)
    calls_receivers = is_named_send(name) or _passes_signal(function)
    if "receivers" in named and _OBSERVED.isdisjoint(named):
        return _ENTRIES if calls_receivers else ""
    if LIVE_RECEIVERS not in named or not calls_receivers:
        return ""
    return f"it is {kind}" if kind else _GENERATOR if function.__code__.co_flags & _GENERATORS else ""


def _behind(held: Any) -> tuple[FunctionType | None, str]:  # noqa: ANN401 - what a class holds under a name
    """The function of a method, and what the method is if it is no function."""
    if type(held) is FunctionType:
        return _unwrapped(held), ""
    if type(held) in {classmethod, staticmethod}:
        function = held.__func__
        return (function if type(function) is FunctionType else None), f"a {type(held).__name__}"
    if type(held) in {functools.partialmethod, functools.partial}:
        return _behind(held.func)[0], f"a {type(held).__name__}"
    return None, f"an object of {type(held).__name__}"


def _unwrapped(function: FunctionType) -> FunctionType:
    for _ in range(MAX_DEPTH):
        inner = function.__dict__.get("__wrapped__")
        if type(inner) is not FunctionType:
            break
        function = inner
    return function


def _passes_signal(function: FunctionType) -> bool:
    """Whether a function calls something with ``signal`` as a keyword, as receivers are called."""
    return any(
        type(constant) is tuple and "signal" in constant
        for code in _codes(function.__code__)
        for constant in code.co_consts
    )


def _named_in(cls: type, function: FunctionType) -> set[str]:
    """The names that a function uses, and those that functions use which it names."""
    found: set[str] = set()
    seen: set[CodeType] = set()
    waiting = [(function, 0)]
    while waiting:
        function, depth = waiting.pop()
        function = _unwrapped(function)
        if function.__code__ in seen:
            continue
        seen.add(function.__code__)
        names = {name for code in _codes(function.__code__) for name in (*code.co_names, *code.co_freevars)}
        names |= {constant for constant in function.__code__.co_consts if constant == LIVE_RECEIVERS}  # for getattr()
        found |= names
        if depth < MAX_DEPTH:
            waiting += [(inner, depth + 1) for name in names for inner in _functions(cls, function, name)]
    return found


def _codes(code: CodeType) -> Iterator[CodeType]:
    """The code of a function and of those inside it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _functions(cls: type, function: FunctionType, name: str) -> Iterator[FunctionType]:
    """What a name in a function may stand for: a method or property of the class, or a function of its module."""
    for base in cls.__mro__:
        if base is dispatcher.Signal or base is object:
            continue
        held: Any = base.__dict__.get(name)
        if isinstance(held, property):
            held = held.fget
        elif isinstance(held, functools.cached_property):
            held = held.func
        elif type(held) in {classmethod, staticmethod}:
            held = held.__func__
        if type(held) is FunctionType and not is_djangos(held):
            yield held
    held = function.__globals__.get(name)
    if type(held) is FunctionType and held.__module__ == function.__module__:
        yield held
