"""Where a dispatch is made: on an event loop, in a context, in a thread."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import threading
from collections.abc import Awaitable, Callable
from typing import Any

from .actions import Place


def run_loop(awaitable: Awaitable[Any]) -> Any:
    """Await on an event loop of its own, which is not told the outcome: asyncio prints what a task has answered."""
    outcome: list[Any] = []
    asyncio.run(_settled(awaitable, outcome))
    answer, error = outcome
    if error is not None:
        raise error
    return answer


async def _settled(awaitable: Awaitable[Any], outcome: list[Any]) -> None:
    """Await, and then what other tasks there still are."""
    try:
        outcome[:] = [await awaitable, None]
    except BaseException as error:  # noqa: BLE001 - raised again where the loop has ended
        outcome[:] = [None, error]
    while others := asyncio.all_tasks() - {asyncio.current_task()}:
        await asyncio.wait(others)


def in_place(place: Place, function: Callable[[], Any]) -> Any:
    """Call a function here, in another context, or in a thread of its own."""
    if place == "here":
        return function()
    keeps = place in {"in a context", "in a thread with its context"}
    context = contextvars.copy_context() if keeps else contextvars.Context()
    return context.run(function) if place == "in a context" else _in_thread(functools.partial(context.run, function))


def _in_thread(function: Callable[[], Any]) -> Any:
    answers: list[Any] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            answers.append(function())
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that waits
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if errors:
        raise errors.pop()
    return answers.pop()
