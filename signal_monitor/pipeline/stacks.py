"""Stacks as text, and what in them is the project's own code."""

from __future__ import annotations

import os
import sysconfig
from collections.abc import Sequence
from types import FrameType
from typing import Any

from signal_monitor.instrumentation.capture import stack_lines
from signal_monitor.instrumentation.current import Call, Place
from signal_monitor.instrumentation.info import Lines, RawFailure, ReceiverInfo
from signal_monitor.records import Failure, Frame
from signal_monitor.scrubbing import scrub_message
from signal_monitor.text import MAX_LENGTH, MAX_LINE, cleaned

STDLIB = f"{sysconfig.get_path('stdlib')}{os.sep}"
LIBRARIES = (STDLIB, *{f"{sysconfig.get_path(name)}{os.sep}" for name in ("purelib", "platlib")})
INSTALLED = tuple(f"{os.sep}{name}{os.sep}" for name in ("site-packages", "dist-packages"))
"""Where packages are installed, also those of the system or of another environment that this one sees."""
SERVERS = tuple(f"{os.sep}{name}{os.sep}" for name in ("django", "asgiref", "channels", "daphne", "twisted", "uvicorn"))


def frames(lines: Lines) -> tuple[Frame, ...]:
    """The lines of a stack as text."""
    return tuple(
        Frame(cleaned(code.co_filename, MAX_LINE), line or 0, cleaned(code.co_qualname)) for code, line in lines
    )


def failure(raw: RawFailure | None) -> Failure | None:
    """An exception as text, without secrets."""
    if raw is None:
        return None
    message = None if raw.message is None else scrub_message(raw.message, MAX_LENGTH)
    return Failure(raw.type, message, frames(raw.lines))


def call_site(stack: Sequence[Frame]) -> Frame | None:
    """The innermost line of the application's own code; failing that, of an installed one that is no framework.

    None where only the framework or the server was at work, as around ``request_started``.
    """
    files = [frame for frame in reversed(stack) if not frame.path.startswith(("<", STDLIB))]
    own = next((frame for frame in files if not is_installed(frame.path)), None)
    if own is not None:
        return own
    return next((frame for frame in files if not any(server in frame.path for server in SERVERS)), None)


def is_installed(path: str) -> bool:
    """Whether a file belongs to Python or to an installed package, and not to the project."""
    return path.startswith(LIBRARIES) or any(name in path for name in INSTALLED)


def inside(stack: tuple[Frame, ...], receiver: ReceiverInfo) -> tuple[Frame, ...]:
    """The part of a stack that is inside a receiver; all of it where its function is not found there."""
    name = receiver.name.rpartition(".")[2]
    for place, frame in enumerate(stack):
        if frame.path == receiver.path and frame.function.rpartition(".")[2] == name:
            return stack[place:]
    return stack


def is_in_thread(place: Place) -> bool:
    """Whether a receiver call runs in its thread now; otherwise its coroutine waits to be resumed."""
    awaited: Any = place.coroutine if isinstance(place, Call) else None
    return awaited is None or bool(getattr(awaited, "cr_running", False))


def stack_of(place: Place, thread: FrameType | None) -> Lines:
    """Where a receiver call is: the awaits of its coroutine, or the stack of its thread."""
    if is_in_thread(place):
        return stack_lines(thread)
    awaited: Any = place.coroutine if isinstance(place, Call) else None
    lines: list[Any] = []
    while awaited is not None and len(lines) < 30:
        frame = getattr(awaited, "cr_frame", None) or getattr(awaited, "gi_frame", None)
        if frame is not None:
            lines.append((frame.f_code, frame.f_lineno))
        awaited = getattr(awaited, "cr_await", None) or getattr(awaited, "gi_yieldfrom", None)
    return tuple(lines)
