"""A local function that only a cache of Django's keeps alive."""

from __future__ import annotations

import functools
import gc
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from types import FrameType, FunctionType, GeneratorType

from django.conf import settings
from django.utils import inspect

from signal_monitor.finding import Finding
from signal_monitor.findings.base import RegistryRule
from signal_monitor.findings.connected import LiveConnection, LiveSignal, connections
from signal_monitor.findings.wording import named, short

LOCALS = "<locals>"
CACHE = type(functools.lru_cache(lambda: None))
ASKING = {FrameType, GeneratorType, LiveConnection}
"""What refers to a receiver because this rule looks at it."""
MAX_CANDIDATES = 50
"""The functions for which all objects of the process are searched, once for all of them."""
OTHER_REFERENCES = 4
"""References to a candidate beside those of the cache and of its connections."""


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
    minimum = (
        "The connection is weak, the function is local, and nothing but that cache refers to it. Looked for by "
        "`manage.py check` and `manage.py signals doctor`, not while requests run."
    )
    innocent = "A local function that a registry, an attribute or a global keeps."
    in_worker = False

    def check(self, signals: Sequence[LiveSignal]) -> Iterator[Finding]:
        candidates = _candidates(signals) if settings.DEBUG else []
        held = _held_otherwise(candidates) if candidates else set()
        for connection in candidates:
            if id(connection.receiver) not in held:
                yield self._finding(connection)

    def _finding(self, connection: LiveConnection) -> Finding:
        message = f"{named(connection.name, connection.path, connection.line)} will not run in production: `connect()` "
        message += f"to `{short(connection.signal_name)}` holds it weakly, and only Django's signature check, which "
        message += "runs with `DEBUG`, keeps it alive here."
        where = {"path": connection.path, "line": connection.line}
        return self.finding("receiver", connection.name, message, detail=connection.signal_name, **where)


def _candidates(signals: Sequence[LiveSignal]) -> list[LiveConnection]:
    """The connections of local functions that the cache refers to, and little else; at most ``MAX_CANDIDATES``."""
    weak = [each for each in connections(signals) if each.weak and _is_local(each.receiver)]
    cached, looked_at = _cached(), Counter(id(each.receiver) for each in weak)
    rows = []
    for number, each in enumerate(weak):
        key = id(each.receiver)
        others = sys.getrefcount(each.receiver) - cached[key] - looked_at[key]
        if cached[key] and others <= OTHER_REFERENCES:
            rows.append((others, number))
    return [weak[number] for _others, number in sorted(rows)[:MAX_CANDIDATES]]


def _is_local(receiver: object) -> bool:
    return type(receiver) is FunctionType and LOCALS in receiver.__qualname__


def _keys() -> list[object]:
    """The keys of the caches of Django's signature check."""
    caches = [each for each in vars(inspect).values() if type(each) is CACHE]
    return [each for each in gc.get_referents(*caches) if type(each) is tuple] if caches else []


def _cached() -> Counter[int]:
    """How many keys of the caches refer to each object, by its id."""
    return Counter(id(each) for each in gc.get_referents(*_keys()))


def _held_otherwise(candidates: Sequence[LiveConnection]) -> set[int]:
    """The ids of the receivers that something else than the cache refers to: all are looked for at once."""
    mark = object()  # only the arguments of the search refer to it
    receivers = [*(each.receiver for each in candidates), mark]
    wanted, keys = set(map(id, receivers)), set(map(id, _keys()))
    found: set[int] = set()
    for holder in gc.get_referrers(*receivers):
        if id(holder) not in keys and type(holder) not in ASKING:
            held = wanted & set(map(id, gc.get_referents(holder)))
            found |= set() if id(mark) in held else held
    return found
