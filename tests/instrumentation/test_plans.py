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
from signal_monitor.errors import errors
from signal_monitor.instrumentation import django_versions
from signal_monitor.instrumentation.hooks import hooks
from signal_monitor.instrumentation.info import known_signals, signal_info
from signal_monitor.instrumentation.plans import Plan, find_plan
from signal_monitor.instrumentation.record_queue import record_queue
from signal_monitor.stores import get_store
from signal_monitor.testing import Capture, capture_dispatches

SIGNALS = pytest.mark.parametrize("make", [Signal, lambda: Signal(use_caching=True)], ids=["plain", "caching"])


class Sender:
    pass


def fine(**kwargs: Any) -> str:
    return "fine"


def other(**kwargs: Any) -> str:
    return "other"


def failing(**kwargs: Any) -> None:
    raise ValueError("no")


def connected(make: Callable[[], Signal], *receivers: Any) -> Signal:
    signal = make()
    for receiver in receivers:
        signal.connect(receiver)
    signal.send(Sender)
    return signal


def other_plans(signal: Any) -> set[int]:
    """The keys of the plans of a signal that does not cache, without that for the class as sender."""
    return set(signal._signal_monitor.plans) - {id(Sender)}


def plan_of(signal: Signal, sender: object = Sender) -> Plan | None:
    cached = signal.sender_receivers_cache.get(sender)
    return cached if type(cached) is Plan else find_plan(signal, sender, cached)


@SIGNALS
def test_second_send_follows_the_plan_of_the_first(make: Callable[[], Signal]) -> None:
    signal = connected(make, fine)

    assert plan_of(signal) is plan_of(signal) is not None


@SIGNALS
@pytest.mark.parametrize("sender", [None, Sender], ids=["None", "class"])
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
    assert plan.send_info.receivers[0].name == f"{__name__}.fine"


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
    record_queue.clear()
    gc.collect()

    assert gone() is None


def test_plan_keeps_no_entry_and_no_reference_of_djangos() -> None:
    """Otherwise the reference outlives the connection, and tells Django 6.1 of a death that it does not expect."""
    signal = Signal()

    def receiver(**kwargs: Any) -> None: ...

    signal.connect(receiver, sender=Sender)
    signal.connect(fine)
    signal.send(Sender)
    signal.send(Sender)
    assert plan_of(signal) is not None
    entry = signal.receivers[0]
    before = sys.getrefcount(entry)
    signal.disconnect(receiver, sender=Sender)

    assert sys.getrefcount(entry) == before - 1 == 2


@SIGNALS
def test_bound_methods_have_a_plan_which_knows_the_method_from_its_object(make: Callable[[], Signal]) -> None:
    class Owner:
        def method(self, **kwargs: Any) -> str:
            return "method"

        def other(self, **kwargs: Any) -> str:
            return "other"

        def __call__(self, **kwargs: Any) -> str:
            return "itself"

    owner = Owner()
    signal = connected(make, owner.method)
    signal.send(Sender)
    assert plan_of(signal) is plan_of(signal) is not None
    assert signal.send(Sender) == [(owner.method, "method")]
    key, _, *rest = signal.receivers[0]
    for reference, receiver in ((weakref.WeakMethod(owner.other), owner.other), (weakref.ref(owner), owner)):
        signal.receivers[0] = (key, reference, *rest)
        signal.sender_receivers_cache.clear()
        assert signal.send(Sender) == signal.send(Sender) == [(receiver, receiver())]


def test_what_is_compared_by_its_own_code_has_no_plan() -> None:
    compared = []

    class Equal:
        def __eq__(self, other: object) -> bool:
            compared.append(other)
            return True

        __hash__ = object.__hash__

        def __call__(self, **kwargs: Any) -> str:
            return "equal"

    one, other = Equal(), Equal()
    signal = connected(Signal, one)
    key, _, *rest = signal.receivers[0]
    signal.receivers[0] = (key, weakref.ref(other), *rest)

    assert signal.send(Sender)[0][0] is other
    assert signal.send(Sender)[0][0] is other
    assert (plan_of(signal), compared) == (None, [])


def test_classes_without_receivers_have_a_plan_which_counts_orphans() -> None:
    signal = Signal()
    signal.connect(fine, sender=Sender)
    for _ in range(4):
        assert signal.send(Signal) == signal.send_robust(Signal) == []

    assert plan_of(signal, Signal) is not None
    assert signal_info(signal).orphan_count() == 8
    signal.connect(fine, sender=Signal)
    assert signal.send(Signal) == [(fine, "fine")]


def test_plans_of_a_signal_share_the_copy_of_its_receivers() -> None:
    signal = connected(Signal, fine, renamed)
    first, second = plan_of(signal), plan_of(signal, Signal)

    assert first is not None
    assert second is not None
    assert first.copied is second.copied


def test_plan_that_no_longer_holds_is_dropped() -> None:
    signal = connected(Signal, fine)
    signal.send(Sender)
    assert plan_of(signal) is not None
    signal.connect(afine)

    assert len(signal.send(Sender)) == 2
    assert signal._signal_monitor.plans == {}  # type: ignore[attr-defined]


def test_copied_signal_is_told_apart_once_it_differs() -> None:
    signal = connected(Signal, fine)
    other = copy.copy(signal)
    other.receivers = []
    other.connect(failing)

    assert signal.send(Sender) == [(fine, "fine")]
    with pytest.raises(ValueError, match="no"):
        other.send(Sender)


def renamed(**kwargs: Any) -> str:
    return "renamed"


async def afine(**kwargs: Any) -> str:
    return "afine"


@pytest.mark.parametrize("other", [renamed, afine])
def test_entry_that_is_replaced_under_its_key_is_seen(other: Any) -> None:
    signal = connected(Signal, fine)
    signal.send(Sender)
    key, _, *rest, _ = signal.receivers[0]
    signal.receivers[0] = (key, weakref.ref(other), *rest, other is afine)

    with capture_dispatches() as captured:
        assert signal.send(Sender) == [(other, other.__name__)]
    assert [call.receiver for call in captured.dispatches[0].calls] == [f"{__name__}.{other.__name__}"]


def test_use_caching_may_be_switched() -> None:
    signal = connected(lambda: Signal(use_caching=True), fine)
    signal.send(Sender)
    signal.use_caching = False
    signal.receivers.clear()
    signal.receivers.extend(connected(Signal, renamed).receivers)

    assert signal.send(Sender) == [(renamed, "renamed")]


@pytest.mark.parametrize(
    "edit",
    [
        lambda cached: cached.append(cached[0]),
        lambda cached: cached.__setitem__(slice(None), [*cached, *cached]),
        lambda cached: cached.extend(list(cached)),
    ],
)
def test_cached_list_that_is_edited_in_place_is_followed(edit: Callable[[Any], None]) -> None:
    signal = connected(lambda: Signal(use_caching=True), fine)
    signal.send(Sender)
    edit(signal.sender_receivers_cache[Sender])

    assert signal.send(Sender) == [(fine, "fine")] * 2


@SIGNALS
def test_live_receivers_of_one_signal_are_asked(make: Callable[[], Signal]) -> None:
    signal = connected(make, fine)
    signal.send(Sender)
    signal._live_receivers = lambda sender: ([renamed], [])  # type: ignore[method-assign]

    assert signal.send(Sender) == [(renamed, "renamed")]


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

    signal, before = Signal(), errors.count
    signal.connect(receiver := Slotted(), weak=False)
    signal.send(Sender)

    assert signal.send(Sender) == [(receiver, "slotted")]
    assert (plan_of(signal), errors.count) == (None, before)


class Text(str):
    """A string that may have code of its own."""

    __slots__ = ()


@pytest.mark.parametrize(
    "sender",
    ["".join(["long", *"x" * 200]), Text("a name"), sys, fine],
    ids=["long", "of a subclass", "module", "function"],
)
def test_other_senders_have_none(sender: Any) -> None:
    signal = connected(Signal, fine)
    for _ in range(3):
        assert signal.send(sender) == [(fine, "fine")]
    assert not other_plans(signal)


def test_string_has_a_plan_from_its_second_dispatch_on() -> None:
    signal = connected(Signal, fine)
    for number in range(3):
        assert signal.send(f"made anew {number // 3}") == [(fine, "fine")]
    assert not other_plans(signal)

    kept = "-".join(["a", "name"])
    signal.connect(other, sender=kept)
    for _ in range(3):
        assert [receiver for receiver, _ in signal.send(kept)] == [fine, other]
    assert other_plans(signal) == {id(kept)}
    assert signal.send("-".join(["a", "name"])) == [(fine, "fine")]
    assert [receiver for receiver, _ in signal.send(kept)] == [fine, other]


def test_instances_share_the_plan_of_their_class_where_no_receiver_names_a_sender() -> None:
    signal = connected(Signal, fine)
    for _ in range(3):
        assert signal.send(Sender()) == signal.send(Equal()) == [(fine, "fine")]
    assert other_plans(signal) == {-id(Sender), -id(Equal)}

    signal.connect(other, sender=(sender := Sender()))
    for _ in range(3):
        assert [receiver for receiver, _ in signal.send(sender)] == [fine, other]
        assert signal.send(Sender()) == [(fine, "fine")]
    assert -id(Sender) not in other_plans(signal)


class Equal:
    """Equals all others of its class: Django's cache takes one for the other."""

    def __eq__(self, other: object) -> bool:
        return type(other) is Equal

    def __hash__(self) -> int:
        return 1


def test_instance_has_a_plan_from_its_second_send_on() -> None:
    signal, sender = Signal(use_caching=True), Sender()
    signal.connect(fine, sender=sender)
    signal.connect(fine, sender=Sender)
    assert signal.send(sender) == [(fine, "fine")]
    assert not isinstance(signal.sender_receivers_cache[sender], Plan)
    assert signal.send(sender) == signal.send(sender) == [(fine, "fine")]
    assert isinstance(signal.sender_receivers_cache[sender], Plan)
    assert signal.send(Sender()) == []

    gone = weakref.ref(sender)
    del sender
    record_queue.clear()
    gc.collect()
    assert gone() is None


def test_instance_that_equals_others_has_none() -> None:
    signal, sender = Signal(use_caching=True), Equal()
    signal.connect(fine)
    for _ in range(3):
        assert signal.send(sender) == [(fine, "fine")]

    assert not isinstance(signal.sender_receivers_cache[sender], Plan)


def test_signal_is_let_go_while_its_receiver_lives() -> None:
    signal = Signal()
    signal.connect(fine, sender=Sender)
    signal.send(Sender)
    signal.send(Sender)
    assert plan_of(signal) is not None
    gone = weakref.ref(signal)
    del signal
    record_queue.clear()
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
def test_aggregated_and_single_dispatches_are_counted_once_each() -> None:
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
    monkeypatch.setattr(hooks, "uses_plans", False)
    with capture_dispatches() as captured:
        yield captured


def test_general_path_makes_no_plans(general: Capture) -> None:
    signal = connected(lambda: Signal(use_caching=True), fine)
    signal.send(Sender)

    assert not isinstance(signal.sender_receivers_cache[Sender], Plan)
    assert len(general.dispatches) == 2


def test_this_django_is_known() -> None:
    assert django_versions.KNOWN[django_versions.fingerprint() or ""]


def test_unknown_django_takes_the_general_path_and_says_so() -> None:
    script = """
import logging, django.dispatch.dispatcher as dispatcher, pathlib, tempfile
logging.basicConfig()
text = pathlib.Path(dispatcher.__file__).read_text().replace("responses = []", "responses = list()")
changed = pathlib.Path(tempfile.mkdtemp(), "dispatcher.py"); changed.write_text(text)
dispatcher.__file__, original = str(changed), dispatcher.__file__
from signal_monitor.errors import errors
from signal_monitor.instrumentation import django_versions
assert not django_versions.knows_django()
dispatcher.__file__ = original
import signal_monitor
from signal_monitor.pipeline.process import observation_mode
signal_monitor.instrument(); signal_monitor.uninstrument(); signal_monitor.instrument()
print(observation_mode())
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)

    assert done.stdout.strip() == "without plans", done.stderr
    assert done.stderr.count("is not known") == 1


def test_signal_that_nobody_names_is_forgotten() -> None:
    signal = Signal()
    signal.connect(fine, weak=False)  # before Django 6.1, a finalizer of the receiver holds the signal otherwise
    signal.send(Sender)
    info = signal_info(signal)
    assert info in known_signals()
    del signal
    gc.collect()
    assert info not in known_signals()
