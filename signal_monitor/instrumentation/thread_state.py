"""The state of this thread, made on first use, and a new one for each request or task.

A context may hold the state of another thread: contexts are copied into threads, and asgiref copies what was set in a
thread back when ``async_to_sync`` or ``sync_to_async`` has returned.
"""

from __future__ import annotations

from threading import get_ident
from time import perf_counter

from .current import NO_STATE, ExecutionState, Origin, Place, enter_state, get_state, live_states
from .record import innermost_running
from .record_queue import record_queue


def current_state() -> ExecutionState:
    """This thread's state, made on first use; a suppressed one is shared by all threads of its context.

    The worker runs from then on, so that it sees a receiver call that does not end.
    """
    state = get_state()
    if state.thread != get_ident() and not state.suppressed:
        outer = innermost_running(state.top, perf_counter())
        own = _own_state_at(outer, state.origin) if outer is not None else None
        state = own or ExecutionState(state.origin, outer)
        enter_state(state)
        record_queue.check_if_resting()
    return state


def _own_state_at(place: Place, origin: Origin | None) -> ExecutionState | None:
    """The state of this thread that is at a place, where another thread has left its own in the context; or None."""
    thread = get_ident()
    for state in live_states():
        if state.top is place and state.thread == thread and state.origin is origin:
            return state
    return None


def begin_origin(origin: Origin) -> None:
    """Attribute dispatches to a request or task from now on, in a state that no other context shares.

    Tasks that were started earlier share one state. Without a new one, work in a thread could be given another task's
    dispatch as parent.
    """
    before = get_state()
    origin.before = before
    outer = innermost_running(before.top, perf_counter())
    enter_state(ExecutionState(origin, outer, suppressed=before.suppressed))
    record_queue.check_if_resting()


def end_origin(origin: Origin) -> None:
    """Return to what was there before; work that this request or task has left running stays attributed to it."""
    enter_state(origin.before or NO_STATE)
    origin.before = None
