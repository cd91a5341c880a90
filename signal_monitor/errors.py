"""Handling of the monitor's own errors: each is logged once, counted, and shown on the health page."""

from __future__ import annotations

import functools
import logging
import os
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import ParamSpec, TypeVar

from .interruptions import is_from_outside
from .scrubbing import ScrubLogs
from .text import MAX_LINE, CleanLogs, cleaned

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

_OWN_DIRECTORY = f"{Path(__file__).parent}{os.sep}"
_OPENTELEMETRY = f"{os.sep}opentelemetry{os.sep}"
# Functions of the application that OpenTelemetry calls when the monitor starts or ends a span.
_PLUGGED_IN = frozenset({"on_start", "on_end", "_on_ending", "should_sample", "generate_span_id", "generate_trace_id"})
# What the interpreter raises in code with a bug. Any other exception in the monitor's code was not raised by it.
_INTERPRETER_ERRORS = frozenset(
    {
        AttributeError, IndexError, KeyError, NameError, OverflowError, RecursionError, ReferenceError, RuntimeError,
        TypeError, UnboundLocalError, ValueError, ZeroDivisionError,
    }
)  # fmt: skip

logger = logging.getLogger("signal_monitor")
logger.addFilter(CleanLogs())
logger.addFilter(ScrubLogs())


class InternalErrors:
    """Counts the monitor's own errors, and logs each different error once per process."""

    def __init__(self) -> None:
        self.count = 0
        self.last: str | None = None
        self._logged: set[str] = set()

    def note(self, where: str, error: BaseException) -> None:
        """Count an error, and log it if it is the first of its type and line; never raises."""
        self.count += 1
        try:
            self._log(where, error)
        except Exception:  # noqa: BLE001 - the stack is used up, or logging fails
            self.last = where

    def _log(self, where: str, error: BaseException) -> None:
        place = traceback.extract_tb(error.__traceback__)[-1:]
        at = "".join(f" at {item.filename}:{item.lineno}" for item in place)
        self.last = cleaned(f"{where}: {type(error).__name__}{at}", MAX_LINE)
        if self.last not in self._logged and len(self._logged) < 100:
            self._logged.add(self.last)
            logger.error("The signal monitor failed in %s; the application goes on.", self.last, exc_info=error)


errors = InternalErrors()


def guarded(where: str, fallback: T, *, in_send: bool = False) -> Callable[[Callable[P, R]], Callable[P, R | T]]:
    """Decorate a function of the monitor: it returns ``fallback`` instead of raising into the application.

    A time limit of the application, which may be raised on any line that its thread runs, passes. In a send method,
    only exceptions that the monitor's own code raises are caught.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R | T]:
        @functools.wraps(function)
        def guarded_function(*args: P.args, **kwargs: P.kwargs) -> R | T:
            try:
                return function(*args, **kwargs)
            except Exception as error:
                if not is_own(error) if in_send else is_from_outside(error):
                    raise
                errors.note(where, error)
                return fallback

        return guarded_function

    return decorate


def note_in_send(where: str, error: Exception) -> None:
    """Note an error of the monitor's own in a send method, and raise any other; for ``except`` blocks."""
    if not is_own(error):
        raise error
    errors.note(where, error)


def attempt(where: str, what: str, function: Callable[[T], object], argument: T) -> None:
    """Call a function of the monitor; if it raises, note the error as one in ``where.what``."""
    try:
        function(argument)
    except Exception as error:
        if is_from_outside(error):
            raise
        errors.note(f"{where}.{what}", error)


def done_for_each(where: str, function: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """What a function of the monitor returns for each item; one for which it raises is noted and left out."""
    done: list[R] = []
    for item in items:
        try:
            done.append(function(item))
        except Exception as error:
            if is_from_outside(error):
                raise
            errors.note(where, error)
    return done


def is_own(error: BaseException) -> bool:
    """Whether the monitor's own code has raised an exception, or code that OpenTelemetry called for it.

    Handlers of operating system signals raise in their own frames. ``PyThreadState_SetAsyncExc``, with which rq and
    others limit time, raises in any frame, but without arguments; errors of the interpreter have arguments. In doubt,
    the exception belongs to the application.
    """
    if type(error) not in _INTERPRETER_ERRORS or not BaseException.args.__get__(error):  # type: ignore[attr-defined]
        return False
    path = ""
    step: TracebackType | None = _traceback_of(error)
    while step is not None:
        code, before = step.tb_frame.f_code, path
        path = code.co_filename
        if code.co_name in _PLUGGED_IN and _OPENTELEMETRY in before:
            return True
        step = step.tb_next
    return path.startswith(_OWN_DIRECTORY) or _OPENTELEMETRY in path


_traceback_of = BaseException.__dict__["__traceback__"].__get__
"""The traceback of an exception, whatever its class makes of its attributes."""
