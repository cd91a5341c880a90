"""What is kept of an exception and of a call stack: types, plain texts, and (code, line) pairs.

Pairs cost about a microsecond; the worker makes text of them, and only of what is shown.
"""

from __future__ import annotations

import os
import pathlib
import sys
from types import CodeType, FrameType, TracebackType
from typing import NamedTuple

from signal_monitor import names

from .probes import probes

MAX_FRAMES = 30
PACKAGE = f"{pathlib.Path(__file__).parents[1]}{os.sep}"

Lines = tuple[tuple[CodeType, int], ...]


class RawFailure(NamedTuple):
    """An exception as the hot path keeps it: nothing of it but names, numbers and code."""

    type: str
    message: str | None
    lines: Lines


def failure_of(error: BaseException) -> RawFailure:
    """What is kept of an exception."""
    message = names.error_message(error) if probes.keeps_messages else None
    return RawFailure(names.class_name(type(error)), message, traceback_lines(error.__traceback__))


def traceback_lines(traceback: TracebackType | None) -> Lines:
    """The lines of a traceback, outermost first, without the monitor's own; the innermost MAX_FRAMES of them."""
    lines: list[tuple[CodeType, int]] = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if not _is_ours(code):
            lines.append((code, traceback.tb_lineno))
        traceback = traceback.tb_next
    return tuple(lines[-MAX_FRAMES:])


def stack_lines(frame: FrameType | None) -> Lines:
    """The lines of a stack, outermost first, without the monitor's own; the innermost MAX_FRAMES of them."""
    lines: list[tuple[CodeType, int]] = []
    while frame is not None and len(lines) < MAX_FRAMES:
        if not _is_ours(frame.f_code):
            lines.append((frame.f_code, frame.f_lineno))
        frame = frame.f_back
    return tuple(reversed(lines))


def caller_lines() -> Lines:
    """The lines that led to the caller of this function."""
    return stack_lines(sys._getframe(1))  # noqa: SLF001 - the documented way to a frame


def _is_ours(code: CodeType) -> bool:
    return code.co_filename.startswith(PACKAGE)
