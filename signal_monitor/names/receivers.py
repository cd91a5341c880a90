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
from .values import bound_defaults, captured, configured, partial_method, rebound, value_text

MAX_STEPS = 20
MAX_KNOWN = 1_000
MAX_ATTRIBUTES = 50
LOCALS = "<locals>"
CELERY_PROXY = "_Proxy__local"
"""The slot that tells a proxy of Celery: its class computes its own name and module."""
_CALLABLES = (*FUNCTIONS, types.MethodType, functools.partial)
MAX_DETAILS = 6
MAIN = frozenset(["f", "fn", "func", "function", "method", "wrapped", "handler", "receiver", "callback", "task"])
"""Names of what a decorator decorates, where it has been given other functions too."""
_LABEL = re.compile(r"[A-Za-z_][A-Za-z_.]{0,39}")  # the name of a mock


class Source(NamedTuple):
    """Where a receiver is defined; the line is that of its ``def`` or of its first decorator."""

    path: str
    line: int


class Description(NamedTuple):
    """The name of a receiver, the module that defines it, and where; see the functions that find these."""

    name: str
    module: str
    source: Source | None


class _Known(NamedTuple):
    """The description of the functions that a ``def`` makes, which have nothing but its code, name and module."""

    code: types.CodeType
    qualname: str
    module: str
    description: Description


_known: dict[int, _Known] = {}


def describe(receiver: object) -> Description:
    """All that the functions of this module find out, once for the functions that one ``def`` makes again and again."""
    if type(receiver) is not types.FunctionType or not _is_bare(receiver):
        return _describe(receiver)
    code = receiver.__code__
    known = _known.get(id(code))
    if (
        known is None
        or known.code is not code
        or known.qualname is not receiver.__qualname__
        or known.module is not receiver.__module__
    ):
        if len(_known) >= MAX_KNOWN:
            _known.clear()
        known = _known[id(code)] = _Known(code, receiver.__qualname__, receiver.__module__, _describe(receiver))
    return known.description


def _describe(receiver: object) -> Description:
    return Description(receiver_name(receiver), receiver_module(receiver), receiver_source(receiver))


def _is_bare(function: types.FunctionType) -> bool:
    has_values = function.__closure__ or function.__defaults__ or function.__kwdefaults__
    return not (has_values or function.__dict__)


def receiver_name(receiver: object) -> str:
    """Qualified name of a receiver of any kind.

    What ``functools.wraps``, asgiref, Celery or wrapt have wrapped has its own name.
    A bound method has that of its object's class. Partials, callable objects and functions of other decorators have a
    name of their own, with what they call in brackets: ``partial(shop.receivers.charge)``.
    """
    return shortened(_name(receiver, MAX_STEPS))


def told_apart_by(receiver: object) -> object:
    """What makes a receiver another one than those of the same name: its class for a method, else what is wrapped."""
    receiver = unwrapped(receiver)
    if issubclass(type(receiver), types.MethodType):
        method = cast("types.MethodType", receiver)
        owner = _owner_of(method)
        return owner if _attribute_of(owner, method.__func__) else told_apart_by(method.__func__)
    return receiver


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
    function = _python_function(receiver)
    if function is None:
        return None
    return Source(cleaned(function.__code__.co_filename, MAX_LINE), function.__code__.co_firstlineno)


def imported_as(receiver: object) -> str:
    """Name of the module that was executed to define the function of a receiver; "" if it is not written in Python.

    The class of a bound method's object may be defined in another module, and a decorator may have set ``__module__``.
    """
    function = _python_function(receiver)
    module = None if function is None else function.__globals__.get("__name__")
    return module if type(module) is str else ""


def _python_function(receiver: object) -> types.FunctionType | None:
    """The function that is called at last: of a method, or the ``__call__`` of an object; None for one in C."""
    innermost = _innermost(receiver)
    while issubclass(type(innermost), types.MethodType):
        innermost = _innermost(cast("types.MethodType", innermost).__func__)
    if type(innermost) is not types.FunctionType:
        innermost = next(
            (held["__call__"] for cls in class_mro(type(innermost)) if "__call__" in (held := class_dict(cls))), None
        )
        innermost = unwrapped(innermost)
    return innermost if type(innermost) is types.FunctionType else None


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
    return captured(make).get("fun") if type(make) is types.FunctionType else None


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
    details = _details(receiver, steps - 1) if steps > 0 else []
    return f"{name}({', '.join(details)})" if details else name


def _method_name(method: types.MethodType, steps: int) -> str:
    owner = _owner_of(method)
    attribute = _attribute_of(owner, method.__func__)
    return f"{class_name(owner)}.{attribute}" if attribute else _name(method.__func__, steps - 1)


def _owner_of(method: types.MethodType) -> type:
    bound_to = method.__self__
    return cast("type", bound_to) if issubclass(type(bound_to), type) else type(bound_to)


def _attribute_of(owner: type, function: object) -> str:
    """The name under which a class or a base has the function of a method; "" if none has."""
    made_by = partial_method(function)
    for cls in class_mro(owner):
        for name, held in list(class_dict(cls).items()):
            inner = held.__func__ if type(held) is classmethod else held
            if inner is function or (made_by is not None and held is made_by):
                return plain(name)
    return ""


def _innermost(receiver: object) -> object:
    """The function, method or class that is called at last; an object if it calls none."""
    for _ in range(MAX_STEPS):
        receiver = unwrapped(receiver)
        inner = None if issubclass(type(receiver), (types.MethodType, type)) else _main(_given(receiver))
        if inner is None:
            break
        receiver = inner
    return receiver


def _details(receiver: object, steps: int) -> list[str]:
    """What tells a receiver from others of the same code: what it calls, then other values that are no secrets."""
    if (label := _label_of_mock(receiver)) is not None:
        return [label] if label else []
    given, module = _given(receiver), _module_of(receiver)
    main = _main(given)
    texts = [] if main is None else [_name(main, steps)]
    others = [(name, value) for name, value in given if value is not main]
    shown = [(name, text) for name, value in others if (text := _text(name, value, module)) is not None]
    if not texts and len(shown) == 1 and shown[0][0] not in _scalars(others):
        return [shown[0][1]]
    return [*texts, *(f"{name}={text}" if name else text for name, text in shown)][:MAX_DETAILS]


def _scalars(values: list[tuple[str, object]]) -> set[str]:
    """The names of values that say little alone: numbers and bools."""
    return {name for name, value in values if type(value) in {int, float, bool}}


def _text(name: str, value: object, module: str) -> str | None:
    kind = type(value)
    if issubclass(kind, type):
        return class_name(cast("type", value))
    return _name(value, 0) if _is_callable(value) else value_text(name, value, module)


def _main(given: list[tuple[str, object]]) -> object | None:
    """The function that a decorator, a partial or an object calls; None if that is not certain."""
    callables = [(name, value) for name, value in given if _is_callable(value)]
    if len(callables) > 1:
        callables = [(name, value) for name, value in callables if name in MAIN]
    return callables[0][1] if len(callables) == 1 else None


def _is_callable(value: object) -> bool:
    kind = type(value)
    if issubclass(kind, type):
        return False
    return issubclass(kind, _CALLABLES) or any("__call__" in class_dict(cls) for cls in class_mro(kind))


def _given(receiver: object) -> list[tuple[str, object]]:
    """What a receiver was made with, by name."""
    kind = type(receiver)
    if issubclass(kind, functools.partial):
        made = cast("functools.partial[Any]", receiver)
        named = zip(_parameters(made.func), made.args, strict=False)
        return [("function", made.func), *named, *made.keywords.items()]
    if kind is types.FunctionType:
        function = cast("types.FunctionType", receiver)
        if (made_by := partial_method(function)) is not None:
            return [("function", made_by.func)]
        return [*_decorated_by(function), *bound_defaults(function)]
    if issubclass(kind, (*FUNCTIONS, type, types.MethodType)):
        return []
    held = {**slots(receiver), **instance_dict(receiver)}
    shown = configured(receiver, held)
    return [
        (name.lstrip("_"), value)
        for name, value in list(held.items())[:MAX_ATTRIBUTES]
        if not name.startswith("__") and (name in shown or issubclass(type(value), type) or _is_callable(value))
    ]


def _parameters(function: object) -> tuple[str, ...]:
    if type(function) is types.MethodType:
        return _parameters(function.__func__)[1:]
    return (
        function.__code__.co_varnames[: function.__code__.co_argcount] if type(function) is types.FunctionType else ()
    )


def _module_of(receiver: object) -> str:
    if type(receiver) is types.FunctionType:
        return receiver.__module__ if type(receiver.__module__) is str else ""
    return class_module(type(receiver))


def _label_of_mock(receiver: object) -> str | None:
    """The name of a mock, "" if it has none that is shown; None for other objects."""
    if issubclass(type(receiver), (*_CALLABLES, type)):
        return None
    held = instance_dict(receiver)
    if "_mock_name" not in held:
        return None
    label = held["_mock_name"]
    return label if type(label) is str and _LABEL.fullmatch(label) else ""


def _decorated_by(function: types.FunctionType) -> Iterator[tuple[str, object]]:
    """What a function takes from the function around it, without what is defined or changed there too."""
    around, _, _ = plain(function.__qualname__).rpartition(LOCALS)
    if around:
        changed = rebound(function)
        for name, value in captured(function).items():
            if value is function or name == "__class__" or name in changed:
                continue
            if not _is_defined_in(value, function.__module__, around):
                yield name, value


def _is_defined_in(value: object, module: str, around: str) -> bool:
    kind = type(value)
    if not issubclass(kind, (types.FunctionType, type)):
        return False
    name = (
        class_name(cast("type", value)) if issubclass(kind, type) else function_name(cast("types.FunctionType", value))
    )
    return name.startswith(f"{module}.{around}")
