"""The objects of a world: its signals, senders, receivers and values, and what is left of those it has forgotten."""

from __future__ import annotations

import inspect
import types
import weakref
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from signal_monitor.names import receiver_name

from .hostile import SENDERS, Hostile
from .pictures import Picture, error_picture
from .receivers import ASYNC, SYNC, ARun, Holder, Run

T = TypeVar("T")
CONSTANTS = {str, int, bool}


def pick(things: Mapping[Any, T], number: int) -> T | None:
    """The thing that a number stands for; None where there is none."""
    return list(things.values())[number % len(things)] if things else None


class Objects:
    """What a program holds. Whatever can be is known by a weak reference, so that it dies where it is dropped."""

    def __init__(self, signals: dict[str, Any]) -> None:
        self.signals = signals
        self.muted: dict[str, list[Any]] = {}
        self.senders: dict[int, Any] = {}
        self.receivers: dict[int, Holder] = {}
        self.kinds: dict[int, str] = {}
        self.names: dict[int, str] = {}
        self.values = [None, 0, Hostile(), ["a", "list"]]
        self._known: dict[str, Callable[[], Any]] = {}
        self._ids: set[int] = set()

    def make_sender(self, kind: str) -> None:
        """Make a sender, and hold it."""
        number = len(self._known)
        self.senders[number] = sender = self._fresh(SENDERS[kind])
        self._learn(f"sender {number} ({kind})", sender)

    def make_receiver(self, kind: str, run: Callable[[int], Run], arun: Callable[[int], ARun]) -> None:
        """Make a receiver, and hold it."""
        number = len(self._known)
        make: Callable[[], Holder] = (
            (lambda: SYNC[kind](run(number))) if kind in SYNC else (lambda: ASYNC[kind](arun(number)))
        )
        self.receivers[number] = holder = self._fresh(make)
        self.kinds[number] = kind
        self.names[number] = receiver_name(holder.receiver())
        self._learn(f"receiver {number} ({kind})", holder.held)

    def _fresh(self, make: Callable[[], T]) -> T:
        """A new object whose id no dead one had: up to Django 5.2 it would be taken for that one."""
        tried = [made := make()]
        while _id(made) in self._ids and type(made) not in CONSTANTS:
            tried.append(made := make())
        self._ids.add(_id(made))
        return made

    def _learn(self, label: str, thing: Any) -> None:
        try:
            self._known[label] = weakref.ref(thing)
        except TypeError:
            self._known[label] = lambda: thing

    def sender(self, number: int | None) -> Any:
        """The sender that a number stands for."""
        return None if number is None else pick(self.senders, number)

    def alive(self) -> list[str]:
        """What has not died."""
        return [label for label, reference in self._known.items() if reference() is not None]

    def label(self, thing: Any) -> object:
        """What an object is in this world, whichever world it is."""
        if thing is None or type(thing) in CONSTANTS:
            return thing
        if type(thing) is types.MethodType:
            return (self.label(thing.__self__), thing.__name__)
        known: dict[str, Any] = {name: lambda signal=signal: signal for name, signal in self.signals.items()}
        known |= {f"value {index}": lambda value=value: value for index, value in enumerate(self.values)} | self._known
        return next((label for label, reference in known.items() if reference() is thing), type(thing).__name__)

    def response_picture(self, response: Any) -> object:
        """A response; a coroutine that nobody awaits is closed."""
        if inspect.iscoroutine(response):
            response.close()
        return error_picture(response) if isinstance(response, BaseException) else self.label(response)

    def answer_picture(self, answer: Any) -> Picture:
        """What a send method has returned."""
        pairs = tuple(
            (type(pair).__name__, self.label(pair[0]), type(pair[0]).__name__, self.response_picture(pair[1]))
            for pair in answer
        )
        return (type(answer).__name__, pairs)

    def signal_picture(self, signal: Any) -> Picture:
        """What a signal holds."""
        return (
            type(signal.receivers).__name__,
            tuple(self._entry_picture(entry[1:]) for entry in signal.receivers),
            sorted((str(self.label(key)), self._cached_picture(value)) for key, value in _items(signal)),
            signal._dead_receivers,
            signal.lock.locked(),
        )

    def _entry_picture(self, entry: Any) -> Picture:
        return tuple(
            ("weak", self.label(part())) if isinstance(part, weakref.ReferenceType) else self.label(part)
            for part in entry
        )

    def _cached_picture(self, cached: Any) -> object:
        is_list = isinstance(cached, list)
        return tuple(self._entry_picture(entry) for entry in cached) if is_list else "NO_RECEIVERS"


def _items(signal: Any) -> list[tuple[Any, Any]]:
    return list(signal.sender_receivers_cache.items())


def _id(made: object) -> int:
    return id(made.held if isinstance(made, Holder) else made)
