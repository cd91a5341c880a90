"""The search for signals in the containers, classes and objects of all modules."""

from __future__ import annotations

import sys
import weakref
from collections import defaultdict
from collections.abc import Iterator
from time import thread_time
from typing import NamedTuple

from signal_monitor.text import plain

from .classes import class_module
from .containers import SKIPPED, Opener, Step, opener
from .creation import namespace

MAX_DEPTH = 5
MAX_OBJECTS = 200_000
MAX_SECONDS = 0.05


class Place(NamedTuple):
    """An attribute of a module, or of a class in it: ``attribute`` is ``Class.name`` then."""

    module: str
    attribute: str

    @property
    def name(self) -> str:
        """The dotted name."""
        return f"{self.module}.{self.attribute}"


class _Node(NamedTuple):
    """A container and the way to it: ``above`` is the container that has it, None for an attribute of a module."""

    value: object
    above: _Node | None
    key: object
    root: int


class Held(NamedTuple):
    """A signal in a container: the attributes that have the outermost container, and the way from there."""

    ref: weakref.ref[object]
    places: list[Place]
    steps: tuple[Step, ...]

    @property
    def path(self) -> str:
        """The way as it is written in code, such as ``['paid']``."""
        return "".join(step.text for step in self.steps)

    @property
    def is_stable(self) -> bool:
        """Whether the way is the same in the next process."""
        return all(step.stable for step in self.steps)


def search(cls: type, module: str = "") -> dict[int, list[Held]]:
    """What containers of one module have, or those of all, by ``id()`` of the signal.

    Modules of the project come first, then those of installed packages that import a class ``Signal``. It ends after
    MAX_OBJECTS objects, or MAX_SECONDS of processor time.
    """
    begun = _Search(cls)
    if module:
        begun.look_into([module])
        return dict(begun.found)
    names = sorted(name for name in list(sys.modules) if name and _is_searched(name))
    installed = set(filter(_is_installed, names))
    packages = {_package(name) for name in installed if "Signal" in namespace(name)}
    begun.look_into([name for name in names if name not in installed])
    begun.look_into([name for name in names if name in installed and _package(name) in packages])
    return dict(begun.found)


class _Search:
    """Looks level by level, so that the shortest way to a signal is found."""

    def __init__(self, cls: type) -> None:
        self.found: defaultdict[int, list[Held]] = defaultdict(list)
        self._cls = cls
        self._places: defaultdict[int, list[Place]] = defaultdict(list)
        self._openers: dict[type, Opener | None] = {}
        self._signals: set[type] = set()
        self._seen: set[int] = set()
        self._objects_left = MAX_OBJECTS
        self._until = thread_time() + MAX_SECONDS

    def look_into(self, modules: list[str]) -> None:
        """Search some modules."""
        level = [node for module in modules for node in self._roots(module)]
        for _ in range(MAX_DEPTH):
            level = [inner for node in level for inner in self._open(node)]

    def _roots(self, module: str) -> Iterator[_Node]:
        if thread_time() > self._until:
            return
        for name, value in list(namespace(module).items()):
            if self._is_searched(value) and type(name) is str and not name.startswith("__"):
                if issubclass(type(value), type) and class_module(value) != module:  # type: ignore[arg-type]
                    continue
                self._places[id(value)].append(Place(plain(module), name))
                if id(value) not in self._seen:
                    self._seen.add(id(value))
                    yield _Node(value, None, None, id(value))

    def _is_searched(self, value: object) -> bool:
        kind = type(value)
        if kind not in self._openers:
            self._openers[kind] = None if issubclass(kind, self._cls) else opener(kind)
            if issubclass(kind, self._cls):
                self._signals.add(kind)
        return self._openers[kind] is not None

    def _open(self, node: _Node) -> Iterator[_Node]:
        found = self._openers[type(node.value)]
        if found is None or self._objects_left <= 0 or thread_time() > self._until:
            return
        for key, value in found.items(node.value):
            self._objects_left -= 1
            if self._is_searched(value):
                if id(value) not in self._seen:
                    self._seen.add(id(value))
                    yield _Node(value, node, key, node.root)
            elif type(value) in self._signals:
                self._note(value, _Node(value, node, key, node.root))

    def _note(self, signal: object, node: _Node) -> None:
        steps: list[Step] = []
        while node.above is not None and (found := self._openers[type(node.above.value)]) is not None:
            steps.append(found.step(node.key))
            node = node.above
        try:
            ref = weakref.ref(signal)
        except TypeError:
            return
        self.found[id(signal)].append(Held(ref, self._places[node.root], tuple(reversed(steps))))


def _is_searched(module: str) -> bool:
    return _package(module) not in SKIPPED and module != "__mp_main__"


def _package(module: str) -> str:
    return module.partition(".")[0]


def _is_installed(module: str) -> bool:
    path = namespace(module).get("__file__")
    return type(path) is not str or "site-packages" in path or "dist-packages" in path
