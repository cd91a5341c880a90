"""Put on, taken off, and beside others: subclasses with send methods of their own, and other tools."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import FunctionType
from typing import Any

import pytest
from asgiref.sync import markcoroutinefunction
from django.db import connection
from django.dispatch import Signal

from signal_monitor import instrument, uninstrument
from signal_monitor.instrumentation import is_instrumented
from signal_monitor.instrumentation.info import orphan_counts
from signal_monitor.testing import Capture, capture_dispatches

METHODS = ("send", "send_robust", "asend", "asend_robust")


@pytest.fixture(autouse=True)
def _instrumented_again(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    yield
    monkeypatch.undo()  # other tools go first
    uninstrument()
    instrument()


def fine(**kwargs: Any) -> str:
    return "fine"


async def afine(**kwargs: Any) -> str:
    return "afine"


def methods(cls: type = Signal) -> dict[str, Any]:
    return {name: cls.__dict__.get(name) for name in (*METHODS, "__init__", "_live_receivers")}


def test_instrument_twice_is_once() -> None:
    before = methods()
    instrument()
    assert methods() == before

    with capture_dispatches() as captured:
        signal = Signal()
        signal.connect(fine)
        signal.send(sender=None)
    assert len(captured.dispatches) == 1


def test_uninstrument_restores_what_was_there() -> None:
    uninstrument()
    stock = methods()
    assert {method.__code__.co_filename.endswith("dispatcher.py") for method in stock.values()} == {True}

    instrument()
    assert methods()["send"] is not stock["send"]
    uninstrument()
    uninstrument()

    assert methods() == stock
    assert not is_instrumented()


def test_uninstrument_leaves_what_another_tool_has_put_over_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = Signal.send

    @functools.wraps(ours)
    def theirs(self: Signal, sender: Any, **named: Any) -> Any:
        return ours(self, sender, **named)

    monkeypatch.setattr(Signal, "send", theirs)
    signal = Signal()
    signal.connect(fine)
    with capture_dispatches() as captured:
        signal.send(sender=1)
        uninstrument()
        assert Signal.send is theirs
        assert signal.send(sender=2) == [(fine, "fine")]
        instrument()
        assert signal.send(sender=3) == [(fine, "fine")]

    assert [record.sender for record in captured.dispatches] == ["1", "3"]


def test_tool_that_was_there_first_still_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    uninstrument()
    stock, calls = Signal.send, []

    @functools.wraps(stock)
    def theirs(self: Signal, sender: Any, **named: Any) -> Any:
        calls.append(sender)
        return stock(self, sender, **named)

    monkeypatch.setattr(Signal, "send", theirs)
    instrument()
    signal = Signal()
    signal.connect(fine)
    with capture_dispatches() as captured:
        assert signal.send(sender="x") == [(fine, "fine")]

    assert calls == ["x"]
    assert [[call.outcome for call in record.calls] for record in captured.dispatches] == [["ok"]]
    uninstrument()
    assert Signal.send is theirs


class Choosy(Signal):
    """Runs its receivers itself, some of them."""

    def send(self, sender: Any, **named: Any) -> list[tuple[Any, Any]]:
        chosen = [item for item in self._live_receivers(sender)[0] if not item.__name__.startswith("skip")]
        return [(item, item(signal=self, sender=sender, **named)) for item in chosen]

    async def asend(self, sender: Any, **named: Any) -> list[tuple[Any, Any]]:
        sync, asyncs = self._live_receivers(sender)
        answers = [(item, item(signal=self, sender=sender, **named)) for item in sync]
        return answers + [(item, await item(signal=self, sender=sender, **named)) for item in asyncs]


class Tasklike(Signal):
    """All four methods call Django's; the robust one answers nothing, by way of the plain one."""

    def send(self, sender: Any, **named: Any) -> Any:
        return super().send(sender, **named)

    def send_robust(self, sender: Any, **named: Any) -> None:  # type: ignore[override]
        super().send(sender, **named)

    async def asend(self, sender: Any, **named: Any) -> Any:
        return await super().asend(sender, **named)

    async def asend_robust(self, sender: Any, **named: Any) -> None:  # type: ignore[override]
        await super().asend(sender, **named)


class Filtering(Signal):
    """Finds other receivers than Django would."""

    def _live_receivers(self, sender: Any) -> Any:
        sync, asyncs = super()._live_receivers(sender)
        return [item for item in sync if item is not skipped], asyncs


def skipped(**kwargs: Any) -> str:
    return "skipped"


def connected(signal: Signal, *receivers: Any) -> Signal:
    for receiver in receivers:
        signal.connect(receiver)
    return signal


def test_override_that_runs_the_receivers_itself() -> None:
    signal = connected(Choosy(), fine, skipped)
    with capture_dispatches() as captured:
        answers = signal.send(int, x=1)

    assert answers == [(fine, "fine")]
    assert answers[0][0] is fine
    (record,) = captured.dispatches
    assert (record.sender, record.method) == ("int", "send")
    assert [(call.receiver, call.outcome) for call in record.calls] == [(f"{__name__}.fine", "ok")]


def test_async_override_that_runs_the_receivers_itself() -> None:
    signal = connected(Choosy(), fine, afine)
    with capture_dispatches() as captured:
        answers = asyncio.run(signal.asend(sender=int))

    assert answers == [(fine, "fine"), (afine, "afine")]
    (record,) = captured.dispatches
    assert [(call.receiver.rpartition(".")[2], call.is_async) for call in record.calls] == [
        ("fine", False),
        ("afine", True),
    ]


def test_failure_inside_an_override() -> None:
    def failing(**kwargs: Any) -> None:
        raise ValueError("no")

    with capture_dispatches() as captured, pytest.raises(ValueError, match="no"):
        connected(Choosy(), fine, failing).send(int)

    (record,) = captured.dispatches
    assert [call.outcome for call in record.calls] == ["ok", "raised"]
    assert record.failure is not None


@pytest.mark.parametrize("method", METHODS)
def test_overrides_that_call_djangos_are_counted_once(method: str) -> None:
    signal = connected(Tasklike(), fine)
    with capture_dispatches() as captured:
        answer = getattr(signal, method)(sender=int)
        if method.startswith("a"):
            answer = asyncio.run(answer)

    assert answer == (None if "robust" in method else [(fine, "fine")])
    assert [[call.outcome for call in record.calls] for record in captured.dispatches] == [["ok"]]


def test_nested_dispatch_of_the_same_overriding_signal_is_counted_too() -> None:
    signal = Tasklike()

    def again(sender: Any, **kwargs: Any) -> None:
        if sender == 1:
            signal.send(2)

    with capture_dispatches() as captured:
        connected(signal, again).send(1)

    assert [(record.sender, record.depth) for record in captured.dispatches] == [("2", 1), ("1", 0)]


def test_own_live_receivers() -> None:
    signal = connected(Filtering(), fine, skipped)
    with capture_dispatches() as captured:
        assert signal.send(sender=None) == [(fine, "fine")]
        assert signal.has_listeners()

    assert [len(record.calls) for record in captured.dispatches] == [1]


def test_class_made_after_instrumenting(captured: Capture) -> None:
    class Fresh(Signal):
        def send_robust(self, sender: Any, **named: Any) -> Any:
            return [(item, item(**named)) for item in self._live_receivers(sender)[0]]

    connected(Fresh(), fine).send_robust(None)

    assert [record.method for record in captured.dispatches] == ["send_robust"]


def test_overrides_are_restored() -> None:
    own = Choosy.__dict__["send"].__wrapped__
    uninstrument()

    assert Choosy.__dict__["send"] is own
    assert "_live_receivers" not in Choosy.__dict__


class Sorted(Signal):
    """Orders and filters its receivers by where they are defined, as plugin systems do."""

    def send(self, sender: Any, **named: Any) -> Any:
        found = sorted(self._live_receivers(sender)[0], key=lambda item: (item.__module__, item.__name__))
        return {item: item(signal=self, sender=sender, **named) for item in found if isinstance(item, FunctionType)}


def test_stand_ins_pass_for_their_receivers() -> None:
    def elsewhere(**kwargs: Any) -> str:
        return "elsewhere"

    elsewhere.__module__ = "aaa"
    with capture_dispatches() as captured:
        answer: Any = connected(Sorted(), fine, elsewhere).send(None)

    assert list(answer.items()) == [(elsewhere, "elsewhere"), (fine, "fine")]
    assert [type(item) for item in answer] == [FunctionType, FunctionType]
    calls = sorted(captured.dispatches[0].calls, key=lambda call: call.offset_ns)
    assert [call.receiver.rpartition(".")[2] for call in calls] == ["elsewhere", "fine"]


class Plugin:
    """A mixin that knows nothing of signals."""

    def send(self, sender: Any, **named: Any) -> Any:
        return super().send(sender, **named)  # type: ignore[misc]


def test_override_in_a_base_class_or_mixin_made_after_instrumenting() -> None:
    class Base(Signal):
        def send(self, sender: Any, **named: Any) -> Any:
            return [(item, item(**named)) for item in self._live_receivers(sender)[0]]

    class Leaf(Base):
        pass

    class Mixed(Plugin, Signal):
        pass

    with capture_dispatches() as captured:
        assert connected(Leaf(), fine).send(None) == [(fine, "fine")]
        assert connected(Mixed(), fine).send(None) == [(fine, "fine")]

    assert [[call.outcome for call in record.calls] for record in captured.dispatches] == [["ok"], ["ok"]]


def test_two_overrides_above_each_other_are_counted_once() -> None:
    class Leaf(Tasklike):
        def send(self, sender: Any, **named: Any) -> Any:
            return super().send(sender, **named)

    with capture_dispatches() as captured:
        connected(Leaf(), fine).send(None)

    assert [[call.receiver for call in record.calls] for record in captured.dispatches] == [[f"{__name__}.fine"]]


def test_recursion_through_an_override_that_runs_the_receivers_itself() -> None:
    signal = Choosy()

    def again(level: int, **kwargs: Any) -> None:
        if level:
            signal.send(f"level {level}", level=level - 1)

    with capture_dispatches() as captured:
        connected(signal, again).send("level 3", level=2)

    assert [(record.sender, record.depth) for record in captured.dispatches] == [
        ("level 1", 2),
        ("level 2", 1),
        ("level 3", 0),
    ]


def test_override_that_swallows() -> None:
    def failing(**kwargs: Any) -> None:
        raise KeyboardInterrupt

    class Quiet(Signal):
        def send(self, sender: Any, **named: Any) -> Any:
            for item in self._live_receivers(sender)[0]:
                with contextlib.suppress(BaseException):
                    item(**named)

    with capture_dispatches() as captured:
        connected(Quiet(), failing, fine).send(None)

    assert [[call.outcome for call in record.calls] for record in captured.dispatches] == [["swallowed", "ok"]]


def test_async_override_that_is_a_plain_function() -> None:
    class Plain(Signal):
        def asend(self, sender: Any, **named: Any) -> Any:
            return super().asend(sender, **named)

    with capture_dispatches() as captured:
        assert asyncio.run(connected(Plain(), fine).asend(None)) == [(fine, "fine")]

    assert len(captured.dispatches) == 1


def test_callable_that_is_no_descriptor() -> None:
    class Caller:
        def __call__(self, *args: Any, **kwargs: Any) -> str:
            return "called"

    class Odd(Signal):
        send = Caller()  # type: ignore[assignment]

    assert connected(Odd(), fine).send(None) == "called"  # type: ignore[comparison-overlap]


class Lazy(Signal):
    """Gives its receivers as iterators."""

    def _live_receivers(self, sender: Any) -> Any:
        sync, asyncs = super()._live_receivers(sender)
        return filter(None, sync), iter(asyncs)


@pytest.mark.parametrize("method", ["send", "send_robust"])
def test_receivers_given_by_an_iterator(method: str) -> None:
    with capture_dispatches() as captured:
        assert getattr(connected(Lazy(), fine, skipped), method)(None) == [(fine, "fine"), (skipped, "skipped")]

    assert [[call.receiver.rpartition(".")[2] for call in record.calls] for record in captured.dispatches] == [
        ["fine", "skipped"]
    ]


class Answering(Signal):
    """Runs its receivers itself, and answers as Django does."""

    def send(self, sender: Any, **named: Any) -> Any:
        return [(item, item(signal=self, sender=sender, **named)) for item in self._live_receivers(sender)[0]]

    async def asend(self, sender: Any, **named: Any) -> Any:
        return [(item, await item(signal=self, sender=sender, **named)) for item in self._live_receivers(sender)[1]]


@pytest.mark.parametrize("cls", [Answering, Tasklike])
def test_responses_of_an_override_are_left_alone(cls: type[Signal]) -> None:
    endless: list[Any] = []
    endless.append(endless)

    def circular(**kwargs: Any) -> Any:
        return endless

    answer: Any = connected(cls(), circular).send(None)
    ((receiver, response),) = answer
    assert receiver is circular
    assert response is endless


def test_future_of_an_async_receiver_under_an_override() -> None:
    async def work() -> str:
        return "done"

    def receiver(**kwargs: Any) -> Any:
        return asyncio.ensure_future(work())

    async def main() -> Any:
        return await connected(Answering(), markcoroutinefunction(receiver)).asend(None)

    with capture_dispatches() as captured:
        assert asyncio.run(main()) == [(receiver, "done")]

    assert [[(call.outcome, call.is_async) for call in record.calls] for record in captured.dispatches] == [
        [("ok", True)]
    ]


def test_attribute_set_on_a_receiver_by_an_override_is_kept() -> None:
    class Counting(Signal):
        def send(self, sender: Any, **named: Any) -> Any:
            for item in self._live_receivers(sender)[0]:
                item.ran = getattr(item, "ran", 0) + 1  # type: ignore[attr-defined]

    def receiver(**kwargs: Any) -> None: ...

    signal = connected(Counting(), receiver)
    signal.send(None)
    signal.send(None)

    assert vars(receiver)["ran"] == 2


def test_override_that_asks_nobody_is_no_orphan() -> None:
    class Muted(Signal):
        def send(self, sender: Any, **named: Any) -> Any:
            return []

    signal = connected(Muted(), fine)
    before = orphan_counts()
    assert signal.send(None) == []

    assert orphan_counts() == before


def test_own_receivers_below_an_own_send() -> None:
    class Leaf(Answering):
        def _live_receivers(self, sender: Any) -> Any:
            return (fine,), ()

    with capture_dispatches() as captured:
        assert Leaf().send(None) == [(fine, "fine")]

    assert [len(record.calls) for record in captured.dispatches] == [1]


def test_override_that_calls_its_receivers_in_many_threads() -> None:
    class Pooled(Signal):
        def send(self, sender: Any, **named: Any) -> Any:
            with ThreadPoolExecutor(8) as pool:
                return list(pool.map(lambda item: (item, item(**named)), self._live_receivers(sender)[0]))

    receivers = [functools.partial(fine, number=number) for number in range(16)]
    with capture_dispatches() as captured:
        assert len(connected(Pooled(), *receivers).send(None)) == 16

    (record,) = captured.dispatches
    assert [call.outcome for call in record.calls] == ["ok"] * 16


@pytest.mark.django_db
def test_queries_of_an_own_send_method_are_no_receivers() -> None:
    """A record has no receiver call that they could belong to."""

    class Asking(Signal):
        def send(self, sender: Any, **named: Any) -> Any:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")
            return [(item, item(**named)) for item in self._live_receivers(sender)[0]]

    with capture_dispatches() as captured:
        connected(Asking(), fine).send(None)

    assert [[call.queries for call in record.calls] for record in captured.dispatches] == [[0]]
