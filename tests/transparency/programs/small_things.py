"""Small things: what dies, what is copied, which threads exist, whose attributes are read."""

from __future__ import annotations

import _thread
import contextlib
import copy
import gc
import pickle
import threading
import weakref
from typing import Any

from django.db.models.signals import ModelSignal
from django.dispatch import Signal

from tests.transparency.calls import METHODS, SYNC, Sender, call, connected, first, third
from tests.transparency.own_signals import Loop, Super
from tests.transparency.scenario import attributes_of, monitor, nothing_more, outcome, scenario, shown

CLASSES = {cls.__name__: cls for cls in (Signal, ModelSignal, Loop, Super)}


class Uid:
    """Names a connection."""


@scenario({f"{caching}-{method}": (caching, method) for caching in (False, True) for method in METHODS})
def a_dispatch_uid_dies(row: Any) -> Any:
    caching, method = row
    seen = []
    for senders in ((Sender,), (Sender, None, "sender", Sender()), ()):
        made, uid = Signal(use_caching=caching), Uid()
        made.connect(first, dispatch_uid=uid)
        for sender in senders:
            outcome(call, made, method, sender)
            outcome(call, made, method, sender)
        reference = weakref.ref(uid)
        made.disconnect(dispatch_uid=uid)
        del uid
        seen.append(reference() is None)
    return seen


@scenario({f"{caching}-{method}": (caching, method) for caching in (False, True) for method in SYNC})
def a_sender_dies(row: Any) -> Any:
    caching, method = row
    made = connected(first, use_caching=caching)
    sender: Any = type("Made", (), {})
    alive = weakref.ref(sender)
    outcome(call, made, method, sender)
    outcome(call, made, method, sender)
    del sender
    gc.collect()
    return [alive() is None, len(made.sender_receivers_cache)]


class Storable(Signal):
    """Can be copied and pickled: it leaves its lock out."""

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name not in {"lock", "sender_receivers_cache"}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(use_caching=state["use_caching"])  # type: ignore[misc]
        vars(self).update(state)


class Reducing(Signal):
    """Says how it is made anew."""

    def __reduce__(self) -> Any:
        return _remade, (sorted(set(vars(self)) - {"lock"}),)


def _remade(names: list[str]) -> Any:
    return names


def receiver_of_module(**named: Any) -> str:
    return "receiver"


def used(cls: type[Signal], *, caching: bool) -> Any:
    made = cls(use_caching=caching)
    made.connect(receiver_of_module, weak=False)
    for method in METHODS:
        outcome(call, made, method, Sender)
        outcome(call, made, method, Sender)
    return made


@scenario({f"{name}-{caching}": (cls, caching) for name, cls in CLASSES.items() for caching in (False, True)})
def attributes_of_a_signal(row: Any) -> Any:
    cls, caching = row
    made = used(cls, caching=caching)
    copied = copy.copy(made)
    state = sorted(set(made.__getstate__()) - {"_signal_monitor"})
    return [attributes_of(made), attributes_of(copied), state, outcome(pickle.dumps, made)]


@scenario({f"{cls.__name__}-{caching}": (cls, caching) for cls in (Storable, Reducing) for caching in (False, True)})
def pickled_signals(row: Any) -> Any:
    cls, caching = row
    made = used(cls, caching=caching)
    stored = pickle.dumps(made)
    loaded = pickle.loads(stored)  # noqa: S301 - our own bytes
    copies = [loaded, copy.copy(made), copy.deepcopy(made)]
    names = [sorted(vars(item)) if isinstance(item, Signal) else item for item in copies]
    answers = [shown(item.send(Sender)) for item in copies if isinstance(item, Signal)]
    return [names, answers, b"monitor" in stored, shown(made.send(Sender))]


@scenario({"plain": False, "caching": True})
def copies_have_their_own_answers(caching: bool) -> Any:  # noqa: FBT001 - a row of the table
    made = connected(first, use_caching=caching)
    outcome(made.send, Sender)
    copied = copy.copy(made)
    copied.receivers = []
    copied.sender_receivers_cache = type(made.sender_receivers_cache)()
    copied.connect(receiver_of_module)
    return [shown(item.send(Sender)) for item in (made, copied, made, copied)]


@scenario(SYNC)
def no_dummy_thread(method: str) -> Any:
    answers: list[Any] = []
    ended = threading.Event()

    def run() -> None:
        for caching in (False, True):
            made = connected(first, use_caching=caching)
            answers.extend(outcome(getattr(made, method), Sender) for _ in range(3))
        made = connected(lambda **named: _fail(), use_caching=True)
        answers.append(outcome(made.send, Sender))
        answers.append(threading.get_ident() in threading._active)  # type: ignore[attr-defined]
        ended.set()

    with monitor.delivered():
        _thread.start_new_thread(run, ())
        ended.wait(10)
    return [answers, sum(type(item).__name__ == "_DummyThread" for item in threading.enumerate())]


def _fail() -> None:
    raise LookupError("failing")


def noting(names: list[str], base: type = object) -> Any:
    """A class whose objects note which of their attributes are read."""

    class Noting(base):  # type: ignore[misc]
        def __getattribute__(self, name: str) -> Any:
            names.append(name)
            return super().__getattribute__(name)

        def __call__(self, **named: Any) -> Any:
            return None

    return Noting


def reads(names: list[str], made: Any, method: str, sender: Any = Sender, **named: Any) -> list[str]:
    """What is read while a signal is sent, and while the monitor makes records of it."""
    names.clear()
    with monitor.delivered():
        for _ in range(3):
            with contextlib.suppress(Exception):
                call(made, method, sender, **named)
    return sorted(set(names))


ROWS = {f"{caching}-{method}": (caching, method) for caching in (False, True) for method in METHODS}


@scenario(ROWS, same=nothing_more)
def attributes_read_of_a_receiver(row: Any) -> Any:
    caching, method = row
    names: list[str] = []
    return reads(names, connected(noting(names)(), use_caching=caching), method)


@scenario(ROWS, same=nothing_more)
def attributes_read_of_an_error(row: Any) -> Any:
    caching, method = row
    names: list[str] = []
    error = noting(names, Exception)("failing")

    def failing(**named: Any) -> None:
        raise error

    return reads(names, connected(failing, use_caching=caching), method)


@scenario(ROWS, same=nothing_more)
def attributes_read_of_a_sender(row: Any) -> Any:
    caching, method = row
    names: list[str] = []
    return reads(names, connected(first, use_caching=caching), method, noting(names)())


@scenario(ROWS, same=nothing_more)
def attributes_read_of_a_class(row: Any) -> Any:
    caching, method = row
    names: list[str] = []

    class Meta(type):
        def __getattribute__(cls, name: str) -> Any:
            names.append(name)
            return super().__getattribute__(name)

    class Made(metaclass=Meta):
        pass

    return reads(names, connected(first, use_caching=caching), method, Made)


@scenario(ROWS, same=nothing_more)
def attributes_read_of_a_response(row: Any) -> Any:
    caching, method = row
    names: list[str] = []
    value = noting(names)()
    return reads(names, connected(first, use_caching=caching), method, value=value)


class Hostile:
    """A receiver with attributes that raise."""

    @property
    def __class__(self) -> Any:
        raise RuntimeError("__class__")

    @__class__.setter
    def __class__(self, value: Any) -> None:
        raise RuntimeError("__class__")

    @property
    def __dict__(self) -> Any:  # type: ignore[override]
        raise RuntimeError("__dict__")

    @property
    def __name__(self) -> Any:
        raise RuntimeError("__name__")

    def __repr__(self) -> str:
        raise RuntimeError("__repr__")

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("__eq__")

    def __hash__(self) -> int:
        raise RuntimeError("__hash__")

    def __call__(self, **named: Any) -> str:
        return "hostile"


class HostileError(Exception):
    """An error with attributes that raise."""

    __class__ = Hostile.__class__
    __repr__ = Hostile.__repr__
    __str__ = Hostile.__repr__


@scenario(ROWS)
def hostile_objects(row: Any) -> Any:
    caching, method = row

    def failing(**named: Any) -> None:
        raise HostileError

    made = Signal(use_caching=caching)
    receiver = Hostile()
    outcome(made.connect, receiver, weak=False)
    connected_one = [len(made.receivers)]
    made.connect(failing)
    made.connect(third)
    with monitor.delivered():
        return connected_one + [_kinds(made, method) for _ in range(3)]


def _kinds(made: Any, method: str) -> Any:
    try:
        return [type(response).__name__ for _, response in call(made, method, Sender)]
    except BaseException as error:  # noqa: BLE001 - its own text raises
        return type(error).__name__
