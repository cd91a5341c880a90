"""Names of signals: the module that defines them, whoever imports them, and the attribute that they are there."""

from __future__ import annotations

import hashlib
import re
import sys
import types
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib.machinery import ModuleSpec
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple

from signal_monitor.text import plain

from .classes import class_dict, class_module, class_name

MODULES_OF_DJANGO = (
    "django.core.signals",
    "django.db.models.signals",
    "django.db.backends.signals",
    "django.contrib.auth.signals",
    "django.test.signals",
    "django.utils.autoreload",
)
"""The modules in which Django defines signals; other modules of Django import them."""
SHARE = 0.02
BURST_SECONDS = 2.0
_MODULE_DICT: Any = vars(types.ModuleType)["__dict__"]


class Place(NamedTuple):
    """An attribute of a module, or of a class in it: ``attribute`` is ``Class.name`` then."""

    module: str
    attribute: str

    @property
    def name(self) -> str:
        """The dotted name."""
        return f"{self.module}.{self.attribute}"


class SignalNames:
    """The names of all signals that are attributes of loaded modules or of classes there.

    A signal that is not known is searched in the modules that were loaded since the last look, then in all, which takes
    some 10 ms: this may take SHARE of the time, and BURST_SECONDS at once. What a look finds is used when it is done,
    so that other threads never use half of it.
    """

    def __init__(self, cls: type) -> None:
        self._cls = cls
        self._places: dict[int, list[Place]] = {}
        self._seen: frozenset[str] = frozenset()
        self._seconds_left = BURST_SECONDS
        self._looked_at = monotonic()

    def find(self, signal: object, created_in: str = "") -> str | None:
        """The name of a signal; None if no module has it. ``created_in`` is the module that called its class."""
        own = [place for place, value in _attributes(created_in) if value is signal]
        found = own or self._known(signal)
        if not found:
            self._look(self._seen)
            found = self._known(signal)
        if not found and self._may_look():
            self._look()
            self._seconds_left -= monotonic() - self._looked_at
            found = self._known(signal)
        if not found:
            return _name_in_container(created_in, signal)
        return min(found, key=lambda place: _rank(place, of_several=len(found) > 1)).name

    def _known(self, signal: object) -> list[Place]:
        # The id may be that of another signal, which has died since.
        return [place for place in self._places.get(id(signal), ()) if _value_at(place) is signal]

    def _may_look(self) -> bool:
        now = monotonic()
        self._seconds_left = min(BURST_SECONDS, self._seconds_left + (now - self._looked_at) * SHARE)
        self._looked_at = now
        return self._seconds_left > 0

    def _look(self, seen: frozenset[str] = frozenset()) -> None:
        found: defaultdict[int, list[Place]] = defaultdict(list)
        modules = [module for module in list(sys.modules) if module not in seen and module != "__mp_main__"]
        loaded = {module for module in modules if not _is_loading(module)}  # before it is searched
        for module in modules:
            for place, value in _attributes(module):
                if issubclass(type(value), self._cls):
                    found[id(value)].append(place)
        kept = self._places if seen else {}
        self._places = {**kept, **{key: [*kept.get(key, ()), *places] for key, places in found.items()}}
        self._seen = seen | loaded


def unnamed_signal(module: str, line: int, cls: type) -> str:
    """Name of a signal that no module has: where it was created, and an id that is the same in every process."""
    digest = hashlib.sha256(f"{module}:{line}:{class_name(cls)}".encode()).hexdigest()[:6]
    return f"{module or class_name(cls)}.signal-{digest}"


def _rank(place: Place, *, of_several: bool) -> tuple[bool, bool, bool, bool, int, str]:
    """What is most likely the definition comes first: by Django, by an assignment, public, in a module ``signals``."""
    return (
        place.module not in MODULES_OF_DJANGO,
        of_several and not _is_assigned_in(place),
        place.attribute.rpartition(".")[2].startswith("_"),
        "signals" not in place.module.split("."),
        len(place.name),
        place.name,
    )


def _is_assigned_in(place: Place) -> bool:
    """Whether the source of a module assigns a call to the attribute, where an importer only imports the name."""
    attribute = re.escape(place.attribute.rpartition(".")[2])
    source = _source(_namespace(place.module).get("__file__"))
    return re.search(rf"^[ \t]*{attribute}[ \t]*(:[^=\n]+)?=[ \t]*[\w.]+[ \t]*\(", source, re.MULTILINE) is not None


@lru_cache(maxsize=64)
def _source(path: object) -> str:
    if type(path) is not str or not path.endswith(".py"):
        return ""
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _is_loading(module: str) -> bool:
    """Whether a module is being imported, and may not have all its attributes yet."""
    spec = _namespace(module).get("__spec__")
    return type(spec) is ModuleSpec and bool(vars(spec).get("_initializing"))


def _namespace(module: str) -> Mapping[str, object]:
    loaded = sys.modules.get(module)
    return _MODULE_DICT.__get__(loaded) if issubclass(type(loaded), types.ModuleType) else {}


def _attributes(module: str) -> Iterator[tuple[Place, object]]:
    """The attributes of a module, and of the classes that it defines."""
    namespace = _namespace(module)
    shown = plain(module)
    for key in [name for name in list(namespace) if issubclass(type(name), str)]:
        attribute, value = plain(key), namespace.get(key)
        yield Place(shown, attribute), value
        if issubclass(type(value), type) and class_module(value) == module:  # type: ignore[arg-type]
            for inner, held in list(class_dict(value).items()):  # type: ignore[arg-type]
                yield Place(shown, f"{attribute}.{plain(inner)}"), held


def _name_in_container(module: str, signal: object) -> str | None:
    """The name of a signal in a dict, list or tuple of a module, such as ``shop.EVENTS['paid']``."""
    for place, value in _attributes(module):
        if type(value) is dict:
            items: list[tuple[object, object]] = list(value.items())
        elif type(value) in {list, tuple}:
            items = list(enumerate(value))  # type: ignore[arg-type]
        else:
            continue
        for key, held in items:
            if held is signal and type(key) in {str, int}:
                return f"{place.name}[{key!r}]"
    return None


def _value_at(place: Place) -> object:
    """What a module has there now; None if that is nothing."""
    attribute, _, inner = place.attribute.partition(".")
    value = _namespace(place.module).get(attribute)
    if not inner:
        return value
    return class_dict(value).get(inner) if issubclass(type(value), type) else None  # type: ignore[arg-type]
