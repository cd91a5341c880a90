"""Put the observing methods on ``Signal`` and take them off again."""

from __future__ import annotations

import contextlib
import functools
import logging
import sys
from types import FunctionType
from typing import Any
from weakref import WeakKeyDictionary

import django
from django.dispatch import Signal

from signal_monitor.errors import guarded
from signal_monitor.names import creation_in
from signal_monitor.records import METHODS

from . import asend, custom_send, send
from .capture import our_codes
from .custom_send import custom_classes
from .django_versions import is_djangos, knows_django
from .frames_as_django import Part, in_djangos_place
from .hooks import hooks
from .info import ATTRIBUTE, detach_infos, note_creation
from .method_search import Unobserved, methods_of, unobserved_methods
from .plans import forget_plans
from .redirect import Redirected, wrapped_djangos

_MISSING = object()
# Our functions, by the methods of Django's that they, or functions inside them, stand for.
OURS: dict[str, tuple[Part, ...]] = {
    "send": (Part(send.send), Part(asend.call_async, "asend")),
    "asend": (
        Part(asend.asend),
        Part(asend.send_group, "sync_send"),
        Part(asend.send_to_nobody, "sync_send"),
        Part(asend.call_async_receiver, "<genexpr>"),
    ),
    "send_robust": (
        Part(send.send_robust),
        Part(asend.call_async_robust, "asend"),
        Part(
            asend.call_async_receiver_of_send_robust, "asend_and_wrap_exception", "call_async_receiver_of_send_robust"
        ),
    ),
    "asend_robust": (
        Part(asend.asend_robust),
        Part(asend.send_robust_group, "sync_send"),
        Part(asend.send_robust_to_nobody, "sync_send"),
        Part(asend.call_async_receiver_robustly, "asend_and_wrap_exception"),
    ),
}

logger = logging.getLogger("signal_monitor")
_unobserved: WeakKeyDictionary[type, list[Unobserved]] = WeakKeyDictionary()


class Installed:
    """Which methods were put on which class, and what they replaced."""

    def __init__(self) -> None:
        self._replaced: dict[tuple[type, str], tuple[object, object]] = {}
        self._classes: set[type] = set()
        self._redirected: dict[str, Redirected] = {}
        self.warned = False

    def knows(self, cls: type) -> bool:
        """Whether a class has been looked at."""
        return cls in self._classes

    def put(self, cls: type, name: str, ours: object) -> None:
        """Put a method on a class, and remember what it replaces."""
        self._replaced[cls, name] = (cls.__dict__.get(name, _MISSING), ours)
        setattr(cls, name, ours)

    def redirect(self, name: str, djangos: FunctionType, ours: object) -> None:
        """Have a function of Django's that another tool has wrapped call ours."""
        self._redirected[name] = Redirected(djangos, ours)

    def is_put(self, cls: type, name: str) -> bool:
        """Whether our method is on the class, or under what another tool has since put on it."""
        return (cls, name) in self._replaced

    def instrument(self, cls: type[Signal]) -> None:
        """Observe the send methods that a class defines."""
        self._classes.add(cls)
        own = methods_of(cls)
        if cls is Signal:
            own = {name: method for name, method in own.items() if name not in self._redirected}
        for name, original in own.items():
            if not self.is_put(cls, name):
                self.put(cls, name, _marked(custom_send.observed_method(original, name)))
        if own:
            custom_send.remember_custom(cls)
        elif not custom_classes.isdisjoint(cls.__mro__):
            custom_classes.add(cls)
        gives_receivers = own or (cls in custom_classes and "_live_receivers" in cls.__dict__)
        if gives_receivers and not self.is_put(cls, "_live_receivers"):
            self.put(cls, "_live_receivers", _marked(custom_send.observed_live_receivers(cls)))

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
        for redirected in self._redirected.values():
            redirected.restore()
        self._redirected.clear()
        self._classes.clear()
        custom_classes.clear()


installed = Installed()


def instrument() -> None:
    """Observe every dispatch from now on; calling it again changes nothing."""
    setattr(Signal, ATTRIBUTE, None)  # on each signal that was seen: what is known about it
    djangos = {name: method for name in METHODS if is_djangos(method := Signal.__dict__[name])}
    wrapped = {
        name: method
        for name in METHODS
        if name not in djangos and (method := wrapped_djangos(Signal.__dict__[name], name)) is not None
    }
    copies = in_djangos_place((part, method) for name, method in {**djangos, **wrapped}.items() for part in OURS[name])
    our_codes.update({id(copy.__code__): copy.__code__ for copy in copies.values()})
    for name, method in djangos.items():
        installed.put(Signal, name, _in_place_of(method, copies[name]))
    for name, method in wrapped.items():
        installed.redirect(name, method, _in_place_of(method, copies[name]))
    if not installed.is_put(Signal, "send") and hasattr(Signal.__dict__["send"], "_signal_monitor"):
        logger.warning("Another copy of signal_monitor observes the signals of this process; this one does not.")
    if not installed.is_put(Signal, "__init__"):
        installed.put(Signal, "__init__", _noting_creation(Signal.__dict__["__init__"]))
    classes: list[type[Signal]] = [Signal, *_subclasses(Signal)]
    for cls in classes:
        installed.instrument(cls)
    hooks.enabled, hooks.uses_plans = True, hooks.uses_plans and knows_django()
    if not knows_django() and not installed.warned:
        installed.warned = True
        logger.warning(
            "Django %s has a dispatcher that is not known: each dispatch asks it for the receivers, which is slower.",
            django.get_version(),
        )


def uninstrument() -> None:
    """Stop observing, and restore what was there before ``instrument``, as far as it is still ours."""
    hooks.enabled = False
    forget_plans()
    detach_infos()
    installed.restore()
    if not installed.remains():
        with contextlib.suppress(AttributeError):
            delattr(Signal, ATTRIBUTE)


def is_instrumented() -> bool:
    """Whether dispatches are observed."""
    return hooks.enabled


def unobserved() -> list[Unobserved]:
    """The send methods of subclasses whose receiver calls are not observed."""
    for cls in _subclasses(Signal):
        if cls not in _unobserved:
            _unobserved[cls] = unobserved_methods(cls)
    return [method for methods in list(_unobserved.values()) for method in methods]


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


def _noting_creation(original: FunctionType) -> FunctionType:
    """An ``__init__`` that notes where a signal is created, and observes a class that is new."""

    @functools.wraps(original)
    def __init__(self: Signal, use_caching: bool = False) -> None:  # noqa: FBT001, FBT002, N807
        original(self, use_caching)
        _note_creation(self)

    del __init__.__wrapped__
    __init__.__annotations__ = {}
    return __init__  # type: ignore[return-value]


@guarded("the creation of a signal", None)
def _note_creation(signal: Signal) -> None:
    frame = sys._getframe(1)  # noqa: SLF001
    while frame.f_back is not None and frame.f_code.co_name in {"__init__", "guarded_function"}:
        frame = frame.f_back
    note_creation(signal, creation_in(frame))
    if hooks.enabled and not installed.knows(type(signal)):
        for cls in reversed(type(signal).__mro__):
            if issubclass(cls, Signal) and not installed.knows(cls):
                installed.instrument(cls)
