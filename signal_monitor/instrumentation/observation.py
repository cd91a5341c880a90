"""What the send methods say while they run: which receiver is next, what it raised, that all is over."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, TypeVar

from signal_monitor.faults import contained
from signal_monitor.names import sender_name
from signal_monitor.records import Method, Outcome

from .capture import failure_of
from .catalogue import ReceiverInfo, catalogue
from .cells import Cell, current_cell, enter_cell, leave_cell
from .dispatch import ActiveDispatch, Position
from .probes import probes
from .stepping import SteppedCoroutine

if TYPE_CHECKING:
    from django.dispatch import Signal

T = TypeVar("T")


class Observation:
    """Notes the receiver calls of one dispatch on behalf of a send method."""

    __slots__ = ("cell", "dispatch", "position", "span", "watched")

    def __init__(self, dispatch: ActiveDispatch, cell: Cell) -> None:
        self.dispatch = dispatch
        self.cell = cell
        self.position = Position(dispatch, -1, cell.top)
        self.span: object = None
        self.watched = -1

    def begin_next(self) -> None:
        """A synchronous receiver is about to be called; the one before it, if any, has returned."""
        position, dispatch = self.position, self.dispatch
        if position.index >= 0:
            self.close_current()
        self.cell.top = position
        position.index += 1
        if dispatch.trace is not None:
            self.span = dispatch.trace.enter(position.index)
        dispatch.starts[position.index] = perf_counter_ns()

    def returned(self) -> None:
        """The last synchronous receiver has returned, or there was none."""
        if self.position.index >= 0:
            self.close_current()
        self.cell.top = self.position.outer

    def swallow(self, error: Exception) -> None:
        """The synchronous receiver has raised, and a robust send answers the error."""
        self.close_current("swallowed", error)

    def interrupt(self, error: BaseException) -> None:
        """An exception has ended the run of the synchronous receivers."""
        if self.cell.top is self.position:
            self.close_current("raised", error)
            self.cell.top = self.position.outer

    @contained("the end of a receiver call", None)
    def close_current(self, outcome: Outcome = "ok", error: BaseException | None = None) -> None:
        """Note the end of the synchronous receiver's call, unless it is noted already."""
        dispatch, index = self.dispatch, self.position.index
        if dispatch.ends[index]:
            return
        dispatch.close(index, outcome, error)
        if dispatch.trace is not None:
            dispatch.trace.leave(self.span)

    @contained("a dispatch's failure", None)
    def fail(self, error: BaseException) -> None:
        """An exception is leaving the send method."""
        self.interrupt(error)
        dispatch = self.dispatch
        if self.watched >= 0:
            self.refuse(self.watched, "raised", error)
        known = dispatch.failures.get(self.position.index)
        same = known is not None and dispatch.outcomes[self.position.index] == "raised"
        dispatch.failure = known if same else failure_of(error)

    def refuse(self, index: int, outcome: Outcome, error: BaseException) -> None:
        """The call of an async receiver has raised before there was anything to await."""
        dispatch = self.dispatch
        if not dispatch.starts[index]:
            dispatch.starts[index] = perf_counter_ns()
            dispatch.close(index, outcome, error)

    @contained("the end of a dispatch", None)
    def finish(self) -> None:
        """The send method returns or raises."""
        self.dispatch.finish()
        if self.dispatch.signal.after is not None:
            self.dispatch.signal.after()

    def watch(self, offset: int) -> Callable[[Any], Any]:
        """What to put around the awaitable of the async receiver at an offset among the async ones."""
        self.watched = index = self.dispatch.sync_count + offset
        return lambda awaitable: self._stepped(awaitable, index)

    def _stepped(self, awaitable: Any, index: int) -> Any:  # noqa: ANN401
        self.watched = -1
        if asyncio.iscoroutine(awaitable):
            return SteppedCoroutine(awaitable, Position(self.dispatch, index, self.position.outer))
        return awaitable

    def enter_thread(self) -> Cell | None:
        """The synchronous receivers are about to run in this thread, which is not the sender's."""
        self.cell = Cell(self.position.outer)
        return enter_cell(self.cell)

    def leave_thread(self, previous: Cell | None) -> None:
        """The synchronous receivers have run."""
        leave_cell(previous)


class Unobserved:
    """Stands in for an Observation where a dispatch is not observed."""

    __slots__ = ()

    def begin_next(self) -> None:
        """Nothing to note."""

    returned = finish = begin_next

    def swallow(self, error: Exception) -> None:
        """Nothing to note."""

    def interrupt(self, error: BaseException) -> None:
        """Nothing to note."""

    fail = interrupt

    def refuse(self, index: int, outcome: Outcome, error: BaseException) -> None:
        """Nothing to note."""

    def watch(self, offset: int) -> Callable[[T], T]:
        """Leaves the awaitable as it is."""
        return _itself

    def enter_thread(self) -> Cell | None:
        """Nothing to enter."""
        return None

    def leave_thread(self, previous: Cell | None) -> None:
        """Nothing to leave."""


def _itself(awaitable: T) -> T:
    return awaitable


UNOBSERVED = Unobserved()


@contained("the start of a dispatch", None)
def observe(
    signal: Signal, sender: object, method: Method, sync_receivers: Sequence[object], async_receivers: Sequence[object]
) -> Observation | None:
    """Begin to observe a dispatch whose receivers are known; None where there is nothing to observe."""
    if not sync_receivers and not async_receivers:
        orphaned(signal)
        return None
    infos = tuple([catalogue.receiver(item) for item in (*sync_receivers, *async_receivers)])
    return begin(signal, sender, method, infos, len(sync_receivers))


def begin(
    signal: Signal, sender: object, method: Method, receivers: tuple[ReceiverInfo, ...], sync_count: int
) -> Observation | None:
    """Begin to observe a dispatch; None where observation is off or suppressed."""
    cell = current_cell()
    if cell.suppressed or not probes.enabled:
        return None
    info = catalogue.signal(signal)
    if type(signal) in overriding:
        claim(signal)
    if info.before is not None:
        info.before()
    dispatch = ActiveDispatch(info, sender_name(sender), method, receivers, sync_count, cell)
    if probes.in_transaction is not None:
        dispatch.in_transaction = probes.in_transaction()
    if probes.open_trace is not None and info.spanned:
        dispatch.trace = probes.open_trace(dispatch)
    return Observation(dispatch, cell)


@contained("the count of orphans", None)
def orphaned(signal: Signal) -> None:
    """Count a dispatch that found no receiver."""
    if not probes.enabled or current_cell().suppressed:
        return
    info = catalogue.signal(signal)
    info.count_orphan()
    if type(signal) in overriding:
        claim(signal)
    for hook in (info.before, info.after):
        if hook is not None:
            hook()


class OverriddenSend:
    """A send method of a subclass that is running, until one of Django's own takes the dispatch over."""

    __slots__ = ("claimed", "observation", "signal_id")

    def __init__(self, observation: Observation, signal: Signal) -> None:
        self.observation = observation
        self.signal_id = id(signal)
        self.claimed = False


overriding: set[type] = set()
"""The classes with a send method of their own."""
overridden_send: ContextVar[OverriddenSend | None] = ContextVar("signal_monitor_overridden_send", default=None)


def claim(signal: Signal) -> None:
    """Let a send method that an overriding one has called record the dispatch, so that it is counted once."""
    outer = overridden_send.get()
    if outer is not None and outer.signal_id == id(signal):
        outer.claimed = True
