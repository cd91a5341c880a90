"""Put the observing methods on ``Signal`` and take them off again."""

from __future__ import annotations

import contextlib
import functools
import logging
import sys
from types import FunctionType
from typing import Any

import django
from django.dispatch import Signal

from signal_monitor.faults import contained
from signal_monitor.records import METHODS

from . import overrides
from .catalogue import ATTRIBUTE, catalogue
from .guard import is_djangos, knows_django
from .observation import overriding
from .plans import forget_plans
from .probes import probes

_MISSING = object()

logger = logging.getLogger("signal_monitor")


class Installed:
    """What was put on which class, and what it replaced."""

    def __init__(self) -> None:
        self._replaced: dict[tuple[type, str], tuple[object, object]] = {}
        self._classes: set[type] = set()
        self.warned = False

    def knows(self, cls: type) -> bool:
        """Whether a class has been looked at."""
        return cls in self._classes

    def put(self, cls: type, name: str, ours: object) -> None:
        """Put a method on a class, and remember what it replaces."""
        self._replaced[cls, name] = (cls.__dict__.get(name, _MISSING), ours)
        setattr(cls, name, ours)

    def is_put(self, cls: type, name: str) -> bool:
        """Whether our method is on the class, or under what another tool has since put on it."""
        return (cls, name) in self._replaced

    def instrument(self, cls: type[Signal]) -> None:
        """Observe the send methods that a class defines."""
        self._classes.add(cls)
        own = overrides.overrides_of(cls)
        for name, original in own.items():
            if not self.is_put(cls, name):
                self.put(cls, name, _marked(overrides.observed_override(original, name)))  # type: ignore[arg-type]
        if own:
            overrides.remember_overriding(cls)
        elif not overriding.isdisjoint(cls.__mro__):
            overriding.add(cls)
        gives_receivers = own or (cls in overriding and "_live_receivers" in cls.__dict__)
        if gives_receivers and not self.is_put(cls, "_live_receivers"):
            self.put(cls, "_live_receivers", _marked(overrides.observed_live_receivers(cls)))

    def remains(self) -> bool:
        """Whether something of ours is still on a class, under what another tool has put there since."""
        return bool(self._replaced)

    def restore(self) -> None:
        """Take off what is still ours; what another tool has wrapped since stays, and observes nothing."""
        for (cls, name), (original, ours) in list(self._replaced.items()):
            if cls.__dict__.get(name) is not ours:
                continue
            if original is _MISSING:
                delattr(cls, name)
            else:
                setattr(cls, name, original)
            del self._replaced[cls, name]
        self._classes.clear()
        overriding.clear()


installed = Installed()


def instrument() -> None:
    """Observe every dispatch from now on; calling it again changes nothing."""
    setattr(Signal, ATTRIBUTE, None)  # on each signal that was seen: what is known about it
    for name in METHODS:
        if is_djangos(Signal.__dict__[name]):
            installed.put(Signal, name, _in_place_of(Signal.__dict__[name], overrides.METHODS[name]))
    if not installed.is_put(Signal, "send") and hasattr(Signal.__dict__["send"], "_signal_monitor"):
        logger.warning("Another copy of signal_monitor observes the signals of this process; this one does not.")
    if not installed.is_put(Signal, "__init__"):
        installed.put(Signal, "__init__", _noting_birth(Signal.__dict__["__init__"]))
    classes: list[type[Signal]] = [Signal, *_subclasses(Signal)]
    for cls in classes:
        installed.instrument(cls)
    probes.enabled = True
    if not knows_django() and not installed.warned:
        installed.warned = True
        logger.warning(
            "Django %s has a dispatcher that is not known: signals are observed the general, slower way.",
            django.get_version(),
        )


def uninstrument() -> None:
    """Stop observing, and restore what was there before ``instrument``, as far as it is still ours."""
    probes.enabled = False
    forget_plans()
    catalogue.detach()
    installed.restore()
    if not installed.remains():
        with contextlib.suppress(AttributeError):
            delattr(Signal, ATTRIBUTE)


def is_instrumented() -> bool:
    """Whether dispatches are observed."""
    return probes.enabled


def _subclasses(cls: type[Signal]) -> list[type[Signal]]:
    found = list(cls.__subclasses__())
    return found + [deeper for subclass in found for deeper in _subclasses(subclass)]


def _marked(method: Any) -> Any:  # noqa: ANN401
    method._signal_monitor = True  # noqa: SLF001
    return method


def _in_place_of(original: FunctionType, ours: Any) -> Any:  # noqa: ANN401
    """Our method with the other's name, module and documentation, so that it pickles and prints alike."""
    for attribute in ("__module__", "__name__", "__qualname__", "__doc__"):
        setattr(ours, attribute, getattr(original, attribute))
    ours.__annotations__ = {}
    return _marked(ours)


def _noting_birth(original: FunctionType) -> FunctionType:
    """An ``__init__`` that notes where a signal is made, and observes a class that is new."""

    @functools.wraps(original)
    def __init__(self: Signal, use_caching: bool = False) -> None:  # noqa: FBT001, FBT002, N807
        original(self, use_caching)
        _born(self)

    del __init__.__wrapped__
    __init__.__annotations__ = {}
    return __init__  # type: ignore[return-value]


@contained("the birth of a signal", None)
def _born(signal: Signal) -> None:
    frame = sys._getframe(1)  # noqa: SLF001
    while frame.f_back is not None and frame.f_code.co_name in {"__init__", "guarded"}:
        frame = frame.f_back
    catalogue.note_birth(signal, frame.f_globals.get("__name__", ""), frame.f_lineno)
    if probes.enabled and not installed.knows(type(signal)):
        for cls in reversed(type(signal).__mro__):
            if issubclass(cls, Signal) and not installed.knows(cls):
                installed.instrument(cls)
