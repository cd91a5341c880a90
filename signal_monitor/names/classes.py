"""Names of classes and functions, and the attributes of objects, read without running code of theirs."""

from __future__ import annotations

import hashlib
import linecache
import types
from typing import Any

from signal_monitor.text import MAX_LENGTH, cleaned, plain

FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType)
LAMBDA = "<lambda>"
LONGEST = 2_000
KEPT_OF_END = 80
_CLASS_DICT = type.__dict__["__dict__"]
_CLASS_MRO = type.__dict__["__mro__"]
_CLASS_QUALNAME = type.__dict__["__qualname__"]
_DESCRIPTORS = (types.GetSetDescriptorType, types.MemberDescriptorType)


def shortened(text: str) -> str:
    """The name as a record keeps it: cleaned, and of at most MAX_LENGTH characters.

    A longer one keeps its beginning and its end, with a digest of the whole between them: two names stay two names.
    """
    if len(plain(text)) <= MAX_LENGTH and len(short := cleaned(text, LONGEST)) <= MAX_LENGTH:
        return short
    digest = hashlib.sha256(plain(text).encode("utf-8", "surrogatepass")).hexdigest()[:6]
    whole = cleaned(text, LONGEST)
    return f"{whole[: MAX_LENGTH - KEPT_OF_END - len(digest) - 2]}…{digest}…{whole[-KEPT_OF_END:]}"


def class_dict(cls: type) -> Any:  # noqa: ANN401 - a mapping proxy with values of every kind
    """The attributes of a class itself, whatever its metaclass does."""
    return _CLASS_DICT.__get__(cls)


def class_mro(cls: type) -> tuple[type, ...]:
    """A class and its bases, in the order in which attributes are looked up."""
    mro: tuple[type, ...] = _CLASS_MRO.__get__(cls)
    return mro


def instance_dict(item: object) -> dict[str, Any]:
    """The attributes of an object itself; its class may compute others."""
    for cls in class_mro(type(item)):
        descriptor = class_dict(cls).get("__dict__")
        if type(descriptor) is types.GetSetDescriptorType:
            held = descriptor.__get__(item)
            return dict(held) if type(held) is dict else {}
    return {}


def instance_attribute(item: object, name: str) -> Any:  # noqa: ANN401
    """An attribute of an object itself that its classes do not define; None if it has none."""
    if any(name in class_dict(cls) for cls in class_mro(type(item))):
        return None
    try:
        return object.__getattribute__(item, name)
    except AttributeError:
        return None


def slots(item: object) -> dict[str, Any]:
    """The attributes of an object that have slots of its class."""
    found: dict[str, Any] = {}
    for cls in class_mro(type(item)):
        for name, descriptor in list(class_dict(cls).items()):
            if type(descriptor) is types.MemberDescriptorType and name not in found:
                try:
                    found[name] = descriptor.__get__(item)
                except AttributeError:  # not set
                    continue
    return found


def attribute_in_c(item: object, name: str) -> Any:  # noqa: ANN401
    """An attribute that the class keeps in C, where reading runs no Python code; None if it has none."""
    for cls in class_mro(type(item)):
        if name in class_dict(cls):
            descriptor = class_dict(cls)[name]
            try:
                return descriptor.__get__(item) if type(descriptor) in _DESCRIPTORS else None
            except (AttributeError, ValueError):  # not set
                return None
    return None


def class_qualname(cls: type) -> str:
    """The qualified name of a class in its module."""
    return plain(_CLASS_QUALNAME.__get__(cls))


def class_name(cls: type) -> str:
    """Qualified name of a class, without running a metaclass's code."""
    module = class_module(cls)
    qualname = class_qualname(cls)
    return shortened(f"{module}.{qualname}" if module else qualname)


def class_module(cls: type) -> str:
    """Name of the module that defines a class; "" if it is not known."""
    module = class_dict(cls).get("__module__")
    return module if type(module) is str else ""


def function_name(function: types.FunctionType | types.BuiltinFunctionType) -> str:
    """Qualified name of a function; that of a lambda ends with its line, because lambdas share a name."""
    module, qualname = function.__module__, plain(function.__qualname__)
    if type(module) is not str:
        module = ""
    if plain(function.__name__) == LAMBDA and isinstance(function, types.FunctionType):
        qualname = f"{qualname}:{_place(function.__code__)}"
    return shortened(f"{module}.{qualname}" if module else qualname)


def _place(code: types.CodeType) -> str:
    """The line of a lambda, with its column if the line has several."""
    line = code.co_firstlineno
    if linecache.getline(code.co_filename, line).count("lambda") < 2:
        return str(line)
    columns = [start for _, _, start, _ in code.co_positions() if start]
    # Some builds keep no columns: then what differs is the code.
    plain_values = [value for value in code.co_consts if type(value) in {int, float, str, bytes}]
    told_by = min(columns, default=0) or hashlib.sha256(code.co_code + repr(plain_values).encode()).hexdigest()[:4]
    return f"{line}:{told_by}"
