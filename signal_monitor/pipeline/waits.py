"""What a receiver call waits for, read from the stack that it stands in.

Most waiting is done by functions written in C, which have no frame. So the call at which the innermost frame stands is
looked up in its source, and says something only where that leaves no doubt: ``acquire()`` without a frame of its own is
that of a lock. Nothing of the application runs, and no local variable is read.
"""

from __future__ import annotations

import ast
import dis
import linecache
import os
import time
from functools import lru_cache
from itertools import islice
from queue import SimpleQueue
from types import CodeType, FrameType, ModuleType
from typing import Any

from signal_monitor.instrumentation.info import Lines
from signal_monitor.records import Wait

from .stacks import INSTALLED, STDLIB, is_installed

MAX_FRAMES = 30
MAX_SOURCE = 500
DATABASE = f"{os.sep}django{os.sep}db{os.sep}backends{os.sep}"
DISPATCHER = f"{os.sep}django{os.sep}dispatch{os.sep}"
# The last parts of a path, and the function's name; the outermost one that is found decides.
FUNCTIONS: dict[tuple[str, str], Wait] = {
    ("threading.py", "Condition.wait"): "a condition",
    ("threading.py", "Condition.__enter__"): "a lock",
    ("threading.py", "Event.wait"): "an event",
    ("threading.py", "Barrier.wait"): "a barrier",
    ("threading.py", "Semaphore.acquire"): "a semaphore",
    ("threading.py", "Thread.join"): "a thread",
    ("queue.py", "Queue.get"): "a queue",
    ("queue.py", "Queue.put"): "a queue",
    ("queue.py", "Queue.join"): "a queue",
    ("_base.py", "Future.result"): "a future",
    ("_base.py", "Future.exception"): "a future",
    ("subprocess.py", "Popen.wait"): "a subprocess",
    ("subprocess.py", "Popen.communicate"): "a subprocess",
    ("socket.py", "SocketIO.readinto"): "a socket",
    ("socket.py", "SocketIO.write"): "a socket",
    ("socket.py", "socket.accept"): "a socket",
    ("socket.py", "create_connection"): "a socket",
    ("socket.py", "getaddrinfo"): "a socket",
    ("ssl.py", "SSLSocket.read"): "a socket",
    ("ssl.py", "SSLSocket.recv"): "a socket",
    ("ssl.py", "SSLSocket.recv_into"): "a socket",
    ("ssl.py", "SSLSocket.do_handshake"): "a socket",
    ("locks.py", "Lock.acquire"): "a lock",
    ("locks.py", "Event.wait"): "an event",
    ("locks.py", "Condition.wait"): "a condition",
    ("locks.py", "Semaphore.acquire"): "a semaphore",
    ("queues.py", "Queue.get"): "a queue",
    ("queues.py", "Queue.put"): "a queue",
    ("queues.py", "Queue.join"): "a queue",
    ("tasks.py", "sleep"): "sleep",
}
C_FUNCTIONS: dict[str, Wait] = {
    **dict.fromkeys(("acquire", "__enter__", "flock", "lockf"), "a lock"),
    **dict.fromkeys(("recv", "recv_into", "recvfrom", "recvfrom_into", "recvmsg", "recvmsg_into"), "a socket"),
    "sendall": "a socket",
    "sleep": "sleep",
}
"""Functions written in C that block, by names that nothing else there has: whether they are called as methods or by a
name that a method was given, such as ``acquire = lock.acquire``."""


def wait_of(lines: Lines, innermost: FrameType | None) -> Wait | None:
    """What a call waits for, by the lines of its stack, outermost first, and the frame that runs, if there is one."""
    found: Wait | None = None
    for code, _line in islice(reversed(lines), MAX_FRAMES):
        wait = _wait_in(code)
        if (wait is None and not _is_library(code.co_filename)) or DISPATCHER in code.co_filename:
            break  # what called this does not wait itself
        found = wait or found
    return found or (_wait_at(innermost) if innermost is not None else None)


def _is_library(path: str) -> bool:
    return path.startswith("<frozen") or is_installed(path)


@lru_cache(maxsize=1024)
def _wait_in(code: CodeType) -> Wait | None:
    """What a function of Python or Django waits for, whatever it calls."""
    path = code.co_filename
    if DATABASE in path and code.co_name in {"_execute", "_executemany", "_commit", "_rollback", "connect"}:
        return "the database"
    is_python = path.startswith(STDLIB) and not any(name in path for name in INSTALLED)
    return FUNCTIONS.get((os.path.basename(path), code.co_qualname)) if is_python else None  # noqa: PTH119 - of a code


def _wait_at(frame: FrameType) -> Wait | None:
    """What the call waits for at which a frame stands: one of a function without a frame."""
    found = _callee(frame.f_code, frame.f_lasti)
    if found == ENTER or (found == "_enter" and frame.f_code.co_name in ENTERS):
        return "a lock"
    *owners, name = found.split(".")
    value = _resolved([*owners, name], frame.f_globals)
    if value is time.sleep:
        return "sleep"
    if value is os.waitpid or value is os.wait:
        return "a subprocess"
    if name == "get" and type(_resolved(owners, frame.f_globals)) is SimpleQueue:
        return "a queue"
    return C_FUNCTIONS.get(name)


ENTER = "with"
"""What ``_callee`` returns where a ``with`` enters its context."""
ENTERS = frozenset({"enter_context", "enter_async_context"})
"""Functions of ``contextlib`` that do the same."""


@lru_cache(maxsize=1024)
def _callee(code: CodeType, position: int) -> str:
    """The function that is called at a position of a code, as it is written ("time.sleep"); "" where that is unknown.

    An owner that is no plain name is left as "?".
    """
    operation = dis.opname[code.co_code[position]] if 0 <= position < len(code.co_code) else ""
    if operation == "BEFORE_WITH":
        return ENTER
    tree = _expression(code, position) if operation.startswith(("CALL", "PRECALL")) else None
    return _dotted(tree.func) if isinstance(tree, ast.Call) else ""


def _expression(code: CodeType, position: int) -> ast.expr | None:
    """The expression that is evaluated at a position of a code."""
    place = next(islice(code.co_positions(), position // 2, None), (None, None, None, None))
    if None in place:  # as with -X no_debug_ranges
        return None
    first, last, start, end = (number or 0 for number in place)
    lines = [linecache.getline(code.co_filename, number).encode() for number in range(first, last + 1)]
    if not lines or sum(map(len, lines)) > MAX_SOURCE:
        return None
    lines[-1] = lines[-1][:end]
    lines[0] = lines[0][start:]
    try:
        return ast.parse(b"(" + b"".join(lines) + b")", mode="eval").body
    except (SyntaxError, ValueError):  # the file has changed since it was imported
        return None


def _dotted(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return f"{_dotted(function.value) or '?'}.{function.attr}"
    return function.id if isinstance(function, ast.Name) else ""


def _resolved(names: list[str], values: dict[str, Any]) -> Any:  # noqa: ANN401 - anything
    """What a dotted name of modules refers to; None if that is unknown."""
    value: Any = None
    for number, name in enumerate(names):
        value = values.get(name)
        if number < len(names) - 1:
            if type(value) is not ModuleType:
                return None
            values = vars(value)
    return value
