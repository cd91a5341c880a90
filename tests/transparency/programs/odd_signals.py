"""Signals that Django accepts and that look like no other: half made, duck-typed, guarded, dying."""

from __future__ import annotations

import contextlib
import logging
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any

from django.dispatch import Signal

from tests.transparency.calls import METHODS, SYNC, Sender, call, connected, first, second, third
from tests.transparency.scenario import attributes_of, outcome, scenario
from tests.transparency.striking import Tracer, points_of, run_traced

ATTRIBUTES = ("receivers", "lock", "use_caching", "sender_receivers_cache", "_dead_receivers")
SENDERS = (Sender, None, "sender")


@contextlib.contextmanager
def complaints() -> Iterator[list[str]]:
    """What the monitor's logger says."""
    said: list[str] = []

    class Noting(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(record.getMessage())

    handler = Noting()
    logging.getLogger("signal_monitor").addHandler(handler)
    yield said
    logging.getLogger("signal_monitor").removeHandler(handler)


def try_all(made: Any, methods: Any = METHODS) -> Any:
    """What each send method answers, called again and again."""
    with complaints() as said:
        seen = [outcome(call, made, method, sender) for sender in SENDERS for method in methods for _ in range(3)]
    return [*seen, outcome(lambda: made.has_listeners(Sender)), said]


class HalfMade(Signal):
    """Calls no ``__init__`` but its own."""

    def __init__(self, *left_out: str) -> None:
        whole = connected(first, second)
        for name in set(vars(whole)) - set(left_out):
            setattr(self, name, getattr(whole, name))


class OwnReceivers(HalfMade):
    """Finds its receivers by itself."""

    def _live_receivers(self, sender: Any) -> Any:
        return [first, second], []


class CachedReceivers(OwnReceivers):
    """Finds its receivers by itself, and Django's own way now and then."""

    def _live_receivers(self, sender: Any) -> Any:
        with contextlib.suppress(AttributeError):
            super(OwnReceivers, self)._live_receivers(sender)
        return super()._live_receivers(sender)


@scenario({name: name for name in ("nothing", *ATTRIBUTES) if name != "lock"})
def without_init(left_out: str) -> Any:
    return [try_all(cls(left_out)) for cls in (HalfMade, OwnReceivers, CachedReceivers)]


@scenario()
def without_any_init() -> Any:
    class Empty(Signal):
        def __init__(self) -> None:
            pass

    class Listed(Empty):
        receivers: list[Any] = []

    return [try_all(Empty()), try_all(Listed())]


class Duck:
    """No signal, but it has what a send method asks for."""

    def __init__(self, **options: Any) -> None:
        whole = connected(first, second, third, **options)
        for name in ATTRIBUTES:
            setattr(self, name, getattr(whole, name))

    _live_receivers: Any = lambda self, sender: Signal._live_receivers(self, sender)
    _clear_dead_receivers: Any = lambda self: None
    _log_robust_failure: Any = lambda self, receiver, err: None


# One that nobody can refer to weakly, or add an attribute to.
OWN = ("__init__", "_live_receivers", "_clear_dead_receivers", "_log_robust_failure")
Slotted: Any = type("Slotted", (), {"__slots__": ATTRIBUTES, **{name: vars(Duck)[name] for name in OWN}})


@scenario({"dict": Duck, "slots": Slotted})
def duck_types(cls: Any) -> Any:
    ducks = [cls(use_caching=caching) for caching in (False, True)]
    methods = [getattr(Signal, method) for method in METHODS]
    senders = [(duck, method) for duck in ducks for method in methods for _ in range(3)]
    with complaints() as said:
        return [[outcome(call, _Bound(duck, method), "send", Sender) for duck, method in senders], said]


class _Bound:
    def __init__(self, signal: Any, method: Any) -> None:
        self.send = lambda *args: method(signal, *args)


class Unhashable(Signal):
    """Compares by value."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Unhashable)


class Empty(Signal):
    """Is false."""

    def __len__(self) -> int:
        return 0


class Answering(Signal):
    """Has every attribute."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return 42


class Refusing(Signal):
    """Has no other attribute, and says so in its own way."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(name)


class Frozen(Signal):
    """Takes no attribute once it is made."""

    frozen = False

    def __setattr__(self, name: str, value: Any) -> None:
        if self.frozen and name != "_dead_receivers":
            raise TypeError(name)
        super().__setattr__(name, value)

    def connect(self, *args: Any, **kwargs: Any) -> Any:
        super().connect(*args, **kwargs)
        vars(self)["frozen"] = True


class Disguised(Signal):
    """Says that it is something else."""

    @property
    def __class__(self) -> Any:
        raise RuntimeError("__class__")

    @__class__.setter
    def __class__(self, value: Any) -> None:
        raise RuntimeError("__class__")


class Slots(Signal):
    """Has slots besides."""

    __slots__ = ("extra",)


class OwnReceiversProperty(Signal):
    """Keeps its receivers elsewhere."""

    @property
    def receivers(self) -> Any:
        return vars(self).setdefault("kept", [])

    @receivers.setter
    def receivers(self, value: Any) -> None:
        vars(self)["kept"] = value


CLASSES = (Unhashable, Empty, Answering, Refusing, Frozen, Disguised, Slots, OwnReceiversProperty)


@scenario({f"{cls.__name__}-{caching}": (cls, caching) for cls in CLASSES for caching in (False, True)})
def odd_classes(row: Any) -> Any:
    cls, caching = row
    return try_all(connected(first, third, cls=cls, use_caching=caching))


@scenario()
def attributes_set_on_a_signal() -> Any:
    names: list[str] = []

    class Noting(Signal):
        def __setattr__(self, name: str, value: Any) -> None:
            names.append(name)
            super().__setattr__(name, value)

    made = connected(first, third, cls=Noting)
    try_all(made)
    return [names, attributes_of(made), attributes_of(connected(first))]


def dying(made: Signal, kept: list[Any]) -> Callable[[], Any]:
    """Connect receivers that the list keeps alive; answers what sends."""

    def new() -> Any:
        return lambda **named: None

    kept[:] = [new(), new()]
    for receiver in kept:
        made.connect(receiver)
    made.connect(first)
    return lambda: made.send(Sender)


@scenario({f"{caching}-{warm}": (caching, warm) for caching in (False, True) for warm in (0, 1, 2)})
def receivers_die_at_every_point(row: Any) -> Any:
    caching, warm = row
    kept: list[Any] = []

    def prepare() -> Callable[[], Any]:
        send = dying(Signal(use_caching=caching), kept)
        for _ in range(warm):
            send()
        return send

    failed = []
    with complaints() as said:
        for at in points_of(prepare):
            tracer = Tracer(at, kept.clear)
            answer = outcome(run_traced, tracer, prepare())
            if answer[0] != "list" or answer[-1] != ["tuple", "first", None]:
                failed.append((tracer.where, answer))
    return [said, failed]


@scenario({"plain": False, "caching": True})
def receivers_die_while_threads_connect(caching: bool) -> Any:  # noqa: FBT001 - a row of the table
    made, ended = Signal(use_caching=caching), threading.Event()
    made.connect(first)

    def connect() -> None:
        while not ended.is_set():
            dying(made, [])

    threads = [threading.Thread(target=connect) for _ in range(2)]
    with complaints() as said:
        for thread in threads:
            thread.start()
        failed = [answer for _ in range(3000) if (answer := outcome(made.send, Sender))[0] != "list"]
        ended.set()
        for thread in threads:
            thread.join()
    return [said, failed]


@scenario(SYNC)
def a_signal_dies_while_it_sends(method: str) -> Any:
    holder: list[Any] = [connected(lambda **named: holder.clear(), first)]
    reference = weakref.ref(holder[0])
    return [outcome(call, holder[0], method, Sender)[0], reference() is not None]
