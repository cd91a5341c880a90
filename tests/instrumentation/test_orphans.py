"""Sends that find no receiver: all are counted, and a few are looked at."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.dispatch import Signal

from signal_monitor import pipeline, suppress
from signal_monitor.instrumentation import orphans
from signal_monitor.instrumentation.info import SignalInfo, signal_info
from signal_monitor.instrumentation.orphans import FIRST_SENDS, look_again
from signal_monitor.records import OrphanSends
from signal_monitor.stores import get_store

MANY = 5 * FIRST_SENDS
Send = Callable[[Signal, object], Any]


class One: ...


class Other: ...


class Heard: ...


def receive(**kwargs: Any) -> None: ...


def nobody_connected() -> Signal:
    return Signal()


def elsewhere() -> Signal:
    signal = Signal()
    signal.connect(receive, sender=Heard)
    return signal


def elsewhere_and_caching() -> Signal:
    signal = Signal(use_caching=True)
    signal.connect(receive, sender=Heard)
    return signal


def send(signal: Signal, sender: object) -> None:
    assert signal.send(sender) == []


def send_robust(signal: Signal, sender: object) -> None:
    assert signal.send_robust(sender) == []


def asend(signal: Signal, sender: object) -> None:
    async def asend() -> None:
        assert await signal.asend(sender) == []

    asyncio.run(asend())


def noted(info: SignalInfo) -> dict[str, int]:
    """How often each sender was seen, by its last name."""
    return {name.rpartition(".")[2]: sender.count for name, sender in info.orphan_senders.items() if sender.count}


KINDS = pytest.mark.parametrize("make", [nobody_connected, elsewhere, elsewhere_and_caching])


@KINDS
@pytest.mark.parametrize("way", [send, send_robust, asend])
def test_the_senders_of_the_first_sends_and_their_lines(make: Callable[[], Signal], way: Send) -> None:
    signal = make()
    for sender in (One, One, Other):
        way(signal, sender)
    info = signal_info(signal)

    assert info.orphan_count() == 3
    if make is elsewhere_and_caching and way is not asend:  # Django's cache says that there is no receiver
        assert noted(info).keys() == {"One", "Other"}
    else:
        assert noted(info) == {"One": 2, "Other": 1}
    (line, *_) = info.orphan_senders[f"{__name__}.One"].sites
    assert (line[0].co_filename, line[0].co_name) == (__file__, way.__name__)


@KINDS
def test_the_next_send_is_looked_at_again_and_no_count_is_lost(
    make: Callable[[], Signal], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orphans, "LOOK_SECONDS", 0.0)
    signal = make()
    info = signal_info(signal)
    for _ in range(MANY):
        signal.send(One)
    assert info.orphan_count() == MANY

    look_again(info)
    assert info.orphan_count() == MANY
    signal.send(Other)
    assert info.orphan_count() == MANY + 1
    assert noted(info)["Other"] == 1


def test_threads_lose_no_count_while_it_is_looked_at_again() -> None:
    signal, threads = nobody_connected(), 4
    info = signal_info(signal)
    working = [threading.Thread(target=lambda: [signal.send(One) for _ in range(20 * MANY)]) for _ in range(threads)]
    for thread in working:
        thread.start()
    while any(thread.is_alive() for thread in working):
        look_again(info)
    assert info.orphan_count() == threads * 20 * MANY


def test_many_senders_are_few_and_suppressed_ones_none() -> None:
    signal = elsewhere()
    for number in range(3 * orphans.MAX_SENDERS):
        signal.send(f"sender {number}")
        signal.send(type(f"Sender{number}", (), {}))
    with suppress():
        signal.send(Other)
    assert len(signal_info(signal).orphan_senders) <= orphans.MAX_SENDERS + 1
    assert "Other" not in noted(signal_info(signal))


left = Signal()


def test_they_are_stored_with_their_lines() -> None:
    for _ in range(3):
        left.send(One)
    other = Signal()
    other.connect(receive)
    other.send(One)  # a process that has dispatched nothing stores nothing
    pipeline.flush()
    (found,) = [each for each in get_store().orphan_sends() if each.signal == f"{__name__}.left"]
    assert (found.sender, found.count) == (f"{__name__}.One", 3)
    assert [(site.path, site.function) for site in found.sites] == [(__file__, "test_they_are_stored_with_their_lines")]


def bound() -> Signal:
    """A signal that has been the module's ``replaced``, and is named so."""
    globals()["replaced"] = signal = Signal()
    assert signal_info(signal).name == f"{__name__}.replaced"
    return signal


def test_signals_of_one_name_are_added_up() -> None:
    name, signals = f"{__name__}.replaced", [bound(), bound()]
    for times, signal in enumerate(signals, start=2):
        for _ in range(times):
            signal.send(Signals)
        pipeline.flush()
    assert stored(name) == {"Signals": 5}

    signals.pop(0)  # what it has sent is not forgotten
    signals[0].send(Signals)
    pipeline.flush()
    assert stored(name) == {"Signals": 6}


class Signals: ...


class OwnSend(Signal):
    def send(self, sender: Any, **named: Any) -> Any:
        return [(one, one(signal=self, sender=sender)) for one in self._live_receivers(sender)[0]]

    def send_twice(self, sender: Any) -> Any:
        return super().send(sender)


@pytest.mark.parametrize("method", ["send", "send_twice"])
def test_a_send_method_of_a_subclass_names_its_sender(method: str) -> None:
    signal = OwnSend()
    for sender in (One, One, Other):
        getattr(signal, method)(sender)
    info = signal_info(signal)

    assert (info.orphan_count(), noted(info)) == (3, {"One": 2, "Other": 1})
    (line, *_) = info.orphan_senders[f"{__name__}.One"].sites
    assert line[0].co_filename == __file__


def stored(signal: str) -> dict[str, int]:
    return {each.sender.rpartition(".")[2]: each.count for each in get_store().orphan_sends() if each.signal == signal}


def test_records_of_several_processes_are_added_up() -> None:
    one = OrphanSends("shop.paid", "shop.Order", 2, last_at=5.0)
    assert one.plus(OrphanSends("shop.paid", "shop.Order", 3, last_at=4.0)) == OrphanSends(
        "shop.paid", "shop.Order", 5, last_at=5.0
    )
