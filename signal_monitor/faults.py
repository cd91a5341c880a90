"""The one place where the monitor's own faults end: logged once each, counted, shown on the health page."""

from __future__ import annotations

import functools
import logging
import os
import sysconfig
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

# Where a fault of ours can come from: our own files, and what the hot path calls.
_OURS = (str(Path(__file__).parent) + os.sep, str(sysconfig.get_path("stdlib")) + os.sep)
_CALLED = f"{os.sep}opentelemetry{os.sep}"
# What OpenTelemetry calls of the application's own.
_PLUGGED_IN = frozenset({"on_start", "on_end", "should_sample", "generate_span_id", "generate_trace_id"})

logger = logging.getLogger("signal_monitor")


class Faults:
    """Counts what went wrong inside the monitor, and logs each different fault once per process."""

    def __init__(self) -> None:
        self.count = 0
        self.last: str | None = None
        self._logged: set[str] = set()

    def note(self, where: str, error: BaseException) -> None:
        """Count a fault, and log it if it is the first of its kind and place; never raises."""
        self.count += 1
        try:
            self._tell(where, error)
        except Exception:  # noqa: BLE001 - no stack is left, or the application's logging is what fails
            self.last = where

    def _tell(self, where: str, error: BaseException) -> None:
        place = traceback.extract_tb(error.__traceback__)[-1:]
        self.last = f"{where}: {type(error).__name__}" + "".join(f" at {item.filename}:{item.lineno}" for item in place)
        if self.last not in self._logged and len(self._logged) < 100:
            self._logged.add(self.last)
            logger.error("The signal monitor failed in %s; the application goes on.", self.last, exc_info=error)


faults = Faults()


def contained(where: str, fallback: T, *, in_send: bool = False) -> Callable[[Callable[P, R]], Callable[P, R | T]]:
    """Make a function of the monitor answer ``fallback`` where it would raise into the application.

    In a send method, an exception that is not the monitor's passes: one that the application's handler of an operating
    system signal (a soft time limit, an alarm) raises while the monitor's code happens to run.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R | T]:
        @functools.wraps(function)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R | T:
            try:
                return function(*args, **kwargs)
            except Exception as error:
                if in_send and _is_anothers(error.__traceback__):
                    raise
                faults.note(where, error)
                return fallback

        return guarded

    return decorate


def note_in_send(where: str, error: Exception) -> None:
    """Note a fault of the monitor's own in a send method; called where it is caught, and raises what is another's."""
    if _is_anothers(error.__traceback__):
        raise error
    faults.note(where, error)


def attempt(where: str, what: str, function: Callable[[T], object], argument: T) -> None:
    """Call a function of the monitor, and note its fault if it has one: ``where.what``."""
    try:
        function(argument)
    except Exception as error:  # noqa: BLE001 - what comes next must not suffer from it
        faults.note(f"{where}.{what}", error)


def _is_anothers(raised_at: TracebackType | None) -> bool:
    """Whether an exception was raised by a handler of the application's; these run in the main thread only."""
    if threading.current_thread() is not threading.main_thread():
        return False
    while raised_at is not None and raised_at.tb_next is not None:
        raised_at, caller = raised_at.tb_next, raised_at.tb_frame.f_code.co_filename
        if _CALLED in caller and raised_at.tb_frame.f_code.co_name in _PLUGGED_IN:
            return False
    path = raised_at.tb_frame.f_code.co_filename if raised_at is not None else ""
    return not path.startswith((*_OURS, "<frozen")) and _CALLED not in path
