"""Small programs that run once without the monitor and once with it, and say as JSON what they saw.

A scenario is a function of a module in ``programs``. What it returns without the monitor is what it must return with
it, unless it says which difference is allowed.
"""

from __future__ import annotations

import contextlib
import importlib
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Literal

Mode = Literal["plain", "bare", "app", "traced"]
Same = Callable[[Any, Any], bool]


@dataclass(frozen=True)
class Scenario:
    """A program, and the rule by which its outcomes are compared."""

    module: str
    name: str
    run: Callable[[], Any]
    same: Same | None


_registered: dict[str, dict[str, Scenario]] = {}


def scenarios_of(module: str) -> dict[str, Scenario]:
    """The scenarios of a module of ``programs``, by name."""
    importlib.import_module(f"tests.transparency.programs.{module}")
    return _registered[module]


def scenario(table: Mapping[str, Any] | None = None, *, same: Same | None = None) -> Callable[[Any], Any]:
    """Register a function; with a table, one scenario per row, called with the row's value."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        module = function.__module__.rpartition(".")[2]
        rows = _registered.setdefault(module, {})
        if table is None:
            rows[function.__name__] = Scenario(module, function.__name__, function, same)
        for key, value in (table or {}).items():
            name = f"{function.__name__}-{key}"
            rows[name] = Scenario(module, name, _with(function, value), same)
        return function

    return decorate


def group_of(name: str) -> str:
    """The function that a scenario is a row of."""
    return name.partition("-")[0]


def _with(function: Callable[..., Any], value: Any) -> Callable[[], Any]:
    return lambda: function(value)


def attributes_of(signal: object) -> list[str]:
    """The attributes of a signal, but for the one that the monitor leaves there; docs/how-it-works.md lists it."""
    return sorted(set(vars(signal)) - {"_signal_monitor"})


def at_most_more(count: int) -> Same:
    """Allow a number, or each number of a list, to be greater by ``count``, or less."""

    def same(plain: Any, observed: Any) -> bool:
        if isinstance(plain, list):
            return len(plain) == len(observed) and all(map(same, plain, observed))
        return bool(observed <= plain + count)

    return same


def at_most_less(count: int) -> Same:
    """Allow a number to be less by ``count``."""
    return lambda plain, observed: bool(plain - count <= observed <= plain)


def nothing_more(plain: Any, observed: Any) -> bool:
    """Allow a list to have fewer items, and none that it does not have without the monitor."""
    return set(observed) <= set(plain)


class Monitor:
    """The monitor as far as a scenario has to know it; without it, everything does nothing."""

    mode: Mode = "plain"

    def put_on(self) -> None:
        """Observe from now on."""
        if self.mode != "plain":
            importlib.import_module("signal_monitor").instrument()

    def take_off(self) -> None:
        """Observe no longer."""
        if self.mode != "plain":
            importlib.import_module("signal_monitor").uninstrument()

    @contextlib.contextmanager
    def taken_off(self) -> Iterator[None]:
        """Observe nothing until the block says ``put_on``, or ends."""
        self.take_off()
        try:
            yield
        finally:
            self.put_on()

    def delivered(self) -> AbstractContextManager[Any]:
        """A block whose dispatches are delivered to observers when it ends."""
        if self.mode == "plain":
            return contextlib.nullcontext()
        testing: Any = importlib.import_module("signal_monitor.testing")
        return testing.capture_dispatches()  # type: ignore[no-any-return]


monitor = Monitor()
_ADDRESS = re.compile(r"0x[0-9a-f]+")


def outcome(call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """What a call returns, or the name and text of what it raises."""
    try:
        return shown(call(*args, **kwargs))
    except BaseException as error:  # noqa: BLE001 - also what ends a program is an outcome
        return shown(error)


def shown(value: Any) -> Any:
    """A value as JSON: names of functions and classes, texts without addresses."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, BaseException):
        nested = map(shown, value.exceptions if isinstance(value, BaseExceptionGroup) else ())
        return [f"{type(value).__name__}: {_ADDRESS.sub('…', str(value))}", *nested]
    if isinstance(value, list | tuple):
        return [type(value).__name__, *map(shown, value)]
    if isinstance(value, dict):
        return {str(shown(key)): shown(item) for key, item in value.items()}
    name = getattr(value, "__qualname__", None)
    return name if type(name) is str else _ADDRESS.sub("…", str(value))
