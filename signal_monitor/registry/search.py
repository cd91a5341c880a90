"""The signals of this process, and the classes that may be their senders."""

from __future__ import annotations

import gc
import sys
import types
import weakref
from collections.abc import Collection, Iterator
from importlib.machinery import ModuleSpec
from typing import Any

from django.apps import apps
from django.dispatch import Signal

from signal_monitor.instrumentation import is_instrumented
from signal_monitor.instrumentation.connect_notes import connecting
from signal_monitor.instrumentation.info import known_signals

_MODULE_DICT: Any = vars(types.ModuleType)["__dict__"]
_CLASS_DICT: Any = type.__dict__["__dict__"]


class _Modules:
    """The signals that modules have, or classes that they define; each module is looked at once."""

    def __init__(self) -> None:
        self._seen: set[int] = set()
        self._found: dict[int, weakref.ref[Signal]] = {}

    def signals(self) -> Iterator[Signal]:
        """All that were found, in new modules too."""
        for module in list(sys.modules.values()):
            if id(module) not in self._seen and issubclass(type(module), types.ModuleType):
                self._look_into(module)
        for reference in list(self._found.values()):
            signal = reference()
            if signal is not None:
                yield signal

    def _look_into(self, module: types.ModuleType) -> None:
        namespace = _MODULE_DICT.__get__(module)
        if not _is_loading(namespace):
            self._seen.add(id(module))
        for value in list(namespace.values()):
            if issubclass(type(value), Signal):
                self._found[id(value)] = weakref.ref(value)
            elif issubclass(type(value), type) and _CLASS_DICT.__get__(value).get("__module__") == module.__name__:
                for held in list(_CLASS_DICT.__get__(value).values()):
                    if issubclass(type(held), Signal):
                        self._found[id(held)] = weakref.ref(held)


def _is_loading(namespace: Any) -> bool:  # noqa: ANN401
    """Whether a module is being imported, and may not have all its attributes yet."""
    spec = namespace.get("__spec__")
    return type(spec) is ModuleSpec and bool(vars(spec).get("_initializing"))


_modules = _Modules()


def find_signals() -> list[Signal]:
    """The signals of modules, those that were sent and those to which something was connected.

    Where signals are not observed, it is all that the garbage collector knows. That takes some 20 ms, in which no other
    thread runs, and no thread may be filling a tuple with signal classes (see ``classes_by_id``): commands ask for it.
    """
    found = {id(signal): signal for signal in _modules.signals()}
    found |= {id(signal): signal for signal in _noted() if issubclass(type(signal), Signal)}
    if not is_instrumented():
        found |= {id(each): each for each in gc.get_referrers(*_classes(Signal)) if issubclass(type(each), Signal)}
    return list(found.values())


def _noted() -> Iterator[Any]:
    for info in known_signals():
        yield info.ref()
    for notes in list(connecting.by_signal.values()):
        yield notes.ref()


def _classes(cls: type[Signal]) -> list[type[Signal]]:
    return [cls, *(deeper for subclass in type.__subclasses__(cls) for deeper in _classes(subclass))]


def classes_by_id(wanted: Collection[int]) -> dict[int, object]:
    """The models, classes and app configurations with these ids.

    Any class may be a sender. Those of whose connection there is no note are looked for among all classes, once.
    ``gc.get_objects()`` would also return tuples that another thread is filling: Python cannot fill them any further,
    and the application gets a ``SystemError``.
    """
    missing = {key for key in wanted if key not in _looked_for}
    if missing:
        found: dict[int, object] = {id(config): config for config in list(apps.app_configs.values())}
        found |= {id(model): model for models in list(apps.all_models.values()) for model in list(models.values())}
        if not missing <= found.keys():
            found |= {id(cls): cls for cls in _all_classes() if id(cls) in missing}
        for key in missing:
            sender = found.get(key)
            _looked_for[key] = weakref.ref(sender) if sender is not None else _nothing
    senders = {key: _looked_for[key]() for key in wanted}
    return {key: sender for key, sender in senders.items() if sender is not None}


def _all_classes() -> Iterator[type]:
    """All classes that are alive."""
    seen: set[int] = set()
    left: list[type] = [object]
    while left:
        cls = left.pop()
        if id(cls) not in seen:
            seen.add(id(cls))
            left += type.__subclasses__(cls)
            yield cls


def _nothing() -> None:
    return None


_looked_for: dict[int, Any] = {}
