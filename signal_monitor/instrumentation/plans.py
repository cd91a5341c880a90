"""What a dispatch needs to know, found out once per signal and sender.

A plan keeps the references to a signal's receivers for one sender, and a shape: the names that all of its dispatches
share. For a signal with ``use_caching`` it takes the place of the list in Django's own cache, so that Django lets go of
it with every ``connect`` and ``disconnect``. For any other it is valid while ``receivers`` has the very same entries.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Sequence
from operator import is_, itemgetter
from time import monotonic
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any

from django.dispatch import Signal, dispatcher

from signal_monitor.faults import contained
from signal_monitor.names import sender_name
from signal_monitor.records import Method

from .catalogue import ATTRIBUTE, ReceiverInfo, SignalInfo, catalogue
from .cells import Ground
from .guard import is_djangos
from .observation import overriding
from .places import FIRST_END, NUMBER, PLACE, SHAPE
from .probes import probes
from .remarks import Remarks

if TYPE_CHECKING:

    class ObservedSignal(Signal):
        """A signal, with what type stubs leave out and what is ours."""

        _dead_receivers: bool
        _signal_monitor: SignalInfo

        def _live_receivers(self, sender: object) -> tuple[list[Any], list[Any]]: ...
        def _log_robust_failure(self, receiver: object, err: Exception) -> None: ...


Record = list[Any]
Reference = Callable[[], Any]
_live_receivers = vars(Signal)["_live_receivers"]
# What a plan takes the place of; where another tool was first to replace it, nothing is ever equal to this.
DJANGOS_LIVE_RECEIVERS: Any = _live_receivers if is_djangos(_live_receivers) else object()
MAX_PLANS = 100
NOTE_SECONDS = 1.0
LOOK_SECONDS = 0.05
_SENDERS = (str, type(None))
_key_of = itemgetter(0)


class Shape:
    """What all dispatches of a plan by one method share; their records hold it, so it has names and numbers only.

    A dispatch that takes ``limit`` seconds or more is looked at closely before its sender goes on; it is 0 for the
    first, and again for one a second.
    """

    __slots__ = ("length", "limit", "limit_set", "method", "noted_at", "receivers", "sender", "signal")

    def __init__(self, signal: SignalInfo, sender: str, method: Method, receivers: tuple[ReceiverInfo, ...]) -> None:
        self.signal = signal
        self.sender = sender
        self.method: Method = method
        self.receivers = receivers
        self.length = FIRST_END + len(receivers)
        self.limit_set = min([signal.slow_ns, *(receiver.slow_ns for receiver in receivers)]) / 1e9
        self.limit = 0.0
        self.noted_at = 0.0

    def note(self) -> None:
        """A dispatch is looked at closely: leave the next ones alone."""
        self.limit = 0.0 if probes.looks_closely else self.limit_set
        self.noted_at = monotonic()

    def may_look(self) -> bool:
        """Whether a failed dispatch is looked at closely: many a second fail alike, and each look takes a while."""
        return self.limit == 0.0 or monotonic() - self.noted_at >= LOOK_SECONDS

    def rearm(self, now: float) -> None:
        """Have a dispatch looked at closely, if the last time was a while ago."""
        if now - self.noted_at > NOTE_SECONDS:
            self.limit = 0.0


class Plan(list[Any]):
    """The entries of one sender's receivers, as Django caches them, and what a send method makes of them.

    ``references`` are weak ones, also of receivers that are strongly connected: those live as long as their entry does.
    """

    __slots__ = ("keys", "only", "references", "robust", "sender", "shape")

    def __init__(self, entries: Iterable[Any], signal: SignalInfo, sender: object) -> None:
        super().__init__(entries)
        self.references: list[Reference] = [_reference(entry[0]) for entry in self]
        self.only = self.references[0] if len(self) == 1 else None
        self.keys: list[object] = []
        self.sender: object = None
        receivers = tuple(catalogue.receiver(reference()) for reference in self.references)
        name = sender_name(sender)
        self.shape = Shape(signal, name, "send", receivers)
        self.robust = Shape(signal, name, "send_robust", receivers)


def _reference(held: Any) -> Reference:  # noqa: ANN401 - a receiver, or a weak reference to one
    return held if isinstance(held, weakref.ReferenceType) else weakref.ref(held)


def _freed(held: Any) -> Any:  # noqa: ANN401
    """A weak reference like Django's, without its callback: a method of the signal, which the plan would keep alive."""
    if not isinstance(held, weakref.ReferenceType):
        return held
    receiver: Any = held()
    return weakref.WeakMethod(receiver) if isinstance(held, weakref.WeakMethod) else weakref.ref(receiver)


def find_plan(signal: Signal, sender: object) -> Plan | None:
    """The plan of a signal for a sender, made where there is none yet; None where the general path is to be taken."""
    info: SignalInfo | None = getattr(signal, ATTRIBUTE, None)
    if info is not None and not signal.use_caching:
        plan: Plan | None = info.plans.get(id(sender))
        receivers = signal.receivers
        if plan is not None and len(receivers) == len(plan.keys) and all(map(is_, map(_key_of, receivers), plan.keys)):
            return plan
    return make_plan(signal, sender)


@contained("the plan of a dispatch", None, in_send=True)
def make_plan(signal: Signal, sender: Any) -> Plan | None:  # noqa: ANN401
    """A plan that the next dispatches will find too."""
    info = _info_of(signal, sender)
    if info is None:
        return None
    return _cached(signal, info, sender) if signal.use_caching else _kept(signal, info, sender)


def _info_of(signal: Signal, sender: object) -> SignalInfo | None:
    """What is known of a signal that may have plans for such senders."""
    kind = type(signal)
    if not (probes.enabled and probes.fast) or kind in overriding:
        return None
    if not issubclass(type(sender), type) and type(sender) not in _SENDERS:
        return None  # made for the occasion: a plan would serve but once
    if type(sender) is str and not catalogue.attached(signal).has_met(sender):
        return None  # this too, unless it comes again
    info = catalogue.attached(signal)
    return info if info is None or info.before is info.after is None else None


def _cached(signal: Signal, info: SignalInfo, sender: Any) -> Plan | None:  # noqa: ANN401
    """A plan in place of the list in Django's cache."""
    cache = signal.sender_receivers_cache
    entries = cache.get(sender)
    if isinstance(entries, Plan):  # another thread was faster
        return entries
    if not isinstance(entries, list) or not _is_plannable(entries):
        return None
    plan = Plan(entries, info, sender)
    if not signal.lock.acquire(blocking=False):
        return None
    try:
        if cache.get(sender) is not entries:  # connected or disconnected meanwhile
            return None
        cache[sender] = plan
    finally:
        signal.lock.release()
    return plan


def _kept(signal: Signal, info: SignalInfo, sender: Any) -> Plan | None:  # noqa: ANN401
    """A plan beside the keys of the receivers that it is made from: their entries may hold receivers strongly."""
    receivers = list(signal.receivers)
    key = dispatcher._make_id(sender)  # type: ignore[attr-defined] # noqa: SLF001 - Django's tests replace it
    entries = [entry[1:] for entry in receivers if entry[0][1] in (dispatcher.NONE_ID, key)]
    if not _is_plannable(entries):
        return None
    plan = Plan([(_freed(entry[0]), *entry[1:]) for entry in entries], info, sender)
    plan.clear()
    plan.keys = [entry[0] for entry in receivers]
    if len(info.plans) >= MAX_PLANS:
        info.plans.clear()
    place, plans = id(sender), info.plans
    if issubclass(type(sender), type):
        plan.sender = weakref.ref(sender, lambda _: plans.pop(place, None))
    else:
        plan.sender = sender  # so that no other one gets its id
    plans[place] = plan
    return plan


def _is_plannable(entries: list[Any]) -> bool:
    """Whether receivers are all synchronous, they and their senders alive, and weak references to them possible."""
    return not any(entry[-1] or _is_dead(entry) or not _is_referable(entry[0]) for entry in entries)


def _is_referable(held: Any) -> bool:  # noqa: ANN401
    return isinstance(held, weakref.ReferenceType) or bool(type(held).__weakrefoffset__)


def _is_dead(entry: Any) -> bool:  # noqa: ANN401
    return any(isinstance(item, weakref.ReferenceType) and item() is None for item in entry)


def is_outermost(record: Record) -> bool:
    """Whether a dispatch was sent from no receiver call, as far as that shows at once."""
    return type(record[PLACE]) is Ground and record[PLACE].outer is None


def is_ordinary(record: Record) -> bool:
    """Whether the record of an ended dispatch is its times and no more, but for spans, and no other refers to it."""
    if record[NUMBER] or not is_outermost(record):
        return False
    extra, last = len(record) - record[SHAPE].length, record[-1]
    if type(last) is float:
        return not extra
    return extra == 1 and type(last) is not Remarks and last.untouched


def stands_for(plan: Plan, receivers: Sequence[Any]) -> bool:
    """Whether what another tool's ``_live_receivers`` has given are the plan's receivers, or wrappers of them."""
    references = plan.references
    if type(receivers) is not list or len(receivers) != len(references):
        return False
    for receiver, reference in zip(receivers, references, strict=True):
        meant = reference()
        if receiver is meant:
            continue
        if type(receiver) is FunctionType and "__wrapped__" in receiver.__dict__:
            receiver = receiver.__dict__["__wrapped__"]
        if receiver is not meant and not _is_same_method(receiver, meant):
            return False
    return True


def _is_same_method(one: Any, other: Any) -> bool:  # noqa: ANN401
    """Whether two are a method of the same object: such a one is made anew whenever it is asked for."""
    if not type(one) is type(other) is MethodType:
        return False
    return one.__func__ is other.__func__ and one.__self__ is other.__self__


def forget_plans() -> None:
    """Let go of every plan, so that the next dispatches take the general path or make new ones."""
    for info in catalogue.signals():
        info.plans.clear()
        signal = info.ref()
        if signal is not None and signal.use_caching:
            with signal.lock:
                signal.sender_receivers_cache.clear()
