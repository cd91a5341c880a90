"""Plans: when there is one, when it is let go, and what an unknown Django gets instead."""

from __future__ import annotations

import asyncio
import copy
import gc
import subprocess
import sys
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import django
import pytest
from django.dispatch import Signal

from signal_monitor import instrument, pipeline, uninstrument
from signal_monitor.faults import faults
from signal_monitor.instrumentation import guard
from signal_monitor.instrumentation.catalogue import catalogue
from signal_monitor.instrumentation.outbox import outbox
from signal_monitor.instrumentation.plans import Plan, find_plan
from signal_monitor.instrumentation.probes import probes
from signal_monitor.stores import get_store
from signal_monitor.testing import Capture, capture_dispatches

SIGNALS = pytest.mark.parametrize("make", [Signal, lambda: Signal(use_caching=True)], ids=["plain", "caching"])


class Sender:
    pass


def fine(**kwargs: Any) -> str:
    return "fine"


def failing(**kwargs: Any) -> None:
    raise ValueError("no")


def connected(make: Callable[[], Signal], *receivers: Any) -> Signal:
    signal = make()
    for receiver in receivers:
        signal.connect(receiver, weak=False)
    signal.send(Sender)
    return signal


def plan_of(signal: Signal, sender: object = Sender) -> Plan | None:
    return find_plan(signal, sender)


@SIGNALS
def test_second_send_follows_the_plan_of_the_first(make: Callable[[], Signal]) -> None:
    signal = connected(make, fine)

    assert plan_of(signal) is plan_of(signal) is not None


@SIGNALS
@pytest.mark.parametrize("sender", [None, "a name", Sender], ids=["None", "string", "class"])
def test_senders_with_plans(make: Callable[[], Signal], sender: Any) -> None:
    signal = make()
    signal.connect(fine)
    if signal.use_caching and not isinstance(sender, type):
        with pytest.raises(TypeError):  # as ever: no weak reference can be made
            signal.send(sender)
        return
    signal.send(sender)
    signal.send(sender)

    plan = plan_of(signal, sender)
    assert plan is not None
    assert plan.shape.receivers[0].name == f"{__name__}.fine"


def test_instances_have_none() -> None:
    assert plan_of(connected(Signal, fine), Sender()) is None


@SIGNALS
def test_connect_and_disconnect_make_another(make: Callable[[], Signal]) -> None:
    signal = connected(make, fine)
    before = plan_of(signal)
    signal.connect(failing)
    with pytest.raises(ValueError, match="no"):
        signal.send(Sender)
    signal.disconnect(failing)

    assert signal.send(Sender) == [(fine, "fine")]
    assert plan_of(signal) is not before


@SIGNALS
def test_disconnected_receiver_is_let_go(make: Callable[[], Signal]) -> None:
    def receiver(**kwargs: Any) -> None: ...

    signal = connected(make, fine, receiver)
    signal.send(Sender)
    signal.disconnect(receiver)
    gone = weakref.ref(receiver)
    del receiver

    assert gone() is None


def test_receivers_that_are_assigned_are_seen() -> None:
    """As factory_boy mutes signals."""
    signal = connected(Signal, fine)
    signal.receivers, kept = [], signal.receivers
    assert signal.send(Sender) == []
    signal.receivers = kept
    assert signal.send(Sender) == [(fine, "fine")]


def test_dispatch_uid_that_is_used_again_means_the_new_receiver() -> None:
    signal = Signal()
    signal.connect(fine, dispatch_uid="one")
    signal.send(Sender)
    signal.disconnect(dispatch_uid="one")
    signal.connect(other := lambda **kwargs: "other", dispatch_uid="one")

    assert signal.send(Sender) == [(other, "other")]


@SIGNALS
def test_sender_is_let_go(make: Callable[[], Signal]) -> None:
    signal = connected(make, fine)
    sender: Any = type("Passing", (), {})
    signal.send(sender)
    signal.send(sender)
    gone = weakref.ref(sender)
    del sender
    outbox.clear()
    gc.collect()

    assert gone() is None


def test_copied_signal_is_told_apart_once_it_differs() -> None:
    signal = connected(Signal, fine)
    other = copy.copy(signal)
    other.receivers = []
    other.connect(failing)

    assert signal.send(Sender) == [(fine, "fine")]
    with pytest.raises(ValueError, match="no"):
        other.send(Sender)


def test_async_receivers_have_no_plan() -> None:
    async def afine(**kwargs: Any) -> str:
        return "fine"

    signal = Signal()
    signal.connect(afine)
    assert asyncio.run(signal.asend(Sender)) == [(afine, "fine")]
    assert plan_of(signal) is None


def test_strongly_connected_receiver_without_weak_references_has_none() -> None:
    class Slotted:
        __slots__ = ()

        def __call__(self, **kwargs: Any) -> str:
            return "slotted"

    signal, before = connected(Signal, receiver := Slotted()), faults.count

    assert signal.send(Sender) == [(receiver, "slotted")]
    assert (plan_of(signal), faults.count) == (None, before)


def test_strings_made_for_the_occasion_have_none() -> None:
    signal, sender = connected(Signal, fine), "".join(["a", " name"])

    assert plan_of(signal, sender) is None
    assert plan_of(signal, sender) is not None


def test_signal_is_let_go_while_its_receiver_lives() -> None:
    signal = Signal()
    signal.connect(fine, sender=Sender)
    signal.send(Sender)
    signal.send(Sender)
    assert plan_of(signal) is not None
    gone = weakref.ref(signal)
    del signal
    outbox.clear()
    gc.collect()

    assert gone() is None or django.VERSION < (6, 1)  # before, Django's own finalizer of the receiver holds it


def test_signal_that_takes_no_attribute() -> None:
    class Strict(Signal):
        def __setattr__(self, name: str, value: object) -> None:
            if name == "_signal_monitor":
                raise AttributeError(name)
            super().__setattr__(name, value)

    signal = connected(Strict, fine)

    assert signal.send(Sender) == [(fine, "fine")]
    assert plan_of(signal) is not None


@pytest.mark.usefixtures("_unsampled")
def test_children_are_their_own_parents() -> None:
    """Many trees at once, of which nobody wants the ordinary ones."""
    inner, outer = connected(Signal, fine), Signal(use_caching=True)

    def relay(sender: Any, **kwargs: Any) -> None:
        inner.send(sender)

    outer.connect(relay)
    senders = [type(f"Sender{number}", (), {}) for number in range(20)]
    with capture_dispatches() as captured:
        for _ in range(50):
            for sender in senders:
                outer.send(sender)
        by_id = {item.id: item for item in captured.dispatches}

    children = [item for item in by_id.values() if item.depth]
    assert len(children) == len(by_id) / 2 == 1_000
    assert all(by_id[item.parent_id or ""].sender == item.sender for item in children)


def test_numbers_are_given_before_anything_is_folded(monkeypatch: pytest.MonkeyPatch) -> None:
    inner, outer = connected(Signal, fine), Signal()
    relay = lambda **kwargs: inner.send(Sender)  # noqa: E731 - kept, since it is connected weakly
    outer.connect(relay)
    outer.send(Sender)
    outer.send(Sender)
    pipeline.flush()
    outer.send(Sender)
    items = outbox.take(10)

    running = pipeline.current()
    assert running is not None
    for observer in running.observers:
        monkeypatch.setattr(observer, "wanted", lambda: 0)
    assert running._routine_aggregated(items) == items


def test_no_trace_is_left_on_signals() -> None:
    signal = connected(Signal, fine)
    before = {"receivers", "lock", "use_caching", "sender_receivers_cache", "_dead_receivers"}
    assert set(vars(signal)) == before | {"_signal_monitor"}
    uninstrument()
    try:
        assert set(vars(signal)) == before
        assert "_signal_monitor" not in vars(Signal)
    finally:
        instrument()


@pytest.fixture
def _unsampled(monkeypatch: pytest.MonkeyPatch) -> None:
    """No observer wants dispatches one by one, as when the sample is full."""
    running = pipeline.current()
    assert running is not None
    pipeline.flush()
    for observer in running.observers:
        monkeypatch.setattr(observer, "wanted", lambda: 0)


def counted(kind: str) -> dict[str, tuple[int, int, int]]:
    """Count, failures and calls not run of this module's subjects."""
    pipeline.flush()
    rows = get_store().totals(kind)  # type: ignore[arg-type]
    return {
        row.key.rpartition(".")[2]: (row.count, row.failures, row.not_run)
        for row in rows
        if row.key.startswith(__name__)
    }


@pytest.mark.usefixtures("_unsampled")
def test_folded_and_single_dispatches_are_counted_once_each() -> None:
    class Busy:
        pass

    def first(**kwargs: Any) -> None: ...

    def second(**kwargs: Any) -> None:
        raise ValueError("no")

    def last(**kwargs: Any) -> None: ...

    signal = Signal(use_caching=True)
    signal.connect(first)
    for _ in range(1_000):
        signal.send(Busy)
    signal.connect(second)
    signal.connect(last)
    for _ in range(20):
        signal.send_robust(Busy)
        with pytest.raises(ValueError, match="no"):
            signal.send(Busy)

    assert counted("sender")["Busy"] == (1_040, 40, 0)
    calls = counted("receiver")
    assert (calls["first"], calls["second"], calls["last"]) == ((1_040, 0, 0), (40, 40, 0), (20, 0, 20))


@pytest.fixture
def general(monkeypatch: pytest.MonkeyPatch) -> Iterator[Capture]:
    monkeypatch.setattr(probes, "fast", False)
    with capture_dispatches() as captured:
        yield captured


def test_general_path_makes_no_plans(general: Capture) -> None:
    signal = connected(lambda: Signal(use_caching=True), fine)
    signal.send(Sender)

    assert not isinstance(signal.sender_receivers_cache[Sender], Plan)
    assert len(general.dispatches) == 2


def test_this_django_is_known() -> None:
    assert guard.KNOWN[guard.fingerprint() or ""]


def test_unknown_django_takes_the_general_path_and_says_so() -> None:
    script = """
import logging, django.dispatch.dispatcher as dispatcher, pathlib, tempfile
logging.basicConfig()
text = pathlib.Path(dispatcher.__file__).read_text().replace("responses = []", "responses = list()")
changed = pathlib.Path(tempfile.mkdtemp(), "dispatcher.py"); changed.write_text(text)
dispatcher.__file__, original = str(changed), dispatcher.__file__
from signal_monitor.faults import faults
from signal_monitor.instrumentation import guard
assert not guard.knows_django()
dispatcher.__file__ = original
import signal_monitor
from signal_monitor.process import path_mode
signal_monitor.instrument(); signal_monitor.uninstrument(); signal_monitor.instrument()
print(path_mode())
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)

    assert done.stdout.strip() == "general", done.stderr
    assert done.stderr.count("is not known") == 1


def test_signal_that_nobody_names_is_forgotten() -> None:
    signal = connected(Signal, fine)
    key = id(signal)
    assert key in catalogue.known
    del signal
    gc.collect()
    assert key not in catalogue.known
