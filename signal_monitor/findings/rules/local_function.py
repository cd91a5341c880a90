"""A local function that only a cache of Django's keeps alive."""

from __future__ import annotations

import functools
import gc
from collections.abc import Iterator, Sequence
from types import FrameType, FunctionType, GeneratorType

from django.utils import inspect

from signal_monitor.finding import Finding
from signal_monitor.findings.base import RegistryRule
from signal_monitor.findings.connected import LiveConnection, LiveSignal, connections
from signal_monitor.findings.wording import named, short

LOCALS = "<locals>"
CACHE = type(functools.lru_cache(lambda: None))
ASKING = {FrameType, GeneratorType, LiveConnection}
"""What refers to a receiver because this rule looks at it."""


class LocalFunction(RegistryRule):
    """With DEBUG off, it would have been collected already."""

    code = "W106"
    name = "local-function"
    title = "A local function that only DEBUG keeps alive"
    level = "error"
    what = (
        "`connect()` holds receivers weakly. With `DEBUG`, it also checks their signatures, and the cache of that "
        "check keeps this function alive. Without `DEBUG` it is gone as soon as the function around it returns."
    )
    remedy = "Move it to the top level of its module, or connect it with `weak=False`."
    minimum = "The connection is weak, the function is local, and nothing but that cache refers to it."
    innocent = "A local function that a registry, an attribute or a global keeps."

    def check(self, signals: Sequence[LiveSignal]) -> Iterator[Finding]:
        for connection in connections(signals):
            receiver = connection.receiver
            is_local = type(receiver) is FunctionType and LOCALS in receiver.__qualname__
            if is_local and connection.weak and _is_held_by_cache_alone(receiver):
                yield self._finding(connection)

    def _finding(self, connection: LiveConnection) -> Finding:
        message = f"{named(connection.name, connection.path, connection.line)} will not run in production: `connect()` "
        message += f"to `{short(connection.signal_name)}` holds it weakly, and only Django's signature check, which "
        message += "runs with `DEBUG`, keeps it alive here."
        where = {"path": connection.path, "line": connection.line}
        return self.finding("receiver", connection.name, message, detail=connection.signal_name, **where)


def _is_held_by_cache_alone(receiver: object) -> bool:
    """Whether all that refers to a function are keys of Django's cache."""
    holders = [each for each in gc.get_referrers(receiver) if type(each) not in ASKING]
    return bool(holders) and all(_is_cache_key(each) for each in holders)


def _is_cache_key(holder: object) -> bool:
    if type(holder) is not tuple:
        return False
    caches = [each for each in vars(inspect).values() if type(each) is CACHE]
    return any(each is cache for each in gc.get_referrers(holder) for cache in caches)
