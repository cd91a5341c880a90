"""Signals with send methods that are not Django's."""

from __future__ import annotations

import functools
from typing import Any

from asgiref.sync import markcoroutinefunction
from django.dispatch import Signal

from .calls import Sender
from .scenario import shown


def each(self: Any, sender: Any, **named: Any) -> list[tuple[Any, Any]]:
    """Call the receivers one by one."""
    sync, _ = self._live_receivers(sender)
    return [(receiver, receiver(signal=self, sender=sender, **named)) for receiver in sync]


class Loop(Signal):
    """Calls its receivers in a loop of its own."""

    def send(self, sender: Any, **named: Any) -> Any:
        responses = []
        for receiver in self._live_receivers(sender)[0]:
            responses.append((receiver, receiver(signal=self, sender=sender, **named)))  # noqa: PERF401 - no more frames
        return responses

    send_robust = send


class Super(Signal):
    """Ends in Django's send."""

    def send(self, sender: Any, **named: Any) -> Any:
        return super().send(sender, **named)

    def send_robust(self, sender: Any, **named: Any) -> Any:
        return super().send_robust(sender, **named)

    async def asend(self, sender: Any, **named: Any) -> Any:
        return await super().asend(sender, **named)


class Deeper(Super):
    """Ends in it by way of another."""

    def send(self, sender: Any, **named: Any) -> Any:
        return [*super().send(sender, **named), ("more", None)]


class Mixin:
    """Has a send for whatever it is mixed into."""

    def send(self, sender: Any, **named: Any) -> Any:
        return super().send(sender, **named)  # type: ignore[misc]


class Mixed(Mixin, Signal):
    """Has it from a mixin."""


class Chained(Signal):
    """Gives each receiver what the one before has answered."""

    def send_chained(self, sender: Any, chain: str, **named: Any) -> Any:
        value = named.get(chain)
        for receiver in self._live_receivers(sender)[0]:
            named[chain] = value = receiver(signal=self, sender=sender, **named)
        return value

    send = functools.partialmethod(send_chained, chain="value")


class AsDict(Signal):
    """Answers a dict by receiver."""

    def send(self, sender: Any, **named: Any) -> Any:
        return dict(each(self, sender, **named))


class AsGenerator(Signal):
    """Answers a generator."""

    def send(self, sender: Any, **named: Any) -> Any:
        for receiver in self._live_receivers(sender)[0]:
            yield receiver, receiver(signal=self, sender=sender, **named)


class AsTuple(Signal):
    """Answers receivers and responses apart."""

    def send(self, sender: Any, **named: Any) -> Any:
        pairs = each(self, sender, **named)
        return tuple(zip(*pairs, strict=True)), {receiver for receiver, _ in pairs}, [[pair] for pair in pairs]


class OfClass(Signal):
    """Is asked without an instance."""

    @classmethod
    def send(cls, sender: Any, **named: Any) -> Any:
        return [cls.__name__, shown(named)]


class Static(Signal):
    """Needs no instance."""

    @staticmethod
    def send(sender: Any, **named: Any) -> Any:
        return ["static", shown(sender), shown(named)]


class CallableObject:
    """A callable that is no descriptor."""

    def __call__(self, sender: Any, **named: Any) -> Any:
        return ["callable", shown(sender), shown(named)]


class WithCallable(Signal):
    """Has a callable in place of a method."""

    send: Any = CallableObject()
    asend: Any = markcoroutinefunction(CallableObject())


class WithPartial(Signal):
    """Has a partial in place of a method."""

    send: Any = functools.partial(lambda *args, **named: shown(args))


class WithProperty(Signal):
    """Makes its send anew for each call."""

    @property
    def send(self) -> Any:
        return functools.partial(each, self)


class WithBuiltin(Signal):
    """Has a builtin in place of a method."""

    send: Any = dict


class WithMarked(Signal):
    """Has a function that counts as async."""

    def asend(self, sender: Any, **named: Any) -> Any:
        return super().asend(sender, **named)

    markcoroutinefunction(asend)


class WithGetattr(Signal):
    """Finds its methods by itself."""

    def __getattribute__(self, name: str) -> Any:
        if name == "send":
            return functools.partial(each, self)
        return super().__getattribute__(name)


class WithoutNamed(Signal):
    """Takes other arguments than Django's."""

    def send(self, value: Any = 3) -> Any:  # type: ignore[override]
        return super().send(Sender, value=value)


class Swallowing(Signal):
    """Keeps errors to itself, and answers nothing."""

    def send(self, sender: Any, **named: Any) -> Any:
        try:
            super().send(sender, **named)
        except Exception:  # noqa: BLE001 - that is what it is for
            return None


class Filtering(Signal):
    """Finds fewer receivers."""

    def _live_receivers(self, sender: Any) -> Any:
        sync, others = super()._live_receivers(sender)
        return sync[:1], others

    def send(self, sender: Any, **named: Any) -> Any:
        return each(self, sender, **named)


class Slots(Loop):
    """Has a send of its base's, and slots."""

    __slots__ = ("extra",)
