"""Which exceptions interrupt a thread of the application, and belong to it."""

from __future__ import annotations

import dis
import signal
import threading
from types import CodeType, FunctionType

_RAISING = frozenset({dis.opmap["RAISE_VARARGS"], dis.opmap["RERAISE"]})


def is_from_outside(error: BaseException) -> bool:
    """Whether something outside the code that runs has interrupted this thread, or may have done so."""
    return is_interruption(error) or _may_be_asynchronous(error)


def _may_be_asynchronous(error: BaseException) -> bool:
    """Whether ``PyThreadState_SetAsyncExc`` may have raised an exception, as the time limits of rq and others do.

    It has no arguments then, its class is not one of Python's own, and no ``raise`` statement has raised it.
    """
    step = error.__traceback__
    if BaseException.args.__get__(error) or type(error).__module__ == "builtins" or step is None:  # type: ignore[attr-defined]
        return False
    while step.tb_next is not None:
        step = step.tb_next
    return step.tb_frame.f_code.co_code[step.tb_lasti] not in _RAISING


def is_interruption(error: BaseException) -> bool:
    """Whether an exception comes from a handler of an operating system signal: Ctrl-C, or a time limit.

    These handlers run in the main thread only. Python's own handler of Ctrl-C has no frame.
    """
    if threading.current_thread() is not threading.main_thread():
        return False
    if isinstance(error, KeyboardInterrupt):
        return True
    handlers = _handlers()
    step = error.__traceback__
    while step is not None:
        if step.tb_frame.f_code in handlers:
            return True
        step = step.tb_next
    return False


def _handlers() -> set[CodeType]:
    """The code of the functions that handle signals of the operating system."""
    functions = (getattr(handler, "__func__", handler) for handler in map(signal.getsignal, signal.valid_signals()))
    return {function.__code__ for function in functions if isinstance(function, FunctionType)}
