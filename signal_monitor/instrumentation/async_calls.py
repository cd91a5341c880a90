"""Async receivers, observed step by step.

Django 6.1 runs the async receivers of one dispatch in one shared context, so what is current cannot be set around
``await receiver()``: the receivers would see each other's, and the caller would keep the last. It is set while the
coroutine is being stepped, and only then, which is right on every version.
"""

from __future__ import annotations

import asyncio
import inspect
import types
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextvars import ContextVar
from functools import partial
from typing import Any, TypeVar

from signal_monitor.errors import note_in_send

from .current import Call, ExecutionState, Origin, enter_state, get_state, leave_state, running_states
from .frames_as_django import hidden_from_stacklevel
from .plans import UNOBSERVED
from .record import begin_call, end_call, info_of, spans_of
from .recorder import end_call_failed, end_call_ok, fail_before_await

T = TypeVar("T")


def observe(awaitable: Any, call: Call, origin: Origin | None, *, for_task: bool) -> Any:
    """What to await in place of what an async receiver has returned.

    Where it is ``for_task``, asyncio makes a task of it, which takes no generator.
    """
    if info_of(call.record) is UNOBSERVED:
        return awaitable
    try:
        if type(awaitable) is not types.CoroutineType:
            if not for_task:
                awaitable = _await(awaitable)
            elif asyncio.isfuture(awaitable):
                return _observed_future(awaitable, call)
            elif not asyncio.iscoroutine(awaitable):
                if not inspect.isawaitable(awaitable):
                    fail_before_await(call.record, call.index, TypeError("an awaitable is required"))
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


def as_steps(awaitable: Any) -> Any:
    """A coroutine of Python's own, which can be stepped, for any awaitable."""
    return awaitable if type(awaitable) is types.CoroutineType else _await(awaitable)


@types.coroutine
def steps(coroutine: Any, call: Call, origin: Origin | None) -> Generator[Any, Any, Any]:
    """Run a receiver's coroutine, with its call as the current one whenever it runs; for ``await`` only."""
    record, index = call.record, call.index
    spans, left = spans_of(record), None
    begin_call(record, index)
    if getattr(coroutine, "cr_await", None) is not None:
        error = RuntimeError("coroutine is being awaited already")  # as await raises it
        end_call_failed(call, error)
        raise error
    state = ExecutionState.at(call, origin)
    running_states[id(call)] = state
    call.coroutine = coroutine
    step, argument = coroutine.send, None
    try:
        while True:
            token = enter_state(state)
            outer = spans.resume(index, left) if spans is not None else None
            try:
                awaited = step(argument)
            except StopIteration as stop:
                if spans is not None or not end_call(record, index):
                    end_call_ok(call)
                return stop.value
            except BaseException as error:
                end_call_failed(call, error)
                raise
            finally:
                argument = None  # an exception would keep this frame alive
                state = get_state()  # the receiver's own, or that of a block which it suppresses
                leave_state(token)
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
        running_states.pop(id(call), None)


@types.coroutine
def run_with(variable: ContextVar[T], value: T, coroutine: Any) -> Generator[Any, Any, Any]:
    """Run a coroutine with a context variable that has a value of its own whenever it runs; for ``await`` only.

    Others may share its context and run meanwhile, and it may be closed in another context than it was run in.
    """
    step, argument = coroutine.send, None
    try:
        while True:
            token = variable.set(value)
            try:
                awaited = step(argument)
            except StopIteration as stop:
                return stop.value
            finally:
                argument = None
                value = variable.get()
                variable.reset(token)
            try:
                argument = yield awaited
                step = coroutine.send
            except BaseException as error:  # noqa: BLE001 - it is raised in the coroutine
                step, argument = coroutine.throw, error
    finally:
        coroutine = step = awaited = None


for _function in (steps, run_with, _await):
    hidden_from_stacklevel(_function)


class _Unstarted:
    """A coroutine that is closed if nobody takes it.

    A task that is cancelled before its first step throws into the coroutine it was given, so that there is no complaint
    about one that was never awaited; with ours, the receiver's would be left. Python calls what ``__del__`` is: a
    method in C, because what a signal handler raises in a method in Python would be lost there.
    """

    __slots__ = ("__del__", "coroutine")

    def __init__(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        self.coroutine: Coroutine[Any, Any, Any] | None = coroutine
        self.__del__: Callable[[], Any] = coroutine.close

    def take(self) -> Coroutine[Any, Any, Any] | None:
        """The coroutine, which the caller runs."""
        coroutine, self.coroutine, self.__del__ = self.coroutine, None, dict
        return coroutine


def release(ours: Any) -> None:
    """Drop a coroutine that nobody will await; Python complains about the receiver's, as it does without ours."""
    if type(ours) is not types.CoroutineType or inspect.getcoroutinestate(ours) != inspect.CORO_CREATED:
        return
    unstarted = inspect.getcoroutinelocals(ours).get("unstarted")
    if type(unstarted) is _Unstarted and getattr(unstarted.coroutine, "cr_code", None) is not _await.__code__:
        unstarted.take()
        ours.close()


async def _run(unstarted: _Unstarted, call: Call, origin: Origin | None) -> Any:
    return await steps(unstarted.take(), call, origin)


hidden_from_stacklevel(_run)


def _as_coroutine(coroutine: Any, call: Call, origin: Origin | None) -> Coroutine[Any, Any, Any]:
    """A coroutine that runs a receiver's and has its name."""
    ours: Any = _run(_Unstarted(coroutine), call, origin)
    for name in ("__name__", "__qualname__"):
        value = getattr(coroutine, name, None)
        if type(value) is str:  # a coroutine that is not Python's own may have none
            setattr(ours, name, value)
    return ours  # type: ignore[no-any-return]
