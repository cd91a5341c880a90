"""What the send methods say while they run: which receiver is next, what it raised, that all is over."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from time import perf_counter_ns
from types import CoroutineType
from typing import TYPE_CHECKING, Any

from signal_monitor.faults import contained, note_in_send
from signal_monitor.names import sender_name
from signal_monitor.records import Method, Outcome

from .capture import failure_of
from .catalogue import ReceiverInfo, catalogue
from .cells import Cell, current_cell, enter_cell, leave_cell
from .dispatch import ActiveDispatch
from .places import Place, Position
from .probes import probes
from .stepping import as_coroutine, awaited, steps

if TYPE_CHECKING:
    from django.dispatch import Signal


class Observation:
    """Notes the receiver calls of one dispatch on behalf of a send method."""

    __slots__ = ("cell", "dispatch", "in_thread", "outer", "position", "span", "unusable", "watched")

    def __init__(self, dispatch: ActiveDispatch, cell: Cell) -> None:
        self.dispatch = dispatch
        self.cell = cell
        self.outer = cell.top
        self.position = Position(dispatch, -1, cell.top)
        self.in_thread = False
        self.span: object = None
        self.watched = -1
        self.unusable = -1

    @contained("the start of a receiver call", None, in_send=True)
    def begin_next(self, receiver: object) -> None:
        """A synchronous receiver is about to be called; the one before it, if any, has returned."""
        position, dispatch = self.position, self.dispatch
        if position.index >= 0:
            self.close_current()
        if dispatch.async_calls is None and position.index + 1 < dispatch.sync_count:
            position.index += 1
        else:
            position.index = dispatch.add(receiver, is_async=False)
        self.cell.top = position
        if dispatch.trace is not None:
            self.span = dispatch.trace.enter(position.index)
        dispatch.starts[position.index] = perf_counter_ns()

    def returned(self) -> None:
        """The last synchronous receiver has returned, or there was none."""
        if self.position.index >= 0:
            self.close_current()
        self.cell.top = self.outer

    def swallow(self, error: Exception) -> None:
        """The synchronous receiver has raised, and a robust send answers the error."""
        self.close_current("swallowed", error)

    def interrupt(self, error: BaseException) -> None:
        """An exception has ended the run of the synchronous receivers."""
        if self.cell.top is self.position:
            self.close_current("raised", error)
            self.cell.top = self.outer

    @contained("the end of a receiver call", None, in_send=True)
    def close_current(self, outcome: Outcome = "ok", error: BaseException | None = None) -> None:
        """Note the end of the synchronous receiver's call, unless it is noted already."""
        dispatch, index = self.dispatch, self.position.index
        if dispatch.ends[index]:
            return
        dispatch.close(index, outcome, error)
        if dispatch.trace is not None:
            dispatch.trace.leave(self.span)

    @contained("a dispatch's failure", None, in_send=True)
    def fail(self, error: BaseException) -> None:
        """An exception is leaving the send method."""
        if not self.in_thread:  # else the receivers run on in their thread, whatever ends the dispatch here
            self.interrupt(error)
        for offset in (self.watched, self.unusable):
            if offset >= 0:
                self.refuse(offset, "raised", error)
        if isinstance(error, asyncio.CancelledError | GeneratorExit):
            return  # the dispatch was given up, nothing in it has failed
        dispatch = self.dispatch
        known = dispatch.failures.get(self.position.index)
        same = known is not None and dispatch.outcomes[self.position.index] == "raised"
        dispatch.failure = known if same else failure_of(error)

    @contained("a refused call", None, in_send=True)
    def refuse(self, offset: int, outcome: Outcome, error: BaseException) -> None:
        """The call of an async receiver has raised, if there was nothing to await yet."""
        index, dispatch = self.dispatch.sync_count + offset, self.dispatch
        if index < len(dispatch.starts) and not dispatch.starts[index] and not dispatch.ends[index]:
            dispatch.starts[index] = perf_counter_ns()
            dispatch.close(index, outcome, error)

    @contained("the end of a dispatch", None, in_send=True)
    def finish(self) -> None:
        """The send method returns or raises."""
        self.dispatch.finish()
        if self.dispatch.signal.after is not None:
            self.dispatch.signal.after()

    def watched_each(self, receivers: Sequence[Any]) -> Iterator[tuple[int, Any]]:
        """The async receivers with their offsets among themselves, each about to be called."""
        dispatch = self.dispatch
        for offset, receiver in enumerate(receivers):
            known = dispatch.async_calls is None and dispatch.sync_count + offset < len(dispatch.receivers)
            self.watched = offset if known else dispatch.add(receiver, is_async=True) - dispatch.sync_count
            yield self.watched, receiver
        self.watched = -1

    def stepped(self, awaitable: Any, offset: int, *, task: bool = False) -> Any:  # noqa: ANN401
        """What to await in place of what the async receiver at an offset among the async ones has answered.

        With ``task``, a task can be made of it.
        """
        try:
            return self.observed(awaitable, self.dispatch.sync_count + offset, as_coroutine if task else steps)
        except Exception as error:  # noqa: BLE001 - as contained does, which would double what it costs
            note_in_send("an async receiver", error)
            return awaitable

    def observed(self, awaitable: Any, index: int, wrap: Callable[..., Any] = as_coroutine) -> Any:  # noqa: ANN401
        """What to await in place of what the receiver at a position has answered."""
        if type(awaitable) is not CoroutineType:
            if asyncio.isfuture(awaitable):
                self.dispatch.starts[index] = perf_counter_ns()
                awaitable.add_done_callback(lambda future: self._future_done(future, index))
                return awaitable
            if not asyncio.iscoroutine(awaitable):
                if wrap is as_coroutine and not inspect.isawaitable(awaitable):
                    if self.unusable < 0:  # nothing can be awaited: asyncio is about to say so
                        self.unusable = index - self.dispatch.sync_count
                    return awaitable
                awaitable = awaited(awaitable)
        return wrap(awaitable, Position(self.dispatch, index, self.outer))

    @contained("the end of an async receiver", None, in_send=True)
    def _future_done(self, future: asyncio.Future[Any], index: int) -> None:
        error = None if future.cancelled() else future.exception()
        if error is None:
            self.dispatch.close(index, "cancelled" if future.cancelled() else "ok")
        else:
            self.dispatch.close(index, "swallowed" if self.dispatch.is_robust else "raised", error)

    def enter_thread(self) -> Cell:
        """The synchronous receivers are about to run in this thread, which is not the sender's."""
        self.in_thread = True
        self.cell = Cell(self.dispatch.origin, self.outer)
        self.outer = self.cell.top
        return enter_cell(self.cell)

    def leave_thread(self, previous: Cell) -> None:
        """The synchronous receivers have run."""
        self.in_thread = False
        leave_cell(previous)


class Unobserved:
    """Stands in for an Observation where a dispatch is not observed."""

    __slots__ = ()
    cell = Cell()
    outer: Place = cell.top

    def begin_next(self, receiver: object) -> None:
        """Nothing to note."""

    def returned(self) -> None:
        """Nothing to note."""

    finish = returned

    def swallow(self, error: Exception) -> None:
        """Nothing to note."""

    def interrupt(self, error: BaseException) -> None:
        """Nothing to note."""

    fail = interrupt

    def refuse(self, offset: int, outcome: Outcome, error: BaseException) -> None:
        """Nothing to note."""

    def watched_each(self, receivers: Sequence[Any]) -> Iterator[tuple[int, Any]]:
        """The receivers with their offsets."""
        return enumerate(receivers)

    def stepped(self, awaitable: Any, offset: int, *, task: bool = False) -> Any:  # noqa: ANN401
        """Leaves the awaitable as it is."""
        return awaitable

    def enter_thread(self) -> Cell:
        """Nothing to enter."""
        return self.cell

    def leave_thread(self, previous: Cell) -> None:
        """Nothing to leave."""


UNOBSERVED = Unobserved()


@contained("the start of a dispatch", None, in_send=True)
def observe(
    signal: Signal, sender: object, method: Method, sync_receivers: Sequence[object], async_receivers: Sequence[object]
) -> Observation | None:
    """Begin to observe a dispatch; None where there is nothing to observe.

    Receivers that an overriding ``_live_receivers`` gives in anything but lists are learned as they are called: an
    iterator must be left to the send method.
    """
    if type(sync_receivers) is not list or type(async_receivers) is not list:
        observation = begin(signal, sender, method, (), 0)
        if observation is not None:
            observation.dispatch.async_calls = set()
        return observation
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
        cell = current_cell()  # it may have renewed it
    dispatch = ActiveDispatch(info, sender_name(sender), method, receivers, sync_count, cell)
    if probes.in_transaction is not None:
        dispatch.in_transaction = probes.in_transaction()
    dispatch.trace = probes.open_trace(dispatch, cell)
    return Observation(dispatch, cell)


@contained("the count of orphans", None, in_send=True)
def orphaned(signal: Signal) -> None:
    """Count a dispatch that found no receiver."""
    if not probes.enabled or current_cell().suppressed:
        return
    if type(signal) in overriding:
        info = catalogue.signal(signal)
        claim(signal)
    else:
        info = catalogue.attached(signal)
    info.orphans += 1
    for hook in (info.before, info.after):
        if hook is not None:
            hook()


class OverriddenSend:
    """A send method of a subclass that is running, until one of Django's own takes the dispatch over."""

    __slots__ = ("asked", "claimed", "handed_out", "observation", "signal_id")

    def __init__(self, observation: Observation, signal: Signal) -> None:
        self.observation = observation
        self.signal_id = id(signal)
        self.claimed = False
        self.asked = self.handed_out = False


overriding: set[type] = set()
"""The classes with a send method of their own."""
overridden_send: ContextVar[OverriddenSend | None] = ContextVar("signal_monitor_overridden_send", default=None)


def claim(signal: Signal) -> None:
    """Let a send method that an overriding one has called record the dispatch, so that it is counted once.

    A dispatch that a receiver of the overriding one makes is another: by then a receiver is known, or stands between.
    """
    running = overridden_send.get()
    if running is None or running.signal_id != id(signal):
        return
    outer = running.observation
    if not any(outer.dispatch.starts) and not outer.dispatch.ended_ns and current_cell().top is outer.outer:
        running.claimed = True
