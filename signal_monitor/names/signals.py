"""Names of signals: the module that defines them, whoever imports them, and the attribute that they are there."""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from time import monotonic

from signal_monitor.text import plain

from .classes import class_dict, class_module
from .creation import is_loading, namespace
from .search import Held, Place, search

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
BURST_OF_SEARCHES = 0.5


class Allowance:
    """Time that may be taken: a burst at once, and SHARE of the time that passes."""

    def __init__(self, burst: float) -> None:
        self._burst = self._left = burst
        self._asked_at = monotonic()

    def is_left(self) -> bool:
        """Whether there is time."""
        now = monotonic()
        self._left = min(self._burst, self._left + (now - self._asked_at) * SHARE)
        self._asked_at = now
        return self._left > 0

    def take(self) -> None:
        """Take the time since it was asked for."""
        self._left -= monotonic() - self._asked_at


class SignalNames:
    """The names of all signals that modules have: as attributes of their own or of classes, or in containers there.

    A signal that is not known is looked for in the modules that were loaded since the last look, then in all, which
    takes some 10 ms, then in the containers of all: see ``search()``. What is found is used when the look is done, so
    that other threads never use half of it.
    """

    def __init__(self, cls: type) -> None:
        self._cls = cls
        self._places: dict[int, list[Place]] = {}
        self._held: dict[int, list[Held]] = {}
        self._seen: frozenset[str] = frozenset()
        self._looks = Allowance(BURST_SECONDS)
        self._searches = Allowance(BURST_OF_SEARCHES)
        self._searches_of_one = Allowance(BURST_OF_SEARCHES)

    def find(self, signal: object, created_in: str = "") -> str | None:
        """The name of a signal; None if no module has it. ``created_in`` is the module that created it, if known."""
        own = [place for place, value in _signals_of(created_in, self._cls) if value is signal]
        found = own or self._known(signal) or self._looked_for(signal)
        best = min(found, key=lambda place: _rank(place, of_several=len(found) > 1)) if found else None
        if best is not None and (own or (not created_in and _is_definition(best))):
            return best.name
        held = self._in_containers(signal, created_in)
        if held is not None and (best is None or not created_in or held[0].module == created_in):
            return f"{held[0].name}{held[1]}"
        return best.name if best is not None else None

    def _looked_for(self, signal: object) -> list[Place]:
        self._look(self._seen)
        found = self._known(signal)
        if not found and self._looks.is_left():
            self._look()
            self._looks.take()
            found = self._known(signal)
        return found

    def _in_containers(self, signal: object, created_in: str) -> tuple[Place, str] | None:
        """The attribute that has the container of a signal, and the way from there."""
        found = self._known_in_containers(signal)
        if not found and self._searches.is_left():
            self._held = search(self._cls)
            self._searches.take()
            found = self._known_in_containers(signal)
        if not found and created_in and self._searches_of_one.is_left():
            found = [held for held in search(self._cls, created_in).get(id(signal), ()) if held.ref() is signal]
            self._searches_of_one.take()
        candidates = [
            (held, _best_of([place for place in held.places if place.module == created_in] or held.places))
            for held in found
            if held.is_stable or created_in in {"", *(place.module for place in held.places)}
        ]
        if not candidates:
            return None
        best, place = min(candidates, key=_rank_in_container)
        return place, best.path

    def _known_in_containers(self, signal: object) -> list[Held]:
        return [held for held in self._held.get(id(signal), ()) if held.ref() is signal]

    def _known(self, signal: object) -> list[Place]:
        # The id may be that of another signal, which has died since.
        return [place for place in self._places.get(id(signal), ()) if _value_at(place) is signal]

    def _look(self, seen: frozenset[str] = frozenset()) -> None:
        found: defaultdict[int, list[Place]] = defaultdict(list)
        modules = [module for module in list(sys.modules) if module not in seen and module != "__mp_main__"]
        loaded = {module for module in modules if not is_loading(module)}  # before it is searched
        for module in modules:
            for place, signal in _signals_of(module, self._cls):
                found[id(signal)].append(place)
        kept = self._places if seen else {}
        self._places = {**kept, **{key: [*kept.get(key, ()), *places] for key, places in found.items()}}
        self._seen = seen | loaded


def _best_of(places: list[Place]) -> Place:
    return min(places, key=lambda place: _rank(place, of_several=len(places) > 1))


def _rank_in_container(candidate: tuple[Held, Place]) -> tuple[object, ...]:
    held, place = candidate
    return (
        not held.is_stable,
        not held.is_stable and _is_filled_later(place),
        place.module == "__main__",
        len(held.steps),
        *_rank(place, of_several=False),
        held.path,
    )


def _is_definition(place: Place) -> bool:
    return place.module in MODULES_OF_DJANGO or "." in place.attribute or _is_assigned_in(place)


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
    """Whether the source of a module assigns a call or a container to the attribute; an importer imports the name."""
    attribute = re.escape(place.attribute.rpartition(".")[2])
    source = _source(namespace(place.module).get("__file__"))
    alone = rf"{attribute}[ \t]*(:[^=\n]+)?=[ \t]*([\w.]+[ \t]*\(|[(\[{{])"
    before, after = r"(\w+[ \t]*,[ \t]*)", r"([ \t]*,[ \t]*\w+)"
    of_several = rf"({before}+{attribute}{after}*|{attribute}{after}+)[ \t]*=(?!=)"
    return re.search(rf"^[ \t]*({alone}|{of_several})", source, re.MULTILINE) is not None


def _is_filled_later(place: Place) -> bool:
    """Whether the source of a module assigns an empty list to the attribute: its order is that of calls."""
    source = _source(namespace(place.module).get("__file__"))
    empty = rf"^[ \t]*{re.escape(place.attribute)}[ \t]*(:[^=\n]+)?=[ \t]*(\[[ \t]*\]|list\(\)|[\w.]*deque\()"
    return re.search(empty, source, re.MULTILINE) is not None


@lru_cache(maxsize=64)
def _source(path: object) -> str:
    if type(path) is not str or not path.endswith(".py"):
        return ""
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _signals_of(module: str, cls: type) -> Iterator[tuple[Place, object]]:
    """The signals that are attributes of a module, or of the classes that it defines."""
    for name, value in list(namespace(module).items()):
        kind = type(value)
        if issubclass(kind, cls) and issubclass(type(name), str):
            yield Place(plain(module), plain(name)), value
        elif issubclass(kind, type) and class_module(value) == module and issubclass(type(name), str):  # type: ignore[arg-type]
            for inner, held in list(class_dict(value).items()):  # type: ignore[arg-type]
                if issubclass(type(held), cls):
                    yield Place(plain(module), f"{plain(name)}.{plain(inner)}"), held


def _value_at(place: Place) -> object:
    """What a module has there now; None if that is nothing."""
    attribute, _, inner = place.attribute.partition(".")
    value = namespace(place.module).get(attribute)
    if not inner:
        return value
    return class_dict(value).get(inner) if issubclass(type(value), type) else None  # type: ignore[arg-type]
