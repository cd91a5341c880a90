"""Which exceptions interrupt a thread of the application, and belong to it."""

from __future__ import annotations

import signal
import threading
from types import CodeType, FunctionType


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
