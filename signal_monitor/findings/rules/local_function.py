"""A local function that only a cache of Django's keeps alive."""

from __future__ import annotations

import functools
import gc
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any

from django.conf import settings
from django.utils import inspect

from signal_monitor.finding import Finding
from signal_monitor.findings.base import RegistryRule, sketched
from signal_monitor.findings.connected import LiveConnection, LiveSignal, connections
from signal_monitor.findings.wording import named, short

LOCALS = "<locals>"
LAMBDA = "<lambda>"
CACHE = type(functools.lru_cache(lambda: None))


class LocalFunction(RegistryRule):
    """With DEBUG off, it would have been collected already."""

    code = "W106"
    name = "local-function"
    title = "A receiver that only DEBUG keeps alive"
    kind = "Never runs"
    level = "error"
    what = (
        "`connect()` holds receivers weakly. With `DEBUG`, it also checks their signatures, and the cache of that "
        "check keeps this receiver alive. Without `DEBUG` it is gone as soon as the code that connects it has run."
    )
    remedy = "Move it to the top level of its module, or keep it in a variable there; or connect it with `weak=False`."
    sketch = (
        "+def {receiver}(sender, **kwargs): ...",
        "+",
        " class ShopConfig(AppConfig):",
        "     def ready(self):",
        "-        def {receiver}(sender, **kwargs): ...",
        "         signal.connect({receiver})",
    )
    of_replaced = "Give one of the two another name: the module keeps only the last function of a name."
    sketch_of_replaced = (
        " @receiver(post_save, sender=Order)",
        "-def {receiver}(sender, **kwargs): ...",
        "+def {receiver}_of_order(sender, **kwargs): ...",
        "",
        " @receiver(post_save, sender=Invoice)",
        "-def {receiver}(sender, **kwargs): ...",
        "+def {receiver}_of_invoice(sender, **kwargs): ...",
    )
    minimum = (
        "The connection is weak, the receiver is a local function, a lambda, a partial, a callable object or a "
        "function whose name its module has given to another one, and nothing but that cache refers to it."
    )
    innocent = "A function or an object that a decorator, a registry, an attribute or a global keeps."

    def check(self, signals: Sequence[LiveSignal]) -> Iterator[Finding]:
        for connection in _held_by_cache_alone(signals) if settings.DEBUG else ():
            yield self._finding(connection)

    def _finding(self, connection: LiveConnection) -> Finding:
        is_replaced = _is_replaced(connection.receiver)
        message = f"{named(connection.name, connection.path, connection.line)} will not run in production: `connect()` "
        message += f"to `{short(connection.signal_name)}` holds it weakly, and only Django's signature check, which "
        message += "runs with `DEBUG`, keeps it alive here."
        more: dict[str, Any] = {"path": connection.path, "line": connection.line}
        if is_replaced:
            message += " Another function of its name replaces it in the module."
            more |= {"advice": self.of_replaced, "sketch": sketched(self.sketch_of_replaced, connection.name)}
        return self.finding(
            "receiver", connection.name, message, detail=f"{connection.signal_name} {connection.line}", **more
        )


def _held_by_cache_alone(signals: Sequence[LiveSignal]) -> list[LiveConnection]:
    """The connections of local functions to which only keys of the cache refer, by the number of references."""
    weak = [each for each in connections(signals) if each.weak and _is_local(each.receiver)]
    if not weak:
        return []
    cached, looked_at = _cached(), Counter(id(each.receiver) for each in weak)
    probe = _Probe()
    ours = sys.getrefcount(probe.receiver) - 1
    found = []
    for number, each in enumerate(weak):
        key = id(each.receiver)
        others = sys.getrefcount(each.receiver) - cached[key] - looked_at[key]
        if cached[key] and others <= ours:
            found.append(number)
    return [weak[number] for number in found]


class _Probe:
    """Holds an object as a LiveConnection does, to count the references that counting itself makes."""

    __slots__ = ("receiver",)

    def __init__(self) -> None:
        self.receiver = object()


def _is_local(receiver: object) -> bool:
    """Whether a receiver may be one that nothing else keeps: no method, and no function that its module has.

    A decorator gives its function the name of another one, and its code keeps the name of its own.
    """
    if type(receiver) is FunctionType:
        name = receiver.__code__.co_qualname
        return LOCALS in name or name == LAMBDA or _is_replaced(receiver)
    return type(receiver) not in {MethodType, BuiltinFunctionType} and not issubclass(type(receiver), type)


def _is_replaced(receiver: object) -> bool:
    """Whether a function of a module is not what the module has under its name."""
    if type(receiver) is not FunctionType or receiver.__code__.co_qualname != receiver.__code__.co_name:
        return False
    known = receiver.__globals__.get(receiver.__code__.co_name)
    return known is not None and known is not receiver


def _keys() -> list[object]:
    """The keys of the caches of Django's signature check."""
    caches = [each for each in vars(inspect).values() if type(each) is CACHE]
    return [each for each in gc.get_referents(*caches) if type(each) is tuple] if caches else []


def _cached() -> Counter[int]:
    """How many keys of the caches refer to each object, by its id."""
    return Counter(id(each) for each in gc.get_referents(*_keys()))
