from __future__ import annotations

import functools
import gc
import inspect
import pickle
import subprocess
import sys
import warnings
import weakref
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import django
import pytest
from django.apps import apps
from django.apps.registry import Apps
from django.contrib.auth.models import Group, User
from django.db.models import signals
from django.dispatch import Signal, receiver

from signal_monitor.errors import errors
from signal_monitor.instrumentation import connect_notes, instrument, uninstrument
from signal_monitor.instrumentation.connect_notes import connecting
from signal_monitor.registry.connect_calls import dead_receivers, failed_disconnects, taken_uids
from signal_monitor.registry.live import LiveConnection, live_signals

HERE = __file__


def receive(**kwargs: Any) -> None: ...


def receive_too(**kwargs: Any) -> None: ...


class Desk:
    def receive(self, **kwargs: Any) -> None: ...

    def __call__(self, **kwargs: Any) -> None: ...


def only(signal: Signal) -> LiveConnection:
    (found,) = [live for live in live_signals() if live.signal is signal]
    (connection,) = found.connections
    return connection


def received(signal: Signal) -> list[LiveConnection]:
    found = [each for live in live_signals() if live.signal is signal for each in live.connections]
    return [each for each in found if each.receiver is receive]


def line() -> int:
    frame = inspect.currentframe()
    assert frame is not None
    assert frame.f_back is not None
    return frame.f_back.f_lineno


def place_of(signal: Signal) -> tuple[str, int, str]:
    call = only(signal).connected
    assert call is not None
    return call.path, call.line, call.stage


def test_the_line_of_connect() -> None:
    signal = Signal()
    signal.connect(receive)
    assert place_of(signal) == (HERE, line() - 1, "after start")


def test_the_line_of_a_decorator() -> None:
    signal = Signal()

    @receiver(signal)
    def decorated(**kwargs: Any) -> None: ...

    assert place_of(signal)[:2] == (HERE, decorated.__code__.co_firstlineno)


def test_the_caller_of_an_override() -> None:
    class Loud(Signal):
        def connect(self, *args: Any, **kwargs: Any) -> None:
            super().connect(*args, **kwargs)

    signal = Loud()
    signal.connect(receive)
    assert place_of(signal)[:2] == (HERE, line() - 1)


def passed_on(method: Any) -> Any:
    @functools.wraps(method)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return method(*args, **kwargs)

    return wrapper


def test_the_caller_of_overrides_of_several_kinds() -> None:
    class Mixin:
        def connect(self, *args: Any, **kwargs: Any) -> None:
            super().connect(*args, **kwargs)  # type: ignore[misc]

    class Mixed(Mixin, Signal):
        connect = passed_on(Mixin.connect)

    signal, other = Mixed(), Signal()
    signal.connect(receive)
    assert place_of(signal)[:2] == (HERE, line() - 1)
    original = other.connect
    vars(other)["connect"] = lambda *args: original(*args)
    other.connect(receive)
    assert place_of(other)[:2] == (HERE, line() - 1)


def test_an_override_may_release_its_receiver() -> None:
    """On Python 3.11 and 3.12, ``f_locals`` of a frame keeps what it has shown alive until the frame is gone."""
    alive: list[bool] = []

    class Releasing(Signal):
        def connect(self, receiver: Any, *args: Any, **kwargs: Any) -> None:
            super().connect(receiver, *args, **kwargs)
            reference = weakref.ref(receiver)
            del receiver
            gc.collect()
            alive.append(reference() is not None)

        def disconnect(self, receiver: Any, *args: Any, **kwargs: Any) -> bool:  # type: ignore[override]
            found = super().disconnect(receiver, *args, **kwargs)
            reference = weakref.ref(receiver)
            del receiver
            gc.collect()
            alive.append(reference() is not None)
            return found

    signal = Releasing()
    signal.connect(Desk())
    signal.disconnect(Desk())
    assert alive == [False, False]


def test_the_caller_of_a_model_signal() -> None:
    signals.m2m_changed.connect(receive, sender=User)
    expected = line() - 1
    try:
        (found,) = received(signals.m2m_changed)
        assert found.connected is not None
        assert (found.connected.path, found.connected.line) == (HERE, expected)
        assert found.sender is User
    finally:
        signals.m2m_changed.disconnect(receive, sender=User)


def test_the_line_is_known_while_a_connection_waits_for_its_model_and_after() -> None:
    signals.post_init.connect(receive, sender="later.Model", weak=False)
    expected = line() - 1

    def found() -> LiveConnection:
        (each,) = received(signals.post_init)
        return each

    waiting = found()
    assert waiting.pending
    assert waiting.connected is not None
    assert (waiting.connected.path, waiting.connected.line) == (HERE, expected)
    (operation,) = vars(apps)["_pending_operations"].pop(("later", "model"))
    operation(Group)
    try:
        assert not found().pending
        assert found().sender is Group
    finally:
        signals.post_init.disconnect(receive, sender=Group)
        connecting.waiting.clear()


def test_a_registry_of_apps_is_no_fault() -> None:
    before = errors.count
    signals.pre_init.connect(receive, sender="auth.Group", apps=apps)
    signals.pre_init.disconnect(receive, sender="auth.Group", apps=apps)
    assert received(signals.pre_init) == []
    assert errors.count == before


def test_the_sender_is_known_though_django_keeps_its_id_only() -> None:
    signal = Signal()
    signal.connect(receive, sender=receive_too)
    assert only(signal).sender is receive_too


@pytest.mark.parametrize(
    ("sender", "name", "kind"),
    [
        ([User, Group], "[django.contrib.auth.models.User, django.contrib.auth.models.Group]", "list"),
        ("auth.User", "auth.User", "str"),
        (1234567, "1234567", "int"),
    ],
)
def test_senders_without_weak_references_have_names(sender: Any, name: str, kind: str) -> None:
    signal = Signal()
    signal.connect(receive, sender=sender)
    assert (only(signal).sender_name, only(signal).sender_type) == (name, kind)


def test_a_dispatch_uid_that_another_function_has() -> None:
    signal = Signal()
    signal.connect(receive, dispatch_uid="mine")
    signal.connect(receive_too, dispatch_uid="mine")
    signal.connect(receive_too, dispatch_uid="mine")
    found = [item for item in taken_uids() if item.dispatch_uid == "mine"]
    assert [(item.receiver, item.taken_by, item.count) for item in found] == [
        (f"{__name__}.receive_too", f"{__name__}.receive", 2)
    ]


def test_a_dispatch_uid_is_taken_though_the_same_function_was_connected_last() -> None:
    signal = Signal()
    signal.connect(receive, dispatch_uid="theirs")
    signal.connect(receive_too)
    signal.connect(receive_too, dispatch_uid="theirs")
    assert [item.receiver for item in taken_uids() if item.dispatch_uid == "theirs"] == [f"{__name__}.receive_too"]


@pytest.mark.parametrize("again", ["same", "made anew"])
def test_a_receiver_that_is_connected_again_takes_no_uid(again: str) -> None:
    def make() -> Any:
        def made(**kwargs: Any) -> None: ...

        return made

    signal = Signal()
    first = make()
    signal.connect(first, dispatch_uid=again)
    signal.connect(first if again == "same" else make(), dispatch_uid=again)
    assert [item for item in taken_uids() if item.dispatch_uid == again] == []


@pytest.mark.parametrize(
    ("connected", "disconnected"),
    [
        ({"sender": User}, {}),
        ({}, {"sender": User}),
        ({"dispatch_uid": "uid"}, {}),
        ({}, {"dispatch_uid": "uid"}),
    ],
)
def test_a_disconnect_that_left_the_receiver_connected(connected: dict[str, Any], disconnected: dict[str, Any]) -> None:
    signal = Signal()
    signal.connect(receive, **connected)
    expected = line() - 1
    assert signal.disconnect(receive, **disconnected) is False
    found = failed_disconnects()[-1]
    assert found.receiver == f"{__name__}.receive"
    assert found.call.line == expected + 2
    assert found.connected is not None
    assert found.connected.line == expected
    assert found.connected_uid == connected.get("dispatch_uid")
    assert bool(found.connected_sender) == ("sender" in connected)


@pytest.mark.parametrize("wrapped", [functools.partial(receive), functools.wraps(receive)(lambda **_kwargs: None)])
def test_a_disconnect_of_what_is_inside_the_receiver(wrapped: Any) -> None:
    signal = Signal()
    signal.connect(wrapped)
    before = len(connecting.failed)
    signal.disconnect(receive)
    assert len(connecting.failed) == before + 1


def test_a_disconnect_of_what_is_not_connected_is_no_fault() -> None:
    signal = Signal()
    desk, other = Desk(), Desk()
    signal.connect(desk.receive)
    before = len(connecting.failed)
    signal.disconnect(receive)
    signal.disconnect(other.receive)
    signal.disconnect(dispatch_uid="nothing")
    signal.disconnect(desk.receive)
    signal.disconnect(desk.receive)
    assert len(connecting.failed) == before


def test_what_died_and_where_it_was_connected() -> None:
    signal = Signal()
    signal.connect(Desk().receive)
    expected = line() - 1
    gc.collect()
    found = dead_receivers()[-1]
    assert (found.receiver, found.call.path, found.call.line) == (f"{__name__}.Desk.receive", HERE, expected)
    connection = only(signal)
    assert (connection.dead, connection.name) == (True, f"{__name__}.Desk.receive")


def test_a_disconnect_that_is_repeated_or_for_another_sender_is_no_fault() -> None:
    signal, before = Signal(), failed_disconnects()
    for sender in (Group, User):
        signal.connect(receive, sender=sender)
    signal.disconnect(receive, sender=Group)
    assert signal.disconnect(receive, sender=Group) is False
    assert signal.disconnect(receive, sender=Desk) is False
    assert failed_disconnects() == before
    signal.connect(receive)
    signal.disconnect(receive)
    assert signal.disconnect(receive) is False
    assert failed_disconnects() == before


def test_a_disconnect_for_one_sender_of_what_is_connected_for_all_or_with_a_uid_is_a_fault() -> None:
    signal, other = Signal(), Signal()
    signal.connect(receive)
    assert signal.disconnect(receive, sender=User) is False
    assert failed_disconnects()[-1].connected_sender == ""
    other.connect(receive, sender=User, dispatch_uid="uid")
    assert other.disconnect(receive, sender=User) is False
    assert failed_disconnects()[-1].connected_uid == "uid"


def test_what_was_disconnected_before_it_died_is_not_dead() -> None:
    signal = Signal()
    desk = Desk()
    signal.connect(desk.receive)
    signal.disconnect(desk.receive)
    del desk
    gc.collect()
    assert [dead for dead in list(connecting.dead) if dead.signal() is signal] == []


def test_notes_keep_nothing_alive() -> None:
    signal, sender, desk = Signal(), type("Sender", (), {}), Desk()
    references = [weakref.ref(each) for each in (signal, sender, desk)]
    signal.connect(desk.receive, sender=sender)
    del signal, sender, desk
    gc.collect()
    assert [reference() for reference in references] == [None, None, None]


@pytest.mark.parametrize("kind", ["alone", "in a tuple", "a subclass of str"])
def test_a_disconnect_that_finds_nothing_keeps_no_dispatch_uid_alive(kind: str) -> None:
    class Word(str):
        __slots__ = ("__weakref__",)

    signal, owner = Signal(), Word("uid") if kind == "a subclass of str" else Desk()
    reference = weakref.ref(owner)
    uid = (owner, 1) if kind == "in a tuple" else owner
    signal.connect(receive, dispatch_uid=uid)
    assert signal.disconnect(receive) is False
    assert connecting.failed[-1].signal() is signal
    assert signal.disconnect(dispatch_uid=uid) is True
    del owner, uid
    gc.collect()
    assert reference() is None


def short_lived_method(signal: Signal, number: int) -> None:
    signal.connect(Desk().receive, dispatch_uid=f"short-{number}")


def short_lived_sender(signal: Signal, number: int) -> None:
    signal.connect(receive, sender=Desk(), weak=False, dispatch_uid=f"short-{number}")
    if django.VERSION < (6, 0):  # keeps the entries of senders that are gone
        signal.receivers.clear()


def removed_by_hand(signal: Signal, number: int) -> None:
    signal.connect(receive, weak=False, dispatch_uid=f"short-{number}")
    signal.receivers = []


@pytest.mark.parametrize("connect", [short_lived_method, short_lived_sender, removed_by_hand])
def test_what_is_gone_takes_no_place_from_what_is_connected_later(
    connect: Callable[[Signal, int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connect_notes, "MAX_NOTES", noted() + 200)
    monkeypatch.setattr(connect_notes, "MAX_FAULTS", 50)
    monkeypatch.setattr(connecting, "dead", deque(maxlen=50))
    signal, later = Signal(), Signal()
    for number in range(connect_notes.MAX_NOTES + 1_000):
        connect(signal, number)
    assert noted() <= connect_notes.MAX_NOTES
    later.connect(receive)
    assert place_of(later)[:2] == (HERE, line() - 1)


def noted() -> int:
    return sum(len(notes.by_key) for notes in list(connecting.by_signal.values()))


def calls_of(function: Callable[[], object]) -> int:
    """The number of functions that are called meanwhile."""
    events: list[str] = []
    before = sys.getprofile()
    sys.setprofile(lambda _frame, event, _argument: events.append(event) if event in {"call", "c_call"} else None)
    try:
        function()
    finally:
        sys.setprofile(before)
    return len(events)


class WithFunction:
    """Django identifies it by ``__func__``, as a bound method."""

    def __init__(self) -> None:
        self.__func__ = self.__self__ = receive

    def __call__(self, **kwargs: Any) -> None: ...


@pytest.mark.parametrize("given", [{}, {"sender": User}, {"dispatch_uid": "uid"}, {"dispatch_uid": ("uid", 1)}])
@pytest.mark.parametrize("kind", ["function", "method", "object"])
def test_a_disconnect_costs_the_same_with_many_receivers(kind: str, given: dict[str, Any]) -> None:
    receiver: Any = {"function": receive, "method": Desk().receive, "object": Desk()}[kind]

    def cost(others: int) -> int:
        signal = Signal()
        desks = [Desk() for _ in range(others)]
        signal.connect(receiver, **given, weak=False)
        for desk in desks:
            signal.connect(desk.receive)
        calls = calls_of(lambda: signal.disconnect(receiver, **given))
        assert len(connecting.by_signal[id(signal)].by_key) == others
        return calls

    assert cost(500) < cost(5) + 50


def test_a_disconnect_of_a_receiver_that_django_identifies_otherwise() -> None:
    signal, odd = Signal(), WithFunction()
    signal.connect(odd, weak=False)
    assert len(connecting.by_signal[id(signal)].by_key) == 1
    assert signal.disconnect(odd)
    assert not connecting.by_signal[id(signal)].by_key


class Asked:
    """Counts how often it is asked whether it is true."""

    def __init__(self, *, answer: bool) -> None:
        self.answer = answer
        self.asked = 0

    def __bool__(self) -> bool:
        self.asked += 1
        return self.answer


def times_asked(answer: bool) -> list[int]:  # noqa: FBT001
    """How often the methods ask each of their arguments."""
    signal, uid, weak, weak_too = Signal(), *(Asked(answer=answer) for _ in range(3))
    signal.connect(receive, dispatch_uid=uid)
    signal.connect(receive_too, dispatch_uid=uid)
    signal.connect(receive, weak=weak)  # type: ignore[arg-type]
    signal.disconnect(receive, User, dispatch_uid=uid)
    signal.disconnect(receive, dispatch_uid=uid)
    signals.post_init.connect(receive, sender="auth.User", weak=weak_too, dispatch_uid=uid)  # type: ignore[arg-type]
    signals.post_init.connect(receive, sender="later.Other", weak=weak_too, dispatch_uid=uid)  # type: ignore[arg-type]
    try:
        if hasattr(Signal.connect, "__wrapped__"):
            assert received(signals.post_init)
        return [uid.asked, weak.asked, weak_too.asked]
    finally:
        signals.post_init.disconnect(receive, sender="auth.User", dispatch_uid=uid)
        vars(apps)["_pending_operations"].pop(("later", "other"))
        connecting.waiting.clear()


@pytest.mark.parametrize("answer", [True, False])
def test_arguments_are_asked_as_often_as_django_does(answer: bool) -> None:  # noqa: FBT001
    uninstrument()
    try:
        expected = times_asked(answer)
    finally:
        instrument()
    assert times_asked(answer) == expected


def test_a_registry_of_apps_is_not_asked_whether_it_is_true() -> None:
    class Asking(Apps):
        asked = 0

        def __bool__(self) -> bool:
            Asking.asked += 1
            return True

    def asked() -> int:
        Asking.asked = 0
        signals.post_init.connect(receive, sender="later.Another", apps=Asking())
        connecting.waiting.clear()
        return Asking.asked

    found = asked()
    uninstrument()
    try:
        assert found == asked()
    finally:
        instrument()


def test_the_place_of_another_receiver_with_the_same_uid() -> None:
    signal = Signal()
    signal.connect(receive, dispatch_uid="one")
    signal.receivers = []
    signal.connect(receive_too, dispatch_uid="one")
    assert place_of(signal)[:2] == (HERE, line() - 1)
    key, _reference, *rest = signal.receivers[0]
    signal.receivers[:] = [(key, weakref.ref(receive), *rest)]
    assert only(signal).connected is None


@pytest.mark.parametrize("kind", ["object", "method"])
def test_the_place_of_a_receiver_with_the_id_of_another(kind: str) -> None:
    signal = Signal()

    def connected() -> int:
        desk = Desk()
        receiver: Any = desk.receive if kind == "method" else desk
        signal.connect(receiver, weak=False)
        return id(desk)

    others: list[Desk] = []
    for _ in range(1_000):
        before = connected()
        signal.receivers.clear()  # as it is done by hand, past ``disconnect``
        desk = Desk()
        if id(desk) == before:
            break
        others.append(desk)
    else:
        raise AssertionError("Python does not use the memory of an object again")
    signal.connect(desk.receive if kind == "method" else desk, weak=False)
    assert place_of(signal)[:2] == (HERE, line() - 1)


def test_a_receiver_without_weak_references_has_a_place() -> None:
    class Slotted:
        __slots__ = ()

        def __call__(self, **kwargs: Any) -> None: ...

    signal = Signal()
    signal.connect(Slotted(), weak=False)
    assert place_of(signal)[:2] == (HERE, line() - 1)


def test_the_methods_look_like_djangos() -> None:
    assert list(inspect.signature(Signal.connect).parameters) == ["self", "receiver", "sender", "weak", "dispatch_uid"]
    assert "def connect(self, receiver" in inspect.getsource(Signal.connect)
    assert Signal.connect.__qualname__ == "Signal.connect"
    assert pickle.loads(pickle.dumps(Signal.disconnect)) is Signal.disconnect  # noqa: S301 - our own
    with pytest.raises(TypeError, match=r"Signal.connect\(\) missing 1 required positional argument: 'receiver'"):
        Signal().connect()  # type: ignore[call-arg]


def test_a_warning_names_the_caller_of_connect() -> None:
    class Hashed:
        def __eq__(self, other: object) -> bool:
            return self is other

        def __hash__(self) -> int:
            return 1

        def __call__(self, **kwargs: Any) -> None: ...

        @property
        def __self__(self) -> None:
            warnings.warn("asked", stacklevel=3)
            raise AttributeError

    signal = Signal()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        signal.connect(Hashed())
    assert {(each.filename, each.lineno) for each in caught} == {(HERE, line() - 1)}


def test_uninstrument_takes_it_off() -> None:
    uninstrument()
    try:
        assert not hasattr(Signal.connect, "__wrapped__")
        assert not hasattr(Signal.disconnect, "__wrapped__")
        assert not hasattr(signals.ModelSignal.connect, "__wrapped__")
        assert not connecting.by_signal
    finally:
        instrument()
    assert hasattr(Signal.connect, "__wrapped__")


STAGES = """
import sys, types
from django.conf import settings
from django.dispatch import Signal
signal = Signal()
def early(**kwargs): ...
def ready(**kwargs): ...
def late(**kwargs): ...
app = types.ModuleType("stages"); app.__path__ = []; app.__file__ = "stages/__init__.py"; sys.modules["stages"] = app
from django.apps import AppConfig
class Stages(AppConfig):
    name, path = "stages", "."
    def import_models(self):
        super().import_models(); signal.connect(early)
    def ready(self): signal.connect(ready)
Stages.__module__ = "stages"; app.Stages = Stages
settings.configure(INSTALLED_APPS=["signal_monitor", "stages.Stages"], SIGNAL_MONITOR={"STORE": "memory"}, USE_TZ=True)
import django; django.setup()
signal.connect(late)
from signal_monitor.registry.live import live_signals
(found,) = [live for live in live_signals() if live.signal is signal]
print([each.connected.stage for each in found.connections])
"""


def test_the_stage_of_the_start(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", STAGES], capture_output=True, text=True, cwd=Path(__file__).parents[2], check=False
    )
    assert done.stdout == "['loading apps', 'in ready()', 'after start']\n", done.stderr


def test_tests_may_replace_weakref_ref() -> None:
    """Django's own tests count the references that ``connect`` makes, as those of a project may."""

    def local(**_kwargs: object) -> None: ...

    signal = Signal()
    with mock.patch("weakref.ref") as made:
        signal.connect(local, weak=False)
        signal.disconnect(local)
        signal.connect(local, weak=False)
    made.assert_not_called()
