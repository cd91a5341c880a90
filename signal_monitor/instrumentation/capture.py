"""What is kept of an exception and of a call stack: types, plain texts, and (code, line) pairs.

Pairs cost about a microsecond; the worker makes text of them, and only of what is shown.
"""

from __future__ import annotations

import asyncio
import os
import pathlib
import sys
import weakref
from collections.abc import Callable, Sequence
from time import perf_counter
from types import CodeType, FrameType, TracebackType
from typing import Any

from signal_monitor import names
from signal_monitor.records import Outcome
from signal_monitor.scrubbing import MAX_RAW

from .hooks import hooks
from .info import DispatchInfo, Lines, RawFailure

MAX_FRAMES = 30
MAX_PATHS = 5_000
our_codes: dict[int, CodeType] = {}
"""The code of our functions whose frames look like Django's, by its ``id``; to hash a code object takes 3 us."""
PACKAGE = f"{pathlib.Path(__file__).parents[1]}{os.sep}"
CAPTURE_AGAIN_SECONDS = 0.05
MAX_CLASSES = 1_000
MAX_ALIKE = 20
"""The dispatches a second that are delivered one by one though they fail alike; others are added up."""


class _OurPaths(dict[str, bool]):
    """Whether files are the monitor's own, by their path."""

    def __missing__(self, path: str) -> bool:
        if len(self) >= MAX_PATHS:
            self.clear()
        is_ours = self[path] = path.startswith(PACKAGE)
        return is_ours


_our_paths = _OurPaths()
_class_names: dict[int, tuple[Callable[[], object], str]] = {}


class Shared:
    """How many dispatches with shared details the worker has delivered one by one, and since when; it alone asks."""

    __slots__ = ("admitted", "since")

    def __init__(self) -> None:
        self.admitted = 0
        self.since = 0.0

    def admits(self, now: float) -> bool:
        """Whether one more is delivered by itself: MAX_ALIKE a second are."""
        if now - self.since >= 1:
            self.admitted, self.since = 0, now
        self.admitted += 1
        return self.admitted <= MAX_ALIKE


class DispatchDetails:
    """What a record has beside its times.

    ``outcomes`` and ``failures`` are by the receiver's position; outcomes that are ok are left out. ``failure`` is what
    left the send method, ``raised`` whether anything did. ``resumed`` maps the position of a receiver to when
    the next call began, if later than the end of this one. ``shared``: see KnownFailure. The stack, the open
    transactions and the held up event loop are None or empty if they were not captured.
    """

    __slots__ = (
        "blocked_loop",
        "failure",
        "failures",
        "lines",
        "outcomes",
        "raised",
        "resumed",
        "shared",
        "transactions",
    )

    def __init__(self) -> None:
        self.outcomes: dict[int, Outcome] = {}
        self.failures: dict[int, RawFailure] = {}
        self.failure: RawFailure | None = None
        self.raised = False
        self.resumed: dict[int, float] = {}
        self.lines: Lines = ()
        self.transactions: Sequence[Any] | None = None
        self.blocked_loop: bool | None = None
        self.shared: Shared | None = None

    def copy(self) -> DispatchDetails:
        """The same outcomes and failures, to which more can be added."""
        copied = DispatchDetails()
        copied.outcomes, copied.failures = dict(self.outcomes), dict(self.failures)
        copied.failure, copied.raised, copied.resumed = self.failure, self.raised, dict(self.resumed)
        return copied

    def repeated(self) -> DispatchDetails:
        """Details of a dispatch that fails alike, and goes on: they share everything but the time at which it does."""
        repeated = _new_details(DispatchDetails)
        repeated.outcomes, repeated.failures, repeated.failure = self.outcomes, self.failures, self.failure
        repeated.raised, repeated.shared = self.raised, self.shared
        repeated.resumed, repeated.lines, repeated.transactions, repeated.blocked_loop = {}, (), None, None
        return repeated

    def capture(self, info: DispatchInfo) -> None:
        """Capture what only the dispatching thread can see: the stack, an open transaction, an event loop held up."""
        self.lines = caller_lines()
        if hooks.open_transactions is not None:
            self.transactions = hooks.open_transactions()
        # A plain send on the thread of a running loop holds that loop up until its last receiver has returned.
        running = asyncio._get_running_loop() is not None  # noqa: SLF001 - asyncio's documented C function
        self.blocked_loop = running and not info.method.startswith("a")
        info.capture_from = 0.0 if hooks.captures_all else info.slow_limit
        info.captured_at = info.signal.captured_at = perf_counter()


_new_details: Callable[[type[DispatchDetails]], DispatchDetails] = object.__new__


def may_capture_again(info: DispatchInfo) -> bool:
    """Whether details are captured of a dispatch that is not slow: not of many senders of one signal at once."""
    if info.capture_from or not info.captured_at or hooks.captures_all:
        return True
    if perf_counter() - info.signal.captured_at >= CAPTURE_AGAIN_SECONDS:
        return True
    info.capture_from, info.captured_at = info.slow_limit, perf_counter()
    return False


def may_capture_failed(info: DispatchInfo, now: float) -> bool:
    """Whether details of a failed dispatch are captured: many a second may fail alike, and it takes a while."""
    return info.capture_from == 0.0 or now - info.captured_at >= CAPTURE_AGAIN_SECONDS


class KnownFailure:
    """How a receiver has failed the last time: many in a row may fail alike.

    Dispatches that fail alike, in the call at ``index``, share ``details``, which nothing is added to; None where they
    may not.
    """

    __slots__ = ("arguments", "details", "failure", "index", "instructions", "kind")

    def __init__(
        self, index: int, failure: RawFailure, error: BaseException, details: DispatchDetails | None = None
    ) -> None:
        self.index = index
        self.failure = failure
        self.kind: Callable[[], object] = weakref.ref(type(error))
        self.arguments = (failure.message,) if hooks.keeps_messages else None
        self.instructions = _instructions_of(_traceback_of(error))
        self.details = details.copy() if details is not None else None
        if self.details is not None:
            self.details.shared = Shared()

    def is_like(self, error: BaseException) -> bool:
        """Whether an exception has this type, message and origin; of messages, only plain texts are compared."""
        if self.kind() is not type(error):
            return False
        if self.arguments is not None:
            arguments = _arguments_of(error)
            if len(arguments) != 1 or type(arguments[0]) is not str or arguments != self.arguments:
                return False
        traceback = _traceback_of(error)
        for code, instruction in self.instructions:
            if traceback is None or traceback.tb_lasti != instruction or traceback.tb_frame.f_code is not code:
                return False
            traceback = traceback.tb_next
        return traceback is None


_traceback_of: Callable[[BaseException], TracebackType | None] = BaseException.__dict__["__traceback__"].__get__
"""The traceback of an exception, whatever its class makes of its attributes."""
_arguments_of = BaseException.__dict__["args"].__get__


def failure_of(error: BaseException) -> RawFailure:
    """What is kept of an exception."""
    kind = type(error)
    known = _class_names.get(id(kind))
    name = known[1] if known is not None and known[0]() is kind else _learn_class_name(kind)
    message = _message_of(error) if hooks.keeps_messages else None
    return RawFailure(name, message, traceback_lines(_traceback_of(error)))


def _instructions_of(traceback: TracebackType | None) -> tuple[tuple[CodeType, int], ...]:
    """The code of each frame of a traceback, with the instruction that it had come to."""
    instructions = []
    while traceback is not None:
        instructions.append((traceback.tb_frame.f_code, traceback.tb_lasti))
        traceback = traceback.tb_next
    return tuple(instructions)


def _learn_class_name(kind: type[BaseException]) -> str:
    name = names.class_name(kind)
    if len(_class_names) >= MAX_CLASSES:
        _class_names.clear()
    _class_names[id(kind)] = weakref.ref(kind), name
    return name


def _message_of(error: BaseException) -> str | None:
    """The message; that of most exceptions needs no cleaning."""
    arguments = _arguments_of(error)
    text = arguments[0] if len(arguments) == 1 else None
    if type(text) is str and len(text) <= MAX_RAW and text.isascii() and text.isprintable():
        return text
    return names.error_message(error)


def traceback_lines(traceback: TracebackType | None) -> Lines:
    """The lines of a traceback, outermost first, without the monitor's own; the innermost MAX_FRAMES of them."""
    lines: list[tuple[CodeType, int]] = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if not (id(code) in our_codes or _our_paths[code.co_filename]):
            lines.append((code, traceback.tb_lineno))
        traceback = traceback.tb_next
    return tuple(lines[-MAX_FRAMES:])


def stack_lines(frame: FrameType | None) -> Lines:
    """The lines of a stack, outermost first, without the monitor's own; the innermost MAX_FRAMES of them."""
    lines: list[tuple[CodeType, int]] = []
    while frame is not None and len(lines) < MAX_FRAMES:
        code = frame.f_code
        if not (id(code) in our_codes or _our_paths[code.co_filename]):
            lines.append((code, frame.f_lineno))
        frame = frame.f_back
    return tuple(reversed(lines))


def caller_lines() -> Lines:
    """The lines that led to the caller of this function."""
    return stack_lines(sys._getframe(1))  # noqa: SLF001 - the documented way to a frame
