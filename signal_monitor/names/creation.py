"""Where a signal was created."""

from __future__ import annotations

import hashlib
import sys
import types
from collections.abc import Mapping
from importlib.machinery import ModuleSpec
from typing import Any, NamedTuple

from .classes import class_name

MAX_FRAMES = 30
_MODULE_DICT: Any = vars(types.ModuleType)["__dict__"]


class Creation(NamedTuple):
    """The line that called the class of a signal, and the module that was being imported then, if any, with its line.

    A factory creates the signals of several modules: ``importing`` tells these apart, whatever the order of imports.
    ``number`` tells apart the signals that one line has created.
    """

    module: str = ""
    line: int = 0
    importing: str = ""
    importing_line: int = 0
    number: int = 1

    @property
    def owner(self) -> str:
        """The module that has the signal: the one that was being imported, or else the one that called its class."""
        return self.importing or self.module

    def name(self, cls: type) -> str:
        """A name that is the same in every process, for a signal that no module has."""
        place = f"{self.module}:{self.line}:{class_name(cls)}"
        if self.importing not in {"", self.module}:
            place = f"{place}:{self.importing_line}"
        digest = hashlib.sha256(place.encode("utf-8", "surrogatepass")).hexdigest()[:6]
        return f"{self.owner or class_name(cls)}.signal-{digest}"


def creation_in(frame: types.FrameType) -> Creation:
    """Where a frame creates a signal."""
    module, line = _module_of(frame), frame.f_lineno
    around: types.FrameType | None = frame
    for _ in range(MAX_FRAMES):
        if around is None:
            break
        if around.f_code.co_name == "<module>" and is_loading(name := _module_of(around)):
            return Creation(module, line, name, around.f_lineno)
        around = around.f_back
    return Creation(module, line)


def _module_of(frame: types.FrameType) -> str:
    name = frame.f_globals.get("__name__")
    return name if type(name) is str else ""


def namespace(module: str) -> Mapping[str, object]:
    """The attributes of a loaded module, whatever its class computes."""
    loaded = sys.modules.get(module)
    return _MODULE_DICT.__get__(loaded) if issubclass(type(loaded), types.ModuleType) else {}


def is_loading(module: str) -> bool:
    """Whether a module is being imported, and may not have all its attributes yet."""
    spec = namespace(module).get("__spec__")
    return type(spec) is ModuleSpec and bool(vars(spec).get("_initializing"))
