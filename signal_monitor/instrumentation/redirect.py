"""Observe Django's own functions where another tool has wrapped them before us.

What the tool has put on ``Signal`` stays there. Django's function, which it calls, gets code that calls ours: one frame
more, which ``stacklevel`` does not count.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import CodeType, FunctionType
from typing import Any

from django.dispatch import dispatcher

from .django_versions import is_djangos
from .frames_as_django import hidden_from_stacklevel

MAX_WRAPPERS = 5


def _send(self: Any, sender: Any, **named: Any) -> Any:  # noqa: ANN401 - Django's own signature
    return _signal_monitor_send(self, sender, **named)  # type: ignore[name-defined] # noqa: F821 - see redirect


def _send_robust(self: Any, sender: Any, **named: Any) -> Any:  # noqa: ANN401
    return _signal_monitor_send_robust(self, sender, **named)  # type: ignore[name-defined] # noqa: F821


async def _asend(self: Any, sender: Any, **named: Any) -> Any:  # noqa: ANN401
    return await _signal_monitor_asend(self, sender, **named)  # type: ignore[name-defined] # noqa: F821


async def _asend_robust(self: Any, sender: Any, **named: Any) -> Any:  # noqa: ANN401
    return await _signal_monitor_asend_robust(self, sender, **named)  # type: ignore[name-defined] # noqa: F821


CALLING_OURS: dict[str, CodeType] = {
    function.__name__[1:]: hidden_from_stacklevel(function).__code__
    for function in (_send, _send_robust, _asend, _asend_robust)
}


def wrapped_djangos(wrapper: object, name: str) -> FunctionType | None:
    """The function of Django's that another tool's wrapper calls, as far as that shows."""
    return next((function for function in _functions_in(wrapper, MAX_WRAPPERS) if _is(function, name)), None)


def _is(function: FunctionType, name: str) -> bool:
    return function.__name__ == name and is_djangos(function) and function.__qualname__ == f"Signal.{name}"


def _functions_in(wrapper: object, depth: int) -> Iterator[FunctionType]:
    """The functions that a function holds: as ``__wrapped__``, or as the variables of a closure."""
    if type(wrapper) is not FunctionType or not depth:
        return
    held = [wrapper.__dict__.get("__wrapped__")]
    for cell in wrapper.__closure__ or ():
        try:
            held.append(cell.cell_contents)
        except ValueError:  # it is empty
            continue
    for item in held:
        if type(item) is FunctionType:
            yield item
            yield from _functions_in(item, depth - 1)


class Redirected:
    """A function of Django's that calls ours."""

    def __init__(self, djangos: FunctionType, ours: Any) -> None:  # noqa: ANN401 - a function
        self._djangos = djangos
        self._code = djangos.__code__
        self._name = f"_signal_monitor_{djangos.__name__}"
        vars(dispatcher)[self._name] = ours
        djangos.__code__ = CALLING_OURS[djangos.__name__].replace(
            co_name=self._code.co_name, co_qualname=self._code.co_qualname
        )

    def restore(self) -> None:
        """Give the function its own code back."""
        self._djangos.__code__ = self._code
        vars(dispatcher).pop(self._name, None)
