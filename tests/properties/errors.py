"""What receivers raise."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from .hostile import Hostile


class Halt(BaseException):
    """Something that a robust send does not catch."""


def _noted(number: int) -> Exception:
    error = RuntimeError(number)
    error.add_note(f"note {number}")
    return error


def _caused(number: int) -> Exception:
    error = LookupError(number)
    error.__cause__ = ValueError(number)
    return error


ERRORS: dict[str, Callable[[int], BaseException]] = {
    "error": ValueError,
    "noted": _noted,
    "caused": _caused,
    "hostile": lambda number: KeyError(number, Hostile()),
    "group": lambda number: ExceptionGroup("group", [ValueError(number), TypeError(number)]),
    "halt": Halt,
    "cancelled": asyncio.CancelledError,
    "interrupt": KeyboardInterrupt,
    "exit": SystemExit,
}
