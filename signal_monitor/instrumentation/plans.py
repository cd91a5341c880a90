"""Find the receivers of a dispatch and its DispatchInfo: from a plan where there is one, otherwise from Django.

A plan keeps references to a signal's receivers for one class as sender. For a signal with ``use_caching`` it replaces
the list in Django's own cache, so that Django drops it with every ``connect`` and ``disconnect``. For any other signal
it is valid while ``receivers`` has the very same entries. Without a plan, Django's ``_live_receivers`` is called, and
the DispatchInfo of the last dispatch is used again if the receivers are the same.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import is_
from types import FunctionType, MethodType
from typing import Any

from django.dispatch import Signal, dispatcher

from signal_monitor import names
from signal_monitor.errors import guarded, note_in_send
from signal_monitor.records import Method
from signal_monitor.thresholds import SlowLimits

from .current import current_state
from .hooks import hooks
from .info import ATTRIBUTE, DispatchInfo, SignalInfo, SignalState, attached_info, known_signals, receiver_info


class ObservedSignal(Signal):
    """A signal with what type stubs leave out and what is ours; for annotations."""

    _dead_receivers: bool
    _signal_monitor: SignalState

    _log_robust_failure: Callable[[object, Exception], None]


Reference = Callable[[], Any]
MAX_PLANS = 1_000
_MAKE_ID = dispatcher._make_id  # type: ignore[attr-defined] # noqa: SLF001 - Django's tests replace it


class _Unobserved:
    """Owns the DispatchInfo of dispatches that are not observed."""


UNOBSERVED = DispatchInfo(SignalInfo(_Unobserved, "unobserved", SlowLimits()), "", "send", (), 0)
"""The DispatchInfo of a dispatch that is not observed; ``capture_from`` stays 0, so that ``end`` sees the record."""


class DispatchInfos:
    """The DispatchInfo of the same receivers for each method, made when first asked for."""

    __slots__ = ("by_method", "receivers", "sender", "signal", "sync_count")

    def __init__(self, signal: SignalInfo, sender: str, receivers: Sequence[Any], sync_count: int) -> None:
        self.signal = signal
        self.sender = sender
        self.receivers = tuple([receiver_info(receiver) for receiver in receivers])
        self.sync_count = sync_count
        self.by_method: dict[Method, DispatchInfo] = {}

    def of(self, method: Method) -> DispatchInfo:
        """The DispatchInfo for a method."""
        info = self.by_method.get(method)
        if info is None:
            made = DispatchInfo(self.signal, self.sender, method, self.receivers, self.sync_count)
            info = self.by_method.setdefault(method, made)
        return info


class Plan(list[Any]):
    """The entries of one sender's receivers as Django caches them, and what the send methods need of them.

    ``references`` are weak ones, also to receivers that are strongly connected: those live as long as their entry does.
    ``entries`` are those of ``Signal.receivers`` from which the plan of a signal that does not cache was made.
    """

    __slots__ = ("entries", "references", "send_info", "send_robust_info", "sender")

    def __init__(self, cached: Iterable[Any], signal: SignalInfo, sender: Any) -> None:  # noqa: ANN401
        super().__init__(cached)
        self.references: list[Reference] = [_reference(entry[0]) for entry in self]
        self.entries: list[Any] = []
        receivers = [reference() for reference in self.references]
        infos = dispatch_infos_of(signal, sender, receivers, len(receivers))
        self.send_info = infos.of("send")
        self.send_robust_info = infos.of("send_robust")
        self.sender: object = None


class EditedPlan(Plan):
    """A plan whose list somebody has edited in place: it is an ordinary entry of Django's cache from then on."""

    __slots__ = ()


def _editing(name: str) -> Callable[..., Any]:
    original = getattr(list, name)

    def method(self: Plan, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - list's own signatures
        self.__class__ = EditedPlan
        return original(self, *args, **kwargs)

    method.__name__ = name
    return method


for _name in (
    "__delitem__", "__iadd__", "__imul__", "__setitem__", "append", "clear", "extend", "insert", "pop", "remove",
    "reverse", "sort",
):  # fmt: skip
    setattr(Plan, _name, _editing(_name))


def _reference(held: Any) -> Reference:  # noqa: ANN401 - a receiver, or a weak reference to one
    return held if isinstance(held, weakref.ReferenceType) else weakref.ref(held)


def find_plan(signal: Signal, sender: object, cached: object) -> Plan | None:
    """The plan of a signal for a sender, made where there is none yet; None where there can be none.

    ``cached`` is what the signal's own cache has for the sender.
    """
    if not signal.use_caching:
        cached = None
        signal_state: SignalState | None = signal.__dict__.get(ATTRIBUTE)
        if signal_state is not None:
            plan: Plan | None = signal_state.plans.get(id(sender))
            if plan is not None and dispatcher._make_id is _MAKE_ID:  # type: ignore[attr-defined] # noqa: SLF001
                receivers = signal.receivers
                if len(receivers) == len(plan.entries) and all(map(is_, receivers, plan.entries)):
                    return plan
    if not issubclass(type(sender), type) and sender is not None:
        return None  # an instance is often made for the occasion: a plan would serve but once
    return _make_plan(signal, sender, cached)


@guarded("the plan of a dispatch", None, in_send=True)
def _make_plan(signal: Signal, sender: Any, cached: object) -> Plan | None:  # noqa: ANN401
    if not (hooks.enabled and hooks.uses_plans) or not issubclass(type(signal), Signal):
        return None
    info = attached_info(signal)
    if info.has_hooks or not _has_djangos_attributes(signal):
        return None
    if signal.use_caching:
        return _replace_cached(signal, info, sender, cached)
    return _keep(signal, info, sender) if cached is None else None


def _has_djangos_attributes(signal: Signal) -> bool:
    """Whether ``Signal.__init__`` has run; a subclass may do without it where it replaces what needs them."""
    return {"use_caching", "lock", "receivers", "sender_receivers_cache"} <= signal.__dict__.keys()


def _replace_cached(signal: Signal, info: SignalInfo, sender: Any, cached: Any) -> Plan | None:  # noqa: ANN401
    """A plan in place of the list in Django's cache."""
    if type(cached) is not list or not _can_be_planned(cached):
        return None
    plan = Plan(cached, info, sender)
    if not signal.lock.acquire(blocking=False):
        return None
    try:
        if signal.sender_receivers_cache.get(sender) is not cached:  # connected or disconnected meanwhile
            return None
        signal.sender_receivers_cache[sender] = plan
    finally:
        signal.lock.release()
    return plan


def _keep(signal: Signal, info: SignalInfo, sender: Any) -> Plan | None:  # noqa: ANN401
    """A plan that holds entries of ``receivers``, where these keep no receiver alive."""
    signal_state: SignalState | None = signal.__dict__.get(ATTRIBUTE)
    if signal_state is None or signal_state.info is not info or dispatcher._make_id is not _MAKE_ID:  # type: ignore[attr-defined] # noqa: SLF001
        return None
    entries = list(signal.receivers)
    if not all(map(_keeps_nothing_alive, entries)):
        return None
    key = _MAKE_ID(sender)
    mine = [entry[1:] for entry in entries if entry[0][1] in (dispatcher.NONE_ID, key)]
    if not _can_be_planned(mine):
        return None
    plan = Plan(mine, info, sender)
    list.clear(plan)
    plan.entries = entries
    place, plans = id(sender), signal_state.plans
    while len(plans) >= MAX_PLANS:
        plans.pop(next(iter(plans)), None)
    if sender is not None:
        plan.sender = weakref.ref(sender, lambda _: plans.pop(place, None))
    plans[place] = plan
    return plan


def _keeps_nothing_alive(entry: Any) -> bool:  # noqa: ANN401 - an entry of Signal.receivers
    (uid, _), receiver, *rest = entry
    if type(uid) not in {int, str} and not (type(uid) is tuple and set(map(type, uid)) <= {int}):
        return False
    for item in (receiver, *rest):  # noqa: SIM110 - see _can_be_planned
        if not isinstance(item, weakref.ReferenceType | bool | None):
            return False
    return True


def _can_be_planned(entries: list[Any]) -> bool:
    """Whether receivers are all synchronous, they and their senders alive, and weak references to them possible.

    There has to be one: with a plan for a sender that has no receivers, ``_dead_receivers`` was seen to differ.
    """
    if not entries:
        return False
    # No generator: an exception of a signal handler that strikes while Python closes one is lost.
    for entry in entries:  # noqa: SIM110
        if entry[-1] or _is_dead(entry) or not _can_be_referenced(entry[0]):
            return False
    return True


def _can_be_referenced(held: Any) -> bool:  # noqa: ANN401
    return isinstance(held, weakref.ReferenceType) or bool(type(held).__weakrefoffset__)


def _is_dead(entry: Any) -> bool:  # noqa: ANN401
    for item in entry:  # noqa: SIM110 - see _can_be_planned
        if isinstance(item, weakref.ReferenceType) and item() is None:
            return True
    return False


class CachedInfos:
    """The DispatchInfos of receivers that Django has found, and references by which the same ones are recognised."""

    __slots__ = ("infos", "references", "sender")

    def __init__(self, infos: DispatchInfos, references: list[Reference], sender: Reference) -> None:
        self.infos = infos
        self.references = references
        self.sender = sender


def find_info(
    signal: Signal, sender: object, method: Method, sync_receivers: list[Any], async_receivers: list[Any]
) -> DispatchInfo:
    """The DispatchInfo of a dispatch whose receivers Django has found; UNOBSERVED where there is nothing to observe.

    Other iterables than lists are left to the send method; their receivers are added as they come.
    """
    try:
        if not hooks.enabled or current_state().suppressed:
            return UNOBSERVED
        known = attached_info(signal)
        if known.before is not None:
            known.before()
        if type(sync_receivers) is not list or type(async_receivers) is not list:
            info = DispatchInfo(known, names.sender_name(sender), method, (), 0)
            info.limit_rate(captures_all=hooks.captures_all)
            return info
        if not sync_receivers and not async_receivers:
            _count_orphan(known)
            return UNOBSERVED
        receivers = sync_receivers + async_receivers if async_receivers else sync_receivers
        return dispatch_infos_of(known, sender, receivers, len(sync_receivers)).of(method)
    except Exception as error:  # noqa: BLE001 - as a guarded function does, which takes twice the time
        note_in_send("the names of a dispatch", error)
        return UNOBSERVED


def _count_orphan(known: SignalInfo) -> None:
    known.orphans += 1
    if known.after is not None:
        known.after()


def dispatch_infos_of(known: SignalInfo, sender: object, receivers: list[Any], sync_count: int) -> DispatchInfos:
    """The DispatchInfos of these receivers: those of the last dispatch for the sender, if the receivers are the same.

    An instance is known by its class, because it is often made for the occasion.
    """
    kind = type(sender)
    key: object
    owner: object = None
    if kind is str:
        key = sender
    elif issubclass(kind, type):
        key, owner = id(sender), sender
    elif names.is_named_itself(kind):
        key = names.sender_name(sender)
    else:
        key, owner = -id(kind), kind
    cached_infos: CachedInfos | None = known.cached_infos.get(key)
    if (
        cached_infos is not None
        and cached_infos.infos.sync_count == sync_count
        and len(cached_infos.references) == len(receivers)
        and (owner is None or cached_infos.sender() is owner)
        and _are_same(receivers, cached_infos.references)
    ):
        return cached_infos.infos
    return _cache_infos(
        known, key, owner, DispatchInfos(known, names.sender_name(sender), receivers, sync_count), receivers
    )


def _are_same(receivers: Iterable[Any], references: Iterable[Reference]) -> bool:
    """Whether receivers are those that are referred to, or another tool's wrappers of them."""
    for receiver, reference in zip(receivers, references, strict=False):
        meant = reference()
        if receiver is meant:
            continue
        receiver = _wrapped_by(receiver)
        if receiver is not meant and not _is_same_method(receiver, meant):
            return False
    return True


def _wrapped_by(receiver: Any) -> Any:  # noqa: ANN401
    """What a function that ``functools.wraps`` has made stands for; another tool may make one for each dispatch."""
    if type(receiver) is FunctionType and "__wrapped__" in receiver.__dict__:
        return receiver.__dict__["__wrapped__"]
    return receiver


def _is_same_method(one: Any, other: Any) -> bool:  # noqa: ANN401
    """Whether two are a method of the same object: such a one is made anew whenever it is asked for."""
    if not type(one) is type(other) is MethodType:
        return False
    return one.__func__ is other.__func__ and one.__self__ is other.__self__


def _cache_infos(
    known: SignalInfo, key: object, owner: object, infos: DispatchInfos, receivers: list[Any]
) -> DispatchInfos:
    """Keep DispatchInfos for the next dispatch, if weak references to the receivers are possible."""
    references = [_weak(_wrapped_by(receiver)) for receiver in receivers]
    if None not in references:
        while len(known.cached_infos) >= MAX_PLANS:
            known.cached_infos.pop(next(iter(known.cached_infos)), None)
        sender = weakref.ref(owner) if owner is not None else _nothing
        known.cached_infos[key] = CachedInfos(infos, [item for item in references if item is not None], sender)
    return infos


def _nothing() -> None:
    return None


def _weak(receiver: Any) -> Reference | None:  # noqa: ANN401
    try:
        return weakref.WeakMethod(receiver) if type(receiver) is MethodType else weakref.ref(receiver)
    except TypeError:
        return None


def each_noted(receivers: Iterable[Any], info: DispatchInfo, *, are_async: bool) -> Iterator[Any]:
    """The receivers of an iterator, which is left to the send method: each is added to the DispatchInfo in its turn."""
    for receiver in receivers:
        note_receiver(info, receiver, is_async=are_async)
        yield receiver


@guarded("the name of a receiver", None, in_send=True)
def note_receiver(info: DispatchInfo, receiver: object, *, is_async: bool) -> None:
    """Add a receiver to a DispatchInfo of one dispatch."""
    if info is UNOBSERVED:
        return
    info.add_receiver(receiver)
    if not is_async:
        info.sync_count += 1
        info.sequential_count += not info.method.startswith("a")


def forget_plans() -> None:
    """Drop every plan and DispatchInfo; a signal whose lock is held keeps its plans until it connects the next time."""
    for info in known_signals():
        info.cached_infos.clear()
        if (signal_state := info.signal_state()) is not None:
            signal_state.plans.clear()
        signal: Any = info.ref()
        if isinstance(signal, Signal) and _has_djangos_attributes(signal) and signal.lock.acquire(timeout=1):
            try:
                signal.sender_receivers_cache.clear()
            finally:
                signal.lock.release()
