"""What an instrumented program must not notice: each case runs on Django's own methods and on ours."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import copy
import functools
import gc
import inspect
import logging
import pickle
import sys
import traceback
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from asgiref.sync import iscoroutinefunction
from django.db.models.signals import ModelSignal
from django.dispatch import Signal

from signal_monitor import instrument, uninstrument
from signal_monitor.instrumentation import is_instrumented


@pytest.fixture(params=["stock", "instrumented"])
def mode(request: pytest.FixtureRequest) -> Iterator[str]:
    """Every test of this module runs with and without us."""
    if request.param == "stock":
        uninstrument()
    assert is_instrumented() == (request.param == "instrumented")
    yield request.param
    instrument()


pytestmark = pytest.mark.usefixtures("mode")


def echo(value: Any = None, **kwargs: Any) -> Any:
    return value


def connected(*receivers: Any, **options: Any) -> Any:
    """A signal with receivers; Any, because what the tests ask of it is more than its type allows."""
    signal = Signal(**options)
    for receiver in receivers:
        signal.connect(receiver, weak=False)
    return signal


@pytest.mark.parametrize("name", ["send", "send_robust", "asend", "asend_robust"])
def test_methods_look_like_djangos(name: str) -> None:
    method = getattr(Signal, name)

    assert str(inspect.signature(method)) == "(self, sender, **named)"
    assert method.__qualname__ == f"Signal.{name}"
    assert method.__module__ == "django.dispatch.dispatcher"
    assert method.__doc__.strip().startswith("Send signal from sender")
    assert not hasattr(method, "__wrapped__")
    assert iscoroutinefunction(method) == inspect.iscoroutinefunction(method) == name.startswith("a")
    assert pickle.loads(pickle.dumps(method)) is method  # noqa: S301 - our own bytes


def test_answer_is_a_new_list_of_tuples_with_the_receivers_themselves() -> None:
    signal = connected(echo)

    first, second = signal.send(sender=None, value=[1]), signal.send(sender=None)

    assert first == [(echo, [1])]
    assert type(first) is list
    assert type(first[0]) is tuple
    assert first[0][0] is echo
    assert second is not first
    assert Signal().send(sender=None) is not Signal().send(sender=None)


@pytest.mark.parametrize("name", ["request", "method", "observation", "receiver", "named", "cls", "responses"])
def test_argument_names_are_free(name: str) -> None:
    assert connected(lambda **kwargs: kwargs[name]).send(None, **{name: 5})[0][1] == 5


@pytest.mark.parametrize("name", ["self", "signal"])
def test_argument_names_that_are_not_free(name: str) -> None:
    with pytest.raises(TypeError):
        connected(echo).send(None, **{name: 5})


def test_unhashable_sender() -> None:
    assert Signal().send(sender=[]) == []
    with pytest.raises(TypeError, match="unhashable"):
        connected(echo).send(sender=[])


def test_sender_without_weak_references_on_a_caching_signal() -> None:
    with pytest.raises(TypeError, match="weak reference"):
        connected(echo, use_caching=True).send(sender="text")


def test_exception_is_the_same_object_with_one_frame_between() -> None:
    error = ValueError("boom")

    def failing(**kwargs: Any) -> None:
        raise error

    with pytest.raises(ValueError, match="boom") as caught:
        connected(failing).send(sender=None)

    assert caught.value is error
    assert error.__cause__ is None
    assert error.__context__ is None
    assert not hasattr(error, "__notes__")
    names = [frame.name for frame in traceback.extract_tb(error.__traceback__)]
    assert names == ["test_exception_is_the_same_object_with_one_frame_between", "send", "failing"]


@pytest.mark.parametrize("name", ["send", "send_robust"])
def test_one_frame_between_sender_and_receiver(name: str) -> None:
    def two_up(**kwargs: Any) -> str:
        return sys._getframe(2).f_code.co_name

    ((_, seen),) = getattr(connected(two_up), name)(sender=None)

    assert seen == "test_one_frame_between_sender_and_receiver"


def test_robust_failure_is_answered_and_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    def failing(**kwargs: Any) -> None:
        raise ValueError("boom")

    with caplog.at_level(logging.ERROR, "django.dispatch"):
        ((receiver, error),) = connected(failing).send_robust(sender=None)

    assert receiver is failing
    assert [frame.name for frame in traceback.extract_tb(error.__traceback__)] == ["send_robust", "failing"]
    (record,) = caplog.records
    assert record.args == (failing.__qualname__, error)
    assert record.exc_info is not None
    assert record.exc_info[1] is error


def test_partial_that_fails_under_a_robust_send() -> None:
    def failing(**kwargs: Any) -> None:
        raise ValueError

    with pytest.raises(AttributeError, match="__qualname__"):
        connected(functools.partial(failing)).send_robust(sender=None)


def test_weak_receiver_dies_with_its_last_reference() -> None:
    class Listener:
        def hear(self, **kwargs: Any) -> str:
            return "heard"

    signal, listener = Signal(), Listener()
    signal.connect(listener.hear)
    assert [response for _, response in signal.send(sender=None)] == ["heard"]

    gone = weakref.ref(listener)
    del listener

    assert gone() is None
    assert signal.send(sender=None) == []
    assert not signal.has_listeners()


class Precious:
    """Something that must be freed at once."""


@pytest.mark.parametrize("name", ["send", "send_robust"])
def test_sender_and_arguments_are_freed_by_reference_count(name: str) -> None:
    signal, sender, value = connected(echo), Precious(), Precious()
    references = [weakref.ref(sender), weakref.ref(value)]
    gc.disable()
    try:
        getattr(signal, name)(sender=sender, value=value)
        del sender, value
        assert [reference() for reference in references] == [None, None]
    finally:
        gc.enable()


def test_sender_is_freed_after_a_failing_send() -> None:
    def failing(**kwargs: Any) -> None:
        raise ValueError

    signal, sender = connected(failing), Precious()
    reference = weakref.ref(sender)
    gc.disable()
    try:
        with contextlib.suppress(ValueError):
            signal.send(sender=sender)
        del sender
        assert reference() is None
    finally:
        gc.enable()


def test_dispatch_works_on_a_snapshot() -> None:
    signal: Any = Signal()

    def disconnecting(**kwargs: Any) -> Any:
        return signal.disconnect(echo)

    signal.connect(disconnecting)
    signal.connect(echo)

    assert signal.send(sender=None, value=3) == [(disconnecting, True), (echo, 3)]
    assert signal.send(sender=None) == [(disconnecting, False)]


def test_named_values_are_not_touched() -> None:
    class Untouchable:
        def __getattribute__(self, name: str) -> Any:
            raise AssertionError(name)

        def __eq__(self, other: object) -> bool:
            raise AssertionError

        def __hash__(self) -> int:
            raise AssertionError

        def __repr__(self) -> str:
            raise AssertionError

    value = Untouchable()

    assert connected(echo).send(sender=None, value=value)[0][1] is value


def test_response_of_an_unmarked_async_callable_is_its_coroutine() -> None:
    class Callable:
        async def __call__(self, **kwargs: Any) -> int:
            return 5

    ((_, response),) = connected(Callable()).send(sender=None)

    assert inspect.iscoroutine(response)
    assert asyncio.run(response) == 5


def test_partial_of_an_async_function_is_async() -> None:
    async def receiver(add: int, **kwargs: Any) -> int:
        return 1 + add

    assert [answer for _, answer in connected(functools.partial(receiver, 4)).send(sender=None)] == [5]


variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")


async def aseen_and_set(**kwargs: Any) -> str:
    seen = variable.get()
    await asyncio.sleep(0)
    variable.set("by an async receiver")
    return seen


def seen_and_set(**kwargs: Any) -> str:
    seen = variable.get()
    variable.set("by a receiver")
    return seen


def result_in_new_context(run: Callable[[], Any]) -> Any:
    return contextvars.copy_context().run(run)


def stock(run: Callable[[], Any]) -> Any:
    """The same on Django's own methods."""
    was_on = is_instrumented()
    uninstrument()
    try:
        return result_in_new_context(run)
    finally:
        if was_on:
            instrument()


@pytest.mark.parametrize("receivers", [(seen_and_set, aseen_and_set), (aseen_and_set, aseen_and_set)])
@pytest.mark.parametrize("name", ["send", "asend", "send_robust", "asend_robust"])
def test_context_variables_are_seen_and_left_as_with_django(name: str, receivers: tuple[Any, ...]) -> None:
    def run() -> tuple[list[Any], str]:
        signal = Signal()
        for index, receiver in enumerate(receivers):
            signal.connect(receiver, dispatch_uid=f"{index}", weak=False)
        if not name.startswith("a"):
            return [answer for _, answer in getattr(signal, name)(sender=None)], variable.get()

        async def main() -> tuple[list[Any], str]:
            variable.set("by the caller")
            return [answer for _, answer in await getattr(signal, name)(sender=None)], variable.get()

        return asyncio.run(main())

    assert result_in_new_context(run) == stock(run)


@pytest.mark.parametrize("failures", [1, 2])
def test_failing_async_receivers_raise_as_with_django(failures: int) -> None:
    def run() -> tuple[str, list[str]]:
        async def failing(**kwargs: Any) -> None:
            raise ValueError("one")

        async def failing_too(**kwargs: Any) -> None:
            raise KeyError("two")

        signal = connected(*[failing, failing_too][:failures])
        with pytest.raises(BaseException) as caught:  # noqa: PT011 - the kind is what is compared
            asyncio.run(signal.asend(sender=None))
        parts = getattr(caught.value, "exceptions", ())
        return repr(caught.value), [repr(part) for part in parts]

    assert result_in_new_context(run) == stock(run)


def test_send_with_async_receivers_on_a_running_loop_is_refused() -> None:
    async def receiver(**kwargs: Any) -> None: ...

    async def main() -> None:
        connected(receiver).send(sender=None)

    with pytest.raises(RuntimeError, match="await the async function directly"):
        asyncio.run(main())


def test_copies_and_pickles() -> None:
    signal = connected(echo)

    assert copy.copy(signal).receivers is signal.receivers
    with pytest.raises(TypeError):
        copy.deepcopy(signal)
    with pytest.raises(TypeError):
        pickle.dumps(signal)


def test_constructor_takes_what_djangos_takes() -> None:
    assert str(inspect.signature(Signal.__init__)) == "(self, use_caching=False)"
    assert Signal(True).use_caching  # noqa: FBT003 - Django allows it
    assert ModelSignal(use_caching=True).use_caching
    with pytest.raises(TypeError):
        Signal(providing_args=["x"])  # type: ignore[call-arg]


def test_caches_hold_what_django_puts_there() -> None:
    class Sender:
        pass

    signal = connected(echo, use_caching=True)
    signal.send(sender=Sender)
    cached = signal.sender_receivers_cache[Sender]
    assert isinstance(cached, list)
    assert cached == [(echo, *cached[0][1:])]

    other = Signal(use_caching=True)
    other.connect(echo, sender=int)
    other.send(sender=Sender)
    assert Sender in other.sender_receivers_cache
    assert not isinstance(other.sender_receivers_cache[Sender], list)
