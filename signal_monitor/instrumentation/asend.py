"""``asend`` and ``asend_robust``: Django's own code, with a note before and after each receiver call."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import starmap
from types import CoroutineType
from typing import Any, cast

from asgiref.sync import sync_to_async
from django.dispatch import dispatcher

from .async_calls import observe, release, steps
from .current import Call, ExecutionState, LogHandlers, Origin, Record, enter_state, leave_state
from .django_versions import ASYNC_AFTER_SYNC, run_parallel
from .info import DispatchInfo
from .plans import UNOBSERVED, ObservedSignal, find_info, note_receiver
from .record import add_concurrent_call, begin_call, end_call, info_of, outer_of, spans_of
from .recorder import begin, count_orphan, end, end_call_failed, end_call_ok, fail, fail_before_await
from .thread_state import current_state

Responses = list[tuple[Any, Any]]
NO_RECEIVERS = dispatcher.NO_RECEIVERS


async def asend(self: ObservedSignal, sender: Any, **named: Any) -> Responses:
    if not self.receivers or self.sender_receivers_cache.get(sender) is NO_RECEIVERS:
        count_orphan(self, sender)
        return []
    sync_receivers, async_receivers = self._live_receivers(sender)
    info = find_info(self, sender, "asend", sync_receivers, async_receivers)
    sync_receivers = _listed(info, sync_receivers)
    state = current_state()
    record = begin(info, state, len(sync_receivers) + _count(async_receivers))
    sync_send = sync_to_async(send_group) if sync_receivers else send_to_nobody
    call = partial(call_async_receiver, self, record, state.origin, sender, named, {})
    try:
        if ASYNC_AFTER_SYNC:
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
        count_orphan(self, sender)
        return []
    sync_receivers, async_receivers = self._live_receivers(sender)
    info = find_info(self, sender, "asend_robust", sync_receivers, async_receivers)
    sync_receivers = _listed(info, sync_receivers)
    state = current_state()
    record = begin(info, state, len(sync_receivers) + _count(async_receivers))
    sync_send = sync_to_async(send_robust_group) if sync_receivers else send_robust_to_nobody
    call = partial(call_async_receiver_robustly, self, record, state.origin, sender, named)
    try:
        if ASYNC_AFTER_SYNC:
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
        add_concurrent_call(record)
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
                state.top = LogHandlers(record, index, root)
                if spans is not None:
                    spans.leave_call(entered)
                if not issubclass(type(error), Exception):
                    raise
                signal._log_robust_failure(receiver, cast("Exception", error))
                state.top = root
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
    """Send to no synchronous receivers, in an asend."""
    return []


async def send_robust_to_nobody(*_group: object) -> Responses:
    """Send to no synchronous receivers, in an asend_robust."""
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
    call = partial(call_async_receiver_of_send_robust, signal, record, state.origin, sender, named)
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
        fail_before_await(record, index, error)
        for ours in observed.values():
            release(ours)
        raise
    if ASYNC_AFTER_SYNC:
        if type(awaitable) is CoroutineType and info_of(record) is not UNOBSERVED:
            return steps(awaitable, Call(record, index, outer_of(record)), origin)
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
        fail_before_await(record, index, err)
        state = current_state()
        before, state.top = state.top, LogHandlers(record, index, outer_of(record))
        try:
            signal._log_robust_failure(receiver, err)
        finally:
            state.top = before
        return err
    return response


# The one of send_robust: its frames and coroutines look like those of that method.
call_async_receiver_of_send_robust = call_async_receiver_robustly
