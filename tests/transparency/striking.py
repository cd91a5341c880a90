"""Strike a dispatch at each point where Python may run something else: an exception, a handler, a death."""

from __future__ import annotations

import ctypes
import gc
import signal
import sys
import sysconfig
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from billiard.pool import soft_timeout_sighandler

POINTS = 60

_libc = ctypes.CDLL(None)
_set_async_exc: Any = ctypes.pythonapi.PyThreadState_SetAsyncExc


class SoftLimitError(Exception):
    """What a time limit of the application raises."""


def by_async_exc(kind: type[BaseException]) -> Callable[[], None]:
    """Have the calling thread raise, as a timer in another thread does; no frame of ours is in the traceback."""

    def strike() -> None:
        # An unpacked map: no call follows the one that sets the exception, so it is raised in the struck frame.
        (_,) = map(_set_async_exc, (ctypes.c_ulong(threading.get_ident()),), (ctypes.py_object(kind),))

    return strike


def handler(kind: type[BaseException]) -> Callable[..., None]:
    """A handler of an operating system signal that raises."""

    def raise_limit(*_args: object) -> None:
        raise kind

    return raise_limit


def installed_handler(kind: type[BaseException]) -> Callable[..., None]:
    """A handler whose file is where packages are without a virtual environment."""
    path = Path(sysconfig.get_path("stdlib"), "site-packages", "limits.py")
    names: dict[str, Any] = {"kind": kind}
    exec(compile("def raise_limit(*_args):\n    raise kind\n", path, "exec"), names)  # noqa: S102 - for its path
    return names["raise_limit"]  # type: ignore[no-any-return]


def by_handler(kind: type[BaseException]) -> Callable[[], None]:
    """Have a handler of an operating system signal raise."""
    return _signalling(handler(kind))


def by_installed_handler(kind: type[BaseException]) -> Callable[[], None]:
    """Have a handler of an installed package raise."""
    return _signalling(installed_handler(kind))


def by_celery(_kind: type[BaseException]) -> Callable[[], None]:
    """Have the handler of Celery's own workers raise."""
    return _signalling(soft_timeout_sighandler)


def _signalling(handle: Callable[..., None]) -> Callable[[], None]:
    def strike() -> None:
        signal.signal(signal.SIGUSR1, handle)
        (_,) = map(_libc["raise"], (int(signal.SIGUSR1),))

    return strike


class Tracer:
    """Counts what a thread executes, and strikes once."""

    def __init__(self, at: int, strike: Callable[[], None], parts: tuple[str, ...] = ("",)) -> None:
        self.at = at
        self.parts = parts
        self.strike = strike
        self.count = 0
        self.where = ""

    def __call__(self, frame: Any, event: str, arg: Any) -> Any:
        """Strike at the chosen event; what is raised is raised in the traced frame."""
        if event not in {"call", "line"} or not any(part in frame.f_code.co_filename for part in self.parts):
            return self
        self.count += 1
        if self.count == self.at:
            sys.settrace(None)
            code = frame.f_code
            self.where = f"{Path(code.co_filename).name}:{frame.f_lineno} {code.co_qualname} {event}"
            self.strike()
        return self


def run_traced(tracer: Tracer, call: Callable[[], Any]) -> Any:
    """Call with the tracer on."""
    sys.settrace(tracer)
    try:
        return call()
    finally:
        sys.settrace(None)


def points_of(prepare: Callable[[], Callable[[], Any]], parts: tuple[str, ...] = ("",)) -> range:
    """The points at which to strike: all, or every second, third… where there are many."""
    tracer = Tracer(0, lambda: None, parts)
    run_traced(tracer, prepare())
    return range(1, tracer.count + 1, tracer.count // POINTS + 1)


def lost_strikes(
    prepare: Callable[[], Callable[[], Any]],
    strike: Callable[[], None],
    kind: type[BaseException],
    parts: tuple[str, ...] = ("",),
) -> list[str]:
    """Where a strike was that did not reach the caller; ``prepare`` makes what is called anew for each.

    ``parts`` are of the names of the files in which to strike.
    """
    lost = []
    gc.disable()
    for at in points_of(prepare, parts):
        tracer, call = Tracer(at, strike, parts), prepare()
        if not _reaches(kind, tracer, call) and tracer.where:
            lost.append(tracer.where)
    gc.enable()
    return lost


def _reaches(kind: type[BaseException], tracer: Tracer, call: Callable[[], Any]) -> bool:
    try:
        answer = run_traced(tracer, call)
    except kind as error:
        return type(error) is kind
    # A robust send answers what its receivers raise.
    return isinstance(answer, list) and any(type(response) is kind for _, response in answer)
