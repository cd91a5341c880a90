"""Names of the signals and receivers seen so far, found once each and kept without keeping the objects alive."""

from __future__ import annotations

import contextlib
import sys
import weakref
from collections.abc import Callable, Iterator
from time import monotonic
from typing import TYPE_CHECKING, Any

from django.dispatch import Signal

from signal_monitor import names
from signal_monitor.thresholds import SlowLimits

if TYPE_CHECKING:
    from .plans import Plan

Hook = Callable[[], None]

MAX_MET = 50
ATTRIBUTE = "_signal_monitor"
"""Where a signal has what is known about it: looking it up by ``id()`` would cost a tenth of a send."""


class SignalInfo:
    """What is known about one signal, while it lives.

    ``orphans`` counts its dispatches that found no receiver. Adding one to it runs no code in which CPython, up to the
    builds without its global lock, would let another thread in: no count is lost.
    """

    __slots__ = ("_met", "after", "before", "name", "orphans", "plans", "ref", "seen", "slow_ns")

    def __init__(self, signal: Signal, name: str, limits: SlowLimits) -> None:
        self.name = name
        self.slow_ns = limits.limit_ns(name)
        self.before: Hook | None = None
        self.after: Hook | None = None
        self.orphans = 0
        self.seen: set[str] = set()
        self.plans: dict[int, Plan] = {}
        self.ref: weakref.ref[Signal] = weakref.ref(signal)
        self._met: dict[int, str] = {}

    def has_met(self, sender: str) -> bool:
        """Whether this very string has sent before, not long ago."""
        if self._met.get(id(sender)) is sender:
            return True
        if len(self._met) >= MAX_MET:
            self._met.clear()
        self._met[id(sender)] = sender
        return False


class ReceiverInfo:
    """What is known about one receiver: names and numbers only."""

    __slots__ = ("line", "module", "name", "path", "ref", "slow_ns")

    def __init__(self, receiver: object, limits: SlowLimits) -> None:
        self.name = names.receiver_name(receiver)
        self.module = names.receiver_module(receiver)
        source = names.receiver_source(receiver)
        self.path = source.path if source else None
        self.line = source.line if source else None
        self.slow_ns = limits.limit_ns(self.name)
        self.ref: Callable[[], object] | None = None


class Catalogue:
    """Signals and receivers by identity; an entry goes when its object dies, so a reused id never misleads.

    ``known`` has the signals by ``id()``.
    """

    def __init__(self) -> None:
        self.limits = SlowLimits()
        self.known: dict[int, SignalInfo] = {}
        self._receivers: dict[int, ReceiverInfo] = {}
        self._births: dict[int, tuple[str, int]] = {}
        self._named: dict[int, str] = {}
        self._modules_seen = 0
        self._looked_at = 0.0
        self._forgotten_orphans: dict[str, int] = {}

    def configure(self, limits: SlowLimits) -> None:
        """Use other limits from now on, for what is known already too."""
        self.limits = limits
        for info in list(self.known.values()):
            info.slow_ns = limits.limit_ns(info.name)
        self._receivers.clear()

    def note_birth(self, signal: Signal, module: str, line: int) -> None:
        """Remember where a signal was made, in case no module ever names it."""
        key = id(signal)
        self._named.pop(key, None)  # the name of another that died
        self._births[key] = (module, line)
        weakref.finalize(signal, self._births.pop, key, None).atexit = False

    def signal(self, signal: Signal) -> SignalInfo:
        """What is known about a signal."""
        info = self.known.get(id(signal))
        return info if info is not None else self._learn_signal(signal)

    def _learn_signal(self, signal: Signal) -> SignalInfo:
        key = id(signal)
        # Of threads that meet a signal at the same moment, one makes what all of them count in.
        info = self.known.setdefault(key, SignalInfo(signal, self._name_of(signal), self.limits))
        weakref.finalize(signal, self._forget_signal, key).atexit = False
        return info

    def attached(self, signal: Signal) -> SignalInfo:
        """What is known about a signal, from now on within reach of its send methods; not where it has hooks."""
        info: SignalInfo | None = getattr(signal, ATTRIBUTE, None)
        if info is None or info.ref() is not signal:  # copied from another
            info = self.signal(signal)
            if info.before is None and info.after is None:
                object.__setattr__(signal, ATTRIBUTE, info)  # whatever a subclass allows
        return info

    def detach(self) -> None:
        """Leave nothing of ours on any signal."""
        for info in list(self.known.values()):
            info.plans.clear()
            signal = info.ref()
            if signal is not None:
                _detach(signal)

    def hook(self, signal: Signal, *, before: Hook | None = None, after: Hook | None = None) -> None:
        """Call something before, or after, each dispatch of a signal."""
        info = self.signal(signal)
        info.before, info.after = before, after
        _detach(signal)

    def _forget_signal(self, key: int) -> None:
        info = self.known.pop(key, None)
        if info is not None and info.orphans:
            self._forgotten_orphans[info.name] = self._forgotten_orphans.get(info.name, 0) + info.orphans

    def _name_of(self, signal: Signal) -> str:
        key = id(signal)
        if key not in self._named and self._may_look_again():
            self._named = names.named_instances(Signal)
        if key in self._named:
            return self._named[key]
        module, line = self._births.get(key, (type(signal).__module__, 0))
        return names.unnamed_signal(module, line, type(signal))

    def _may_look_again(self) -> bool:
        """Whether modules were loaded since the last look through them, or a second has passed: a look takes 10 ms."""
        grown, now = len(sys.modules) != self._modules_seen, monotonic()
        if grown or now - self._looked_at > 1.0:
            self._modules_seen, self._looked_at = len(sys.modules), now
            return True
        return False

    def receiver(self, receiver: object) -> ReceiverInfo:
        """What is known about a receiver; for a bound method, about its function."""
        target = getattr(receiver, "__func__", receiver) if type(receiver) is _METHOD else receiver
        info = self._receivers.get(id(target))
        if info is not None and info.ref is not None and info.ref() is target:
            return info
        return self._learn_receiver(target)

    def _learn_receiver(self, target: object) -> ReceiverInfo:
        info, key = ReceiverInfo(target, self.limits), id(target)
        try:
            info.ref = weakref.ref(target, lambda _: self._receivers.pop(key, None))
        except TypeError:
            return info
        self._receivers[key] = info
        return info

    def orphans(self) -> dict[str, int]:
        """Dispatches that found no receiver, by signal; signals without any are left out."""
        counts = dict(self._forgotten_orphans)
        for info in list(self.known.values()):
            if info.orphans:
                counts[info.name] = counts.get(info.name, 0) + info.orphans
        return counts

    def signals(self) -> Iterator[SignalInfo]:
        """The signals that were dispatched so far and still live."""
        yield from list(self.known.values())

    def reset(self) -> None:
        """Start counting anew, as in a forked child."""
        self._forgotten_orphans.clear()
        for info in list(self.known.values()):
            info.orphans = 0


def _detach(signal: Signal) -> None:
    with contextlib.suppress(AttributeError):
        object.__delattr__(signal, ATTRIBUTE)


class _Sample:
    def method(self) -> None: ...


_METHOD: Any = type(_Sample().method)
catalogue = Catalogue()
