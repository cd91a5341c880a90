"""``asend`` and ``asend_robust``, and what calls async receivers: Django's own code, with a note before and after each.

Django 6.1 runs the async receivers of one dispatch in one shared context, so what is current cannot be set around
``await receiver()``: the receivers would see each other's, and the caller would keep the last. It is set while the
coroutine is being stepped, and only then, which is right on every version.
"""

from __future__ import annotations

import asyncio
import inspect
import types
from collections.abc import Awaitable, Coroutine, Generator, Iterable, Iterator
from functools import partial
from itertools import starmap
from typing import Any

from asgiref.sync import sync_to_async
from django.dispatch import dispatcher

from signal_monitor.errors import note_in_send

from .current import (
    Call,
    ExecutionState,
    Origin,
    Record,
    add_running,
    current_state,
    enter_state,
    leave_state,
    remove_running,
)
from .django_versions import SEQUENTIAL, run_parallel
from .info import DispatchInfo
from .plans import UNOBSERVED, ObservedSignal, find_info, note_receiver
from .record import add_call, begin_call, end_call, info_of, outer_of, spans_of
from .recorder import begin, count_orphan, end, end_call_failed, end_call_ok, fail, refuse_call

Responses = list[tuple[Any, Any]]
NO_RECEIVERS = dispatcher.NO_RECEIVERS


async def asend(self: ObservedSignal, sender: Any, **named: Any) -> Responses:
    if not self.receivers or self.sender_receivers_cache.get(sender) is NO_RECEIVERS:
        count_orphan(self)
        return []
    sync_receivers, async_receivers = self._live_receivers(sender)
    info = find_info(self, sender, "asend", sync_receivers, async_receivers)
    sync_receivers = _listed(info, sync_receivers)
    state = current_state()
    record = begin(info, state, len(sync_receivers) + _count(async_receivers))
    sync_send = sync_to_async(send_group) if sync_receivers else send_to_nobody
    call = partial(call_async_receiver, self, record, state.origin, sender, named, {})
    try:
        if SEQUENTIAL:
            responses = await sync_send(self, record, state, sync_receivers, sender, named)
            async_responses = await run_parallel(*starmap(call, _numbered(record, async_receivers)))
        else:
            responses, async_responses = await asyncio.gather(
                sync_send(self, record, state, sync_receivers, sender, named),
                run_parallel(*starmap(call, _numbered(record, async_receivers))),
            )
        responses.extend(zip(async_receivers, async_responses, strict=False))
    except BaseException as error:
        fail(record, error, 0)
        raise
    finally:
        end(record, state)
    return responses


async def asend_robust(self: ObservedSignal, sender: Any, **named: Any) -> Responses:
    if not self.receivers or self.sender_receivers_cache.get(sender) is NO_RECEIVERS:
        count_orphan(self)
        return []
    sync_receivers, async_receivers = self._live_receivers(sender)
    info = find_info(self, sender, "asend_robust", sync_receivers, async_receivers)
    sync_receivers = _listed(info, sync_receivers)
    state = current_state()
    record = begin(info, state, len(sync_receivers) + _count(async_receivers))
    sync_send = sync_to_async(send_robust_group) if sync_receivers else send_to_nobody
    call = partial(call_async_receiver_robustly, self, record, state.origin, sender, named)
    try:
        if SEQUENTIAL:
            responses = await sync_send(self, record, state, sync_receivers, sender, named)
            async_responses = await run_parallel(*starmap(call, _numbered(record, async_receivers)))
        else:
            responses, async_responses = await asyncio.gather(
                sync_send(self, record, state, sync_receivers, sender, named),
                run_parallel(*starmap(call, _numbered(record, async_receivers))),
            )
        responses.extend(zip(async_receivers, async_responses, strict=False))
    except BaseException as error:
        fail(record, error, 0)
        raise
    finally:
        end(record, state)
    return responses


def _listed(info: DispatchInfo, receivers: Any) -> list[Any]:
    """The synchronous receivers as a list; those of an iterator are added to the DispatchInfo."""
    if type(receivers) is list:
        return receivers
    listed = list(receivers)
    for receiver in listed:
        note_receiver(info, receiver, is_async=False)
    return listed


def _count(receivers: Any) -> int:
    """How many receivers are known before the first is called: none of an iterator's."""
    return len(receivers) if type(receivers) is list else 0


def _numbered(record: Record, receivers: Any) -> Iterator[tuple[int, Any]]:
    """The async receivers with their positions; those of an iterator, which is left to it, are added in their turn."""
    if type(receivers) is list:
        return enumerate(receivers, info_of(record).sync_count)
    return _each_numbered(record, receivers)


def _each_numbered(record: Record, receivers: Iterable[Any]) -> Iterator[tuple[int, Any]]:
    info = info_of(record)
    for index, receiver in enumerate(receivers, info.sync_count):
        note_receiver(info, receiver, is_async=True)
        add_call(record)
        yield index, receiver


def send_group(
    signal: ObservedSignal,
    record: Record,
    sender_state: ExecutionState,
    receivers: list[Any],
    sender: Any,
    named: dict[str, Any],
) -> Responses:
    """Call the synchronous receivers of an asend, in their thread."""
    responses: Responses = []
    spans = spans_of(record)
    state = ExecutionState.inside(outer_of(record), sender_state.origin, suppressed=sender_state.suppressed)
    root, token = state.top, enter_state(state)
    try:
        for index, receiver in enumerate(receivers):
            state.top = call = Call(record, index, root)
            entered = spans.enter_call(index) if spans is not None else None
            begin_call(record, index)
            try:
                response = receiver(signal=signal, sender=sender, **named)
            except BaseException as error:
                end_call_failed(call, error)
                raise
            finally:
                state.top = root
                if spans is not None:
                    spans.leave_call(entered)
            end_call_ok(call)
            responses.append((receiver, response))
    finally:
        leave_state(token)
    return responses


def send_robust_group(
    signal: ObservedSignal,
    record: Record,
    sender_state: ExecutionState,
    receivers: list[Any],
    sender: Any,
    named: dict[str, Any],
) -> Responses:
    """Call the synchronous receivers of an asend_robust, in their thread."""
    responses: Responses = []
    spans = spans_of(record)
    state = ExecutionState.inside(outer_of(record), sender_state.origin, suppressed=sender_state.suppressed)
    root, token = state.top, enter_state(state)
    try:
        for index, receiver in enumerate(receivers):
            state.top = call = Call(record, index, root)
            entered = spans.enter_call(index) if spans is not None else None
            begin_call(record, index)
            try:
                response = receiver(signal=signal, sender=sender, **named)
            except BaseException as error:
                end_call_failed(call, error)
                state.top = root
                if spans is not None:
                    spans.leave_call(entered)
                if not isinstance(error, Exception):
                    raise
                signal._log_robust_failure(receiver, error)
                responses.append((receiver, error))
            else:
                end_call_ok(call)
                state.top = root
                if spans is not None:
                    spans.leave_call(entered)
                responses.append((receiver, response))
    finally:
        leave_state(token)
    return responses


async def send_to_nobody(*_group: object) -> Responses:
    """There are no synchronous receivers."""
    return []


async def call_async(
    signal: ObservedSignal,
    record: Record,
    state: ExecutionState,
    receivers: Any,
    sender: Any,
    named: dict[str, Any],
) -> Any:
    """Call the async receivers of a send."""
    call = partial(call_async_receiver, signal, record, state.origin, sender, named, {})
    async_responses = await run_parallel(*starmap(call, _numbered(record, receivers)))
    return zip(receivers, async_responses, strict=False)


async def call_async_robust(
    signal: ObservedSignal,
    record: Record,
    state: ExecutionState,
    receivers: Any,
    sender: Any,
    named: dict[str, Any],
) -> Any:
    """Call the async receivers of a send_robust."""
    call = partial(call_async_receiver_robustly, signal, record, state.origin, sender, named)
    async_responses = await run_parallel(*starmap(call, _numbered(record, receivers)))
    return zip(receivers, async_responses, strict=False)


def call_async_receiver(
    signal: ObservedSignal,
    record: Record,
    origin: Origin | None,
    sender: Any,
    named: dict[str, Any],
    observed: dict[int, Any],
    index: int,
    receiver: Any,
) -> Any:
    """Call an async receiver; returns what is awaited in place of what it has returned.

    ``observed`` has, by its id, what is awaited in place of an awaitable: up to Django 6.0, two receivers may return
    the same one.
    """
    try:
        awaitable = receiver(signal=signal, sender=sender, **named)
    except BaseException as error:
        refuse_call(record, index, error)
        raise
    if SEQUENTIAL:
        return observe(awaitable, Call(record, index, outer_of(record)), origin, for_task=False)
    if id(awaitable) in observed:
        begin_call(record, index)
        end_call(record, index)
        return observed[id(awaitable)]
    ours = observed[id(awaitable)] = observe(awaitable, Call(record, index, outer_of(record)), origin, for_task=True)
    return ours


async def call_async_receiver_robustly(
    signal: ObservedSignal,
    record: Record,
    origin: Origin | None,
    sender: Any,
    named: dict[str, Any],
    index: int,
    receiver: Any,
) -> Any:
    """Call and await an async receiver; returns its response, or the exception that it has raised."""
    try:
        awaitable = receiver(signal=signal, sender=sender, **named)
        response = await observe(awaitable, Call(record, index, outer_of(record)), origin, for_task=False)
    except Exception as err:  # noqa: BLE001 - Django's own
        refuse_call(record, index, err)
        signal._log_robust_failure(receiver, err)
        return err
    return response


def observe(awaitable: Any, call: Call, origin: Origin | None, *, for_task: bool) -> Any:
    """What to await in place of what an async receiver has returned.

    Where it is ``for_task``, asyncio makes a task of it, which takes no generator.
    """
    if info_of(call.record) is UNOBSERVED:
        return awaitable
    try:
        if type(awaitable) is not types.CoroutineType and not asyncio.iscoroutine(awaitable):
            if asyncio.isfuture(awaitable):
                return _observed_future(awaitable, call)
            if not inspect.isawaitable(awaitable):
                refuse_call(call.record, call.index, TypeError("an awaitable is required"))
                return awaitable  # asyncio is about to say that it cannot be awaited
            awaitable = _await(awaitable)
        return _as_coroutine(awaitable, call, origin) if for_task else steps(awaitable, call, origin)
    except Exception as error:  # noqa: BLE001 - see note_in_send
        note_in_send("an async receiver", error)
        return awaitable


def _observed_future(future: asyncio.Future[Any], call: Call) -> asyncio.Future[Any]:
    begin_call(call.record, call.index)
    future.add_done_callback(partial(_end_future, call))
    return future


def _end_future(call: Call, future: asyncio.Future[Any]) -> None:
    if future.cancelled():
        end_call_failed(call, asyncio.CancelledError())
    elif (error := future.exception()) is not None:
        end_call_failed(call, error)
    else:
        end_call_ok(call)


async def _await(awaitable: Awaitable[Any]) -> Any:
    """A coroutine for an awaitable of another kind, so that it can be stepped."""
    return await awaitable


@types.coroutine
def steps(coroutine: Any, call: Call, origin: Origin | None) -> Generator[Any, Any, Any]:
    """Run a receiver's coroutine, with its call as the current one whenever it runs; for ``await`` only."""
    spans, left = spans_of(call.record), None
    begin_call(call.record, call.index)
    if getattr(coroutine, "cr_await", None) is not None:
        error = RuntimeError("coroutine is being awaited already")  # as await raises it
        end_call_failed(call, error)
        raise error
    state = ExecutionState.at(call, origin)
    add_running(call, state)
    call.coroutine = coroutine
    step, argument = coroutine.send, None
    try:
        while True:
            token = enter_state(state)
            outer = spans.resume(call.index, left) if spans is not None else None
            try:
                awaited = step(argument)
            except StopIteration as stop:
                end_call_ok(call)
                return stop.value
            except BaseException as error:
                end_call_failed(call, error)
                raise
            finally:
                argument = None  # an exception would keep this frame alive
                state = leave_state(token)  # the receiver's own, or that of a block which it suppresses
                if spans is not None:
                    left = spans.pause(outer)
            try:
                argument = yield awaited
                step = coroutine.send
            except GeneratorExit as error:
                coroutine.close()
                end_call_failed(call, error)
                raise
            except BaseException as error:  # noqa: BLE001 - it is raised in the receiver
                step, argument = coroutine.throw, error
    finally:
        call.coroutine = coroutine = step = awaited = left = None
        remove_running(call)


class _Unstarted:
    """A coroutine that is closed if nobody takes it.

    A task that is cancelled before its first step throws into the coroutine it was given, so that there is no complaint
    about one that was never awaited; with ours, the receiver's would be left.
    """

    __slots__ = ("coroutine",)

    def __init__(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        self.coroutine: Coroutine[Any, Any, Any] | None = coroutine

    def take(self) -> Coroutine[Any, Any, Any] | None:
        """The coroutine, which the caller runs."""
        coroutine, self.coroutine = self.coroutine, None
        return coroutine

    def __del__(self) -> None:
        if self.coroutine is not None:
            self.coroutine.close()


async def _run(unstarted: _Unstarted, call: Call, origin: Origin | None) -> Any:
    return await steps(unstarted.take(), call, origin)


def _as_coroutine(coroutine: Any, call: Call, origin: Origin | None) -> Coroutine[Any, Any, Any]:
    """A coroutine that runs a receiver's and has its name."""
    ours: Any = _run(_Unstarted(coroutine), call, origin)
    for name in ("__name__", "__qualname__"):
        value = getattr(coroutine, name, None)
        if type(value) is str:  # a coroutine that is not Python's own may have none
            setattr(ours, name, value)
    return ours  # type: ignore[no-any-return]
