"""What dicts, lists, classes and objects contain, read without running code of the application."""

from __future__ import annotations

import enum
import gc
import sys
import types
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple, cast

from signal_monitor.text import plain

from .classes import class_dict, class_module, class_mro, class_name, class_qualname, instance_dict

MAX_ITEMS = 2_000
SUBSCRIPT, INDEX, ATTRIBUTE = "[{}]", "[{:}]", ".{}"
LARGEST_KEY = 1_000_000
"""An int that is larger is an id or a time, and another one in the next process."""
SKIPPED = frozenset({*sys.stdlib_module_names, "django", "signal_monitor"})
"""Packages whose objects have no signals of a project in them."""
_CLASS_FLAGS: Any = type.__dict__["__flags__"]
_IS_HEAP_TYPE = 1 << 9


Items = Iterable[tuple[Any, object]]


class Step(NamedTuple):
    """The way from a container to something in it. A step that is not ``stable`` may differ in the next process."""

    form: str
    key: object
    stable: bool

    @property
    def text(self) -> str:
        """The step as it is written in code, such as ``['paid']`` or ``.paid``."""
        return self.form.format(plain(self.key) if self.form == ATTRIBUTE else _key_text(self.key))  # type: ignore[arg-type]


class Opener(NamedTuple):
    """How objects of a type are read: ``items`` lists what one contains, each with its key."""

    items: Callable[[Any], Items]
    form: str

    def step(self, key: object) -> Step:
        """The way to what has a key."""
        return Step(self.form, key, self.form != INDEX and _is_stable(key))


def opener(kind: type) -> Opener | None:
    """How objects of a type are read; None if they are not searched."""
    if issubclass(kind, tuple):
        return _opener_of_tuples(kind)
    for base, found in _OPENERS.items():
        if issubclass(kind, base):
            return found
    if kind in _EXACT:
        return _EXACT[kind]
    is_plain = _CLASS_FLAGS.__get__(kind) & _IS_HEAP_TYPE and class_module(kind).partition(".")[0] not in SKIPPED
    return _opener_of_objects(kind) if is_plain else None


def _of_dict(held: dict[Any, object]) -> Items:
    return list(dict.items(held)) if dict.__len__(held) <= MAX_ITEMS else []


def _opener_of_tuples(kind: type) -> Opener:
    fields = next((class_dict(cls)["_fields"] for cls in class_mro(kind) if "_fields" in class_dict(cls)), None)
    if type(fields) is tuple and all(type(field) is str for field in fields):
        return Opener(lambda held: zip(fields, tuple.__iter__(held), strict=False), ATTRIBUTE)
    return Opener(lambda held: enumerate(tuple.__getitem__(held, slice(0, MAX_ITEMS))), SUBSCRIPT)


def _of_list(held: list[object]) -> Items:
    return enumerate(list.__getitem__(held, slice(0, MAX_ITEMS)))


def _of_deque(held: deque[object]) -> Items:
    try:
        return enumerate(list(islice(held, MAX_ITEMS)))
    except RuntimeError:  # another thread has changed it
        return []


def _of_proxy(held: object) -> Items:
    behind = gc.get_referents(held)
    return _of_dict(behind[0]) if behind and issubclass(type(behind[0]), dict) else []


def _of_namespace(held: types.SimpleNamespace) -> Items:
    return _words(vars(held))


def _of_class(held: type) -> Iterator[tuple[str, object]]:
    attributes = dict(class_dict(held))
    members = attributes.get("_member_map_")
    if type(members) is dict:
        for name, member in _words(members):
            yield name, instance_dict(member).get("_value_")
    for name, value in _words(attributes):
        if not issubclass(type(value), type) or _is_defined_in(value, held):
            yield name, value


def _is_defined_in(inner: Any, outer: type) -> bool:  # noqa: ANN401
    """Whether a class is defined in the body of another one."""
    return class_module(inner) == class_module(outer) and class_qualname(inner).startswith(f"{class_qualname(outer)}.")


def _opener_of_objects(kind: type) -> Opener | None:
    if issubclass(kind, (enum.Enum, types.ModuleType, BaseException)):
        return None
    descriptors = [
        (name, descriptor)
        for cls in class_mro(kind)
        for name, descriptor in list(class_dict(cls).items())
        if type(descriptor) is types.MemberDescriptorType
    ]

    def attributes(held: object) -> Iterator[tuple[str, object]]:
        yield from _words(instance_dict(held))
        for name, descriptor in descriptors:
            try:
                yield name, descriptor.__get__(held)
            except AttributeError:  # not set
                continue

    return Opener(attributes, ATTRIBUTE)


def _words(attributes: dict[str, object]) -> list[tuple[str, object]]:
    return [item for item in list(attributes.items())[:MAX_ITEMS] if type(item[0]) is str]


_OPENERS = {dict: Opener(_of_dict, SUBSCRIPT), list: Opener(_of_list, INDEX), type: Opener(_of_class, ATTRIBUTE)}
_EXACT = {
    deque: Opener(_of_deque, INDEX),
    types.MappingProxyType: Opener(_of_proxy, SUBSCRIPT),
    types.SimpleNamespace: Opener(_of_namespace, ATTRIBUTE),
}


def _is_stable(key: object) -> bool:
    kind = type(key)
    if kind is int:
        return abs(cast("int", key)) <= LARGEST_KEY
    if kind is tuple:
        return all(map(_is_stable, cast("tuple[object, ...]", key)))
    return kind in {str, bool, bytes, type(None)} or issubclass(kind, (str, enum.Enum, type, types.FunctionType))


def _key_text(key: object) -> str:
    kind = type(key)
    if issubclass(kind, enum.Enum):
        return f"{class_name(kind)}.{instance_dict(key).get('_name_')}"
    if issubclass(kind, str):
        return repr(plain(cast("str", key)))
    if issubclass(kind, type):
        return class_name(cast("type", key))
    if kind is types.FunctionType:
        return plain(cast("types.FunctionType", key).__qualname__)
    if kind is tuple:
        return ", ".join(map(_key_text, cast("tuple[object, ...]", key)))
    return repr(key) if kind in {int, bool, bytes, type(None)} else f"{class_name(kind)} instance"
