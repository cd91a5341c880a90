"""The one place where the monitor's own faults end: logged once each, counted, shown on the health page."""

from __future__ import annotations

import functools
import logging
import traceback
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

logger = logging.getLogger("signal_monitor")


class Faults:
    """Counts what went wrong inside the monitor, and logs each different fault once per process."""

    def __init__(self) -> None:
        self.count = 0
        self.last: str | None = None
        self._logged: set[str] = set()

    def note(self, where: str, error: BaseException) -> None:
        """Count a fault, and log it if it is the first of its kind and place."""
        self.count += 1
        place = traceback.extract_tb(error.__traceback__)[-1:]
        self.last = f"{where}: {type(error).__name__}" + "".join(f" at {item.filename}:{item.lineno}" for item in place)
        if self.last not in self._logged and len(self._logged) < 100:
            self._logged.add(self.last)
            logger.error("The signal monitor failed in %s; the application goes on.", self.last, exc_info=error)


faults = Faults()


def contained(where: str, fallback: T) -> Callable[[Callable[P, R]], Callable[P, R | T]]:
    """Make a function of the monitor answer ``fallback`` where it would raise into the application."""

    def decorate(function: Callable[P, R]) -> Callable[P, R | T]:
        @functools.wraps(function)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R | T:
            try:
                return function(*args, **kwargs)
            except Exception as error:  # noqa: BLE001 - the application must not see our faults
                faults.note(where, error)
                return fallback

        return guarded

    return decorate
