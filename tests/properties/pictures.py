"""What two worlds are compared by: exceptions, stacks and log records without the objects that differ."""

from __future__ import annotations

import logging
import pathlib
import re
import traceback
import warnings
from types import CodeType, FrameType
from typing import Any

from django.dispatch import dispatcher

from signal_monitor import instrumentation
from signal_monitor.instrumentation.frames_as_django import UNCOUNTED_FILE

from .stock import stock_dispatcher

INSTRUMENTATION = pathlib.Path(instrumentation.__file__).parent
DISPATCHERS = {dispatcher.__file__, stock_dispatcher.__file__}
# Frames that are known to come on top of Django's own: around the steps of async receivers, and around overriding
# sends. What asyncio has around an awaitable that is no coroutine is ours then.
KNOWN_FRAMES = {UNCOUNTED_FILE}
MAX_DEPTH = 8

Picture = tuple[Any, ...]


def frame_picture(code: CodeType) -> str | None:
    """A line of a stack: where in the program or in a library, or "dispatch"; None for a frame that is known."""
    path = code.co_filename
    if path in KNOWN_FRAMES or code.co_name == "_wrap_awaitable":
        return None
    if path in DISPATCHERS or path.startswith(str(INSTRUMENTATION)):
        return "dispatch"
    return f"{pathlib.PurePath(path).name}:{code.co_name}"


def stack_picture(frame: FrameType | None, until: CodeType) -> Picture:
    """The stack from a receiver out to the program's own send."""
    lines: list[str] = []
    while frame is not None and frame.f_code is not until:
        line = frame_picture(frame.f_code)
        if line is not None:
            lines.append(line)
        frame = frame.f_back
    return tuple(lines)


def _traceback_picture(error: BaseException) -> Picture:
    frames = (frame_picture(frame.f_code) for frame, _ in traceback.walk_tb(error.__traceback__))
    return tuple(line for line in frames if line is not None)


def _argument_picture(argument: object) -> object:
    if type(argument) is str:
        return re.sub(r"0x[0-9a-fA-F]+", "0x", argument)
    return argument if type(argument) is int else type(argument).__name__


def error_picture(error: BaseException | None, depth: int = 0) -> Picture | None:
    """An exception, with those it came from and those it consists of."""
    if error is None or depth > MAX_DEPTH:
        return None
    members = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    return (
        type(error).__name__,
        tuple(_argument_picture(argument) for argument in error.args),
        tuple(getattr(error, "__notes__", ())),
        error.__suppress_context__,
        _traceback_picture(error),
        error_picture(error.__cause__, depth + 1),
        error_picture(error.__context__, depth + 1),
        tuple(error_picture(member, depth + 1) for member in members),
    )


def warning_picture(message: warnings.WarningMessage) -> Picture:
    """A warning, without the name of the dispatcher's coroutine, and where development mode says that it was made."""
    text = str(message.message).partition("\n")[0]
    return (message.category.__name__, re.sub(r"'[\w.<>]*(send_to_nobody|sync_send)'", "'sync_send'", text))


class LogPictures(logging.Handler):
    """Keeps pictures of log records, not the records: these hold exceptions."""

    def __init__(self) -> None:
        super().__init__()
        self.pictures: list[Picture] = []

    def emit(self, record: logging.LogRecord) -> None:
        name, error = record.args if isinstance(record.args, tuple) and len(record.args) == 2 else (None, None)
        same = record.exc_info is not None and record.exc_info[1] is error
        shown = error_picture(error) if isinstance(error, BaseException) else None
        self.pictures.append((record.levelname, record.msg, name, shown, same))


def difference(actual: object, expected: object, path: str = "") -> str | None:
    """Where two pictures first differ; None where they do not."""
    if actual == expected:
        return None
    if isinstance(actual, dict) and isinstance(expected, dict) and actual.keys() == expected.keys():
        pairs = [(f"{path}[{key!r}]", actual[key], expected[key]) for key in actual]
    elif isinstance(actual, tuple | list) and isinstance(expected, tuple | list) and len(actual) == len(expected):
        pairs = [(f"{path}[{index}]", *pair) for index, pair in enumerate(zip(actual, expected, strict=True))]
    else:
        return f"at {path}: {actual!r} instead of {expected!r}"
    return next(found for name, one, other in pairs if (found := difference(one, other, name)) is not None)
