"""``asend`` and ``asend_robust``, and what calls async receivers: Django's own code, with a note before and after each.

What differs between Django versions is read off ``django.dispatch.dispatcher`` once, at import.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from asgiref.sync import sync_to_async
from django.dispatch import dispatcher

from .observation import UNOBSERVED, Observation, Unobserved, observe, orphaned

if TYPE_CHECKING:
    from .plans import ObservedSignal

    Responses = list[tuple[Any, Any]]

# Django 6.1 runs async receivers in a task group of its own, after the synchronous ones; up to 6.0 both run at once.
SEQUENTIAL = hasattr(dispatcher, "_run_parallel")
run_parallel: Any = getattr(dispatcher, "_run_parallel", asyncio.gather)
NO_RECEIVERS = dispatcher.NO_RECEIVERS


async def asend(self: ObservedSignal, sender: Any, **named: Any) -> Responses:
    if not self.receivers or self.sender_receivers_cache.get(sender) is NO_RECEIVERS:
        orphaned(self)
        return []
    sync_receivers, async_receivers = self._live_receivers(sender)
    observation = observe(self, sender, "asend", sync_receivers, async_receivers) or UNOBSERVED
    sync_send = sync_to_async(send_to_group) if sync_receivers else send_to_nobody
    calls = (
        observation.stepped(receiver(signal=self, sender=sender, **named), offset, task=not SEQUENTIAL)
        for offset, receiver in observation.watched_each(async_receivers)
    )
    try:
        if SEQUENTIAL:
            responses = await sync_send(self, observation, sync_receivers, sender, named)
            async_responses = await run_parallel(*calls)
        else:
            responses, async_responses = await asyncio.gather(
                sync_send(self, observation, sync_receivers, sender, named), run_parallel(*calls)
            )
        responses.extend(zip(async_receivers, async_responses, strict=False))
    except BaseException as error:
        observation.fail(error)
        raise
    finally:
        observation.finish()
    return responses


async def asend_robust(self: ObservedSignal, sender: Any, **named: Any) -> Responses:
    if not self.receivers or self.sender_receivers_cache.get(sender) is NO_RECEIVERS:
        orphaned(self)
        return []
    sync_receivers, async_receivers = self._live_receivers(sender)
    observation = observe(self, sender, "asend_robust", sync_receivers, async_receivers) or UNOBSERVED
    sync_send = sync_to_async(send_robust_to_group) if sync_receivers else send_to_nobody

    async def asend_and_wrap_exception(offset: int, receiver: Any) -> Any:
        try:
            response = await observation.stepped(receiver(signal=self, sender=sender, **named), offset)
        except Exception as err:  # noqa: BLE001 - Django's own
            observation.refuse(offset, "swallowed", err)
            self._log_robust_failure(receiver, err)
            return err
        return response

    calls = (
        asend_and_wrap_exception(offset, receiver) for offset, receiver in observation.watched_each(async_receivers)
    )
    try:
        if SEQUENTIAL:
            responses = await sync_send(self, observation, sync_receivers, sender, named)
            async_responses = await run_parallel(*calls)
        else:
            responses, async_responses = await asyncio.gather(
                sync_send(self, observation, sync_receivers, sender, named), run_parallel(*calls)
            )
        responses.extend(zip(async_receivers, async_responses, strict=False))
    except BaseException as error:
        observation.fail(error)
        raise
    finally:
        observation.finish()
    return responses


def send_to_group(
    signal: ObservedSignal,
    observation: Observation | Unobserved,
    receivers: Sequence[Any],
    sender: Any,
    named: dict[str, Any],
) -> Responses:
    """The synchronous receivers of an asend, in their thread."""
    responses: Responses = []
    previous = observation.enter_thread()
    try:
        for receiver in receivers:
            observation.begin_next(receiver)
            response = receiver(signal=signal, sender=sender, **named)
            responses.append((receiver, response))
        observation.returned()
    except BaseException as error:
        observation.interrupt(error)
        raise
    finally:
        observation.cell.top = observation.outer
        observation.leave_thread(previous)
    return responses


def send_robust_to_group(
    signal: ObservedSignal,
    observation: Observation | Unobserved,
    receivers: Sequence[Any],
    sender: Any,
    named: dict[str, Any],
) -> Responses:
    """The synchronous receivers of an asend_robust, in their thread."""
    responses: Responses = []
    previous = observation.enter_thread()
    try:
        for receiver in receivers:
            observation.begin_next(receiver)
            try:
                response = receiver(signal=signal, sender=sender, **named)
            except Exception as err:  # noqa: BLE001 - Django's own
                observation.swallow(err)
                signal._log_robust_failure(receiver, err)
                responses.append((receiver, err))
            else:
                responses.append((receiver, response))
        observation.returned()
    except BaseException as error:
        observation.interrupt(error)
        raise
    finally:
        observation.cell.top = observation.outer
        observation.leave_thread(previous)
    return responses


async def send_to_nobody(*_group: object) -> Responses:
    """There are no synchronous receivers."""
    return []


async def call_async(
    signal: ObservedSignal,
    observation: Observation | Unobserved,
    receivers: Sequence[Any],
    sender: Any,
    named: dict[str, Any],
) -> Any:
    """The async receivers of a send."""
    async_responses = await run_parallel(
        *(
            observation.stepped(receiver(signal=signal, sender=sender, **named), offset, task=not SEQUENTIAL)
            for offset, receiver in observation.watched_each(receivers)
        )
    )
    return zip(receivers, async_responses, strict=False)


async def call_async_robust(
    signal: ObservedSignal,
    observation: Observation | Unobserved,
    receivers: Sequence[Any],
    sender: Any,
    named: dict[str, Any],
) -> Any:
    """The async receivers of a send_robust."""

    async def asend_and_wrap_exception(offset: int, receiver: Any) -> Any:
        try:
            response = await observation.stepped(receiver(signal=signal, sender=sender, **named), offset)
        except Exception as err:  # noqa: BLE001 - Django's own
            observation.refuse(offset, "swallowed", err)
            signal._log_robust_failure(receiver, err)
            return err
        return response

    async_responses = await run_parallel(
        *(asend_and_wrap_exception(offset, receiver) for offset, receiver in observation.watched_each(receivers))
    )
    return zip(receivers, async_responses, strict=False)
