"""The state of a thread or task: the receiver call it is in, and the request or task it works for.

A state is set once per context, because setting a context variable on every dispatch would cost more than everything
else. Contexts are copied into threads and tasks, and with them the reference to the state: a thread that finds another
thread's state makes its own. Tasks of one thread may share a state, because a plain send never yields to them, and an
async receiver has a state of its own while it is being stepped.
"""

from __future__ import annotations

import contextlib
import threading
import weakref
from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from contextvars import ContextVar
from threading import get_ident
from time import perf_counter
from typing import Any

from signal_monitor.records import OriginKind
from signal_monitor.text import cleaned

from .record_queue import record_queue

Record = list[Any]
"""One dispatch; ``signal_monitor.instrumentation.record`` has its layout."""

MAX_ORIGIN_RECORDS = 5_000
MAX_PENDING = 100


class Root:
    """The bottom of a stack of dispatches: its request or task, and the name of its thread.

    ``outer`` is the receiver call in which it began, if any: a request that a test client makes inside a receiver, a
    thread that a receiver starts. ``began`` is a reading of ``time.perf_counter``.
    """

    __slots__ = ("began", "origin", "outer", "thread_name")

    def __init__(self, origin: Origin | None, outer: Place | None, thread_name: str) -> None:
        self.origin = origin
        self.outer = outer
        self.thread_name = thread_name
        self.began = perf_counter()


class Call:
    """A receiver call that is not made in the order of the receivers: an async one, or one of a custom send method.

    ``index`` is the position of its receiver. ``coroutine`` is what it awaits while it runs.
    """

    __slots__ = ("coroutine", "index", "outer", "record")

    def __init__(self, record: Record, index: int, outer: Place) -> None:
        self.record = record
        self.index = index
        self.outer = outer
        self.coroutine: Coroutine[Any, Any, Any] | None = None


class LogHandlers(Call):
    """Where a robust send logs that a receiver call has failed: what log handlers send is no receiver's."""

    __slots__ = ()


Place = Root | Call | Record
"""Where a dispatch begins: in no receiver call, in one of these, or in the sequential call that a record is at."""


class ExecutionState:
    """The innermost place of one thread or task, and what else holds for everything it dispatches.

    ``thread`` is 0 where nothing is observed: no thread has that identifier. ``untraced`` is the OpenTelemetry context
    that was last found to have no recording span, ``traced`` what is known of the last one that has.
    """

    __slots__ = ("__weakref__", "origin", "suppressed", "thread", "top", "traced", "untraced")

    top: Place

    def __init__(self, origin: Origin | None = None, outer: Place | None = None, *, suppressed: bool = False) -> None:
        self.origin = origin
        self.suppressed = suppressed
        self.thread = 0 if suppressed else get_ident()
        self.untraced: object = None
        self.traced: object = None
        self.top = Root(origin, outer, _thread_name())
        _live[id(self)] = _LiveState(self, _forget)

    @classmethod
    def at(cls, place: Place, origin: Origin | None) -> ExecutionState:
        """A state that begins at a place; ``live_states`` does not list it."""
        self = cls.__new__(cls)
        self.origin = origin
        self.suppressed = False
        self.thread = get_ident()
        self.untraced = self.traced = None
        self.top = place
        return self

    @classmethod
    def inside(cls, place: Place, origin: Origin | None, *, suppressed: bool) -> ExecutionState:
        """A state for this thread, in the receiver call that a place is in."""
        return cls(origin, _inside(place), suppressed=suppressed)


def _thread_name() -> str:
    """The name of this thread; ``threading.current_thread()`` would register a dummy for a foreign one."""
    thread = threading._active.get(get_ident())  # type: ignore[attr-defined] # noqa: SLF001 - see above
    return thread.name if thread is not None else f"Thread {get_ident()}"


class _LiveState(weakref.ref["ExecutionState"]):
    """A weak reference that knows its key."""

    __slots__ = ("key",)

    def __init__(self, state: ExecutionState, callback: Callable[[weakref.ref[ExecutionState]], None]) -> None:
        super().__init__(state, callback)  # type: ignore[call-arg] # typeshed gives weak references no __init__
        self.key = id(state)


def _forget(reference: weakref.ref[ExecutionState]) -> None:
    key = reference.key  # type: ignore[attr-defined]
    if _live.get(key) is reference:
        _live.pop(key, None)


_live: dict[int, _LiveState] = {}
NO_STATE = ExecutionState()
"""The state of a context that has dispatched nothing yet; it belongs to no thread."""
NO_STATE.thread = 0
execution_state: ContextVar[ExecutionState] = ContextVar("signal_monitor_state", default=NO_STATE)


get_state = execution_state.get
"""The state of this context, which may be another thread's; NO_STATE where nothing was dispatched. One C call."""
enter_state = execution_state.set
"""Make a state the current one; returns what ``leave_state`` takes."""
leave_state = execution_state.reset
"""Restore what was current before ``enter_state``: a context in which nothing was set has nothing set afterwards."""


def _inside(place: Place) -> Place | None:
    """The receiver call that something begun at a place is in; None where there is none."""
    return place.outer if type(place) is Root else place


@contextlib.contextmanager
def suppress() -> Iterator[None]:
    """Do not observe the signals dispatched in a block, including those of receivers and tasks started there."""
    token = execution_state.set(ExecutionState(execution_state.get().origin, suppressed=True))
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):  # a coroutine is closed in another context, in which nothing was set
            execution_state.reset(token)


running_states: dict[int, ExecutionState] = {}
"""The states of async receivers and custom send methods while they run, by the ``id`` of their call or record."""


def live_states() -> list[ExecutionState]:
    """Every state that some context still holds, from whatever thread, and those of async receivers that run."""
    held = [state for reference in list(_live.values()) if (state := reference()) is not None]
    return held + list(running_states.values())


def forget_other_threads() -> None:
    """Drop the states of threads and tasks that a fork has left behind in the parent."""
    mine = execution_state.get()
    running_states.clear()
    _live.clear()
    _live[id(mine)] = _LiveState(mine, _forget)


class Origin:
    """One request, task or command, and the dispatches it made so far (the last MAX_ORIGIN_RECORDS of them).

    While ``pending`` is a list, finished dispatches wait there: it is not known yet whether the request is one of the
    dashboard's own, which is never shown. ``ignored`` ones are dropped. ``closed`` ones have ended: what is dispatched
    on their behalf later is attributed to them but no longer added to their records. ``before`` is the state to return
    to. ``database_notes`` are those of ``signal_monitor.database.notes``, or None.
    """

    __slots__ = ("before", "closed", "database_notes", "dispatch_count", "id", "ignored", "kind", "pending", "records")

    def __init__(self, kind: OriginKind, origin_id: str, *, pending: bool = False) -> None:
        self.before: ExecutionState | None = None
        self.kind = kind
        self.id = cleaned(origin_id)
        self.ignored = self.closed = False
        self.pending: list[Record] | None = [] if pending else None
        self.records: deque[Record] = deque(maxlen=MAX_ORIGIN_RECORDS)
        self.dispatch_count = 0
        self.database_notes: Any = None

    def submit(self, record: Record) -> bool:
        """Add a finished dispatch; whether it may go to the worker now."""
        if self.ignored:
            return False
        if self.closed:
            return True
        self.dispatch_count += 1
        self.records.append(record)
        if self.pending is None:
            return True
        self.pending.append(record)
        if len(self.pending) >= MAX_PENDING:  # no middleware will say what this request is
            self.release(record_queue.append)
        return False

    def forget_records(self) -> None:
        """Keep no dispatch alive, as code may refer to this object for long."""
        self.records.clear()

    def release(self, deliver: Callable[[Record], None]) -> None:
        """Deliver what waits, and let nothing wait from now on."""
        pending, self.pending = self.pending, None
        for record in pending or ():
            deliver(record)


def current_origin() -> Origin | None:
    """The request or task that this context works for."""
    return execution_state.get().origin
