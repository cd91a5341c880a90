"""Find the receivers of a dispatch and its DispatchInfo: from a plan where there is one, otherwise from Django.

A plan has references of its own to a signal's receivers for one sender: a class, a string or an instance. For a signal
with ``use_caching`` it replaces the list in Django's own cache, so that Django drops it with every ``connect`` and
``disconnect``. For any other signal it is valid while ``receivers`` equals a copy, and the instances of a class share a
plan if no receiver is connected for a sender. Without a plan, Django's ``_live_receivers`` is called, and the
DispatchInfo of the last dispatch is used again if the receivers are the same.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import call, is_
from types import FunctionType, MethodType
from typing import Any

from django.dispatch import Signal, dispatcher

from signal_monitor import names
from signal_monitor.errors import guarded, note_in_send
from signal_monitor.records import Method
from signal_monitor.thresholds import SlowLimits

from .current import get_state
from .hooks import hooks
from .info import ATTRIBUTE, DispatchInfo, SignalInfo, SignalState, attached_info, known_signals, receiver_info
from .orphans import note_orphan, note_site, orphan_sender
from .receivers_copy import ReceiversCopy, Reference, copy_of, own_reference


class ObservedSignal(Signal):
    """A signal with what type stubs leave out and what is ours; for annotations."""

    _dead_receivers: bool
    _signal_monitor: SignalState

    _log_robust_failure: Callable[[object, Exception], None]


MAX_PLANS = 1_000
MAX_TEXT = 200
"""The length of a string that a plan keeps alive."""
_MAKE_ID = dispatcher._make_id  # type: ignore[attr-defined] # noqa: SLF001 - Django's tests replace it


class _Unobserved:
    """Owns the DispatchInfo of dispatches that are not observed."""


UNOBSERVED = DispatchInfo(SignalInfo(_Unobserved, "unobserved", SlowLimits()), "", "send", (), 0)
"""The DispatchInfo of a dispatch that is not observed; ``capture_from`` stays 0, so that ``end`` sees the record."""


class DispatchInfos:
    """The DispatchInfo of the same receivers for each method, made when first asked for.

    ``replaces``: it takes the place of that of other receivers, as where each request connects its own.
    """

    __slots__ = ("by_method", "receivers", "replaces", "sender", "signal", "sync_count")

    def __init__(
        self, signal: SignalInfo, sender: str, receivers: Sequence[Any], sync_count: int, *, replaces: bool
    ) -> None:
        self.signal = signal
        self.sender = sender
        self.receivers = tuple([receiver_info(receiver) for receiver in receivers])
        self.sync_count = sync_count
        self.replaces = replaces
        self.by_method: dict[Method, DispatchInfo] = {}

    def of(self, method: Method) -> DispatchInfo:
        """The DispatchInfo for a method."""
        info = self.by_method.get(method)
        if info is None:
            made = DispatchInfo(self.signal, self.sender, method, self.receivers, self.sync_count)
            if self.replaces:
                made.limit_rate(captures_all=hooks.captures_all)
            info = self.by_method.setdefault(method, made)
        return info


class Plan(list[Any]):
    """The entries of one sender's receivers as Django caches them, and what the send methods need of them.

    ``references`` are weak ones, also to receivers that are strongly connected: those live as long as their entry does.
    The plan of a signal that does not cache has no entries, but is valid while ``Signal.receivers`` equals ``copied``.
    """

    __slots__ = ("copied", "infos", "references", "send_info", "send_robust_info", "sender")

    def __init__(self, references: list[Reference], receivers: list[Any], signal: SignalInfo, sender: Any) -> None:  # noqa: ANN401
        super().__init__()
        self.references = references
        self.infos = dispatch_infos_of(signal, sender, receivers, len(receivers))
        self.send_info = self.infos.of("send")
        self.send_robust_info: DispatchInfo | None = None
        self.copied: ReceiversCopy | None = None
        self.sender: object = None

    def make_send_robust_info(self) -> DispatchInfo:
        """The DispatchInfo for ``send_robust``, which most signals do without."""
        self.send_robust_info = info = self.infos.of("send_robust")
        info.signal = self.send_info.signal  # also where the sends of its sender are counted apart
        return info


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


def find_plan(signal: Signal, sender: object, cached: object) -> Plan | None:
    """The plan of a signal for a sender, made where there is none yet; None where there can be none.

    ``cached`` is what the signal's own cache has for the sender.
    """
    if not signal.use_caching:
        cached = None
        signal_state: SignalState | None = signal.__dict__.get(ATTRIBUTE)
        if signal_state is not None:
            plan: Plan | None = signal_state.plans.get(id(sender))
            if plan is None:
                plan = signal_state.plans.get(-id(type(sender)))
            if plan is not None:
                copied: ReceiversCopy = plan.copied  # type: ignore[assignment]
                receivers = signal.receivers
                if (
                    type(receivers) is list
                    and receivers == copied.entries
                    and (copied.kinds is None or copied.equals(receivers))
                    and dispatcher._make_id is _MAKE_ID  # type: ignore[attr-defined] # noqa: SLF001
                ):
                    return plan
                signal_state.plans.pop(id(sender), None)
                signal_state.plans.pop(-id(type(sender)), None)
    if issubclass(type(sender), type) or sender is None or _serves_again(signal, sender, cached):
        return _make_plan(signal, sender, cached)
    return None


def _serves_again(signal: Signal, sender: object, cached: object) -> bool:
    """Whether a plan for a sender that is no class will serve again: such a one is often made for the occasion."""
    if type(cached) is list:
        return _is_itself(sender)
    signal_state: SignalState | None = signal.__dict__.get(ATTRIBUTE)
    if signal.use_caching or signal_state is None:
        return False
    if type(sender) is str:
        known: CachedInfos | None = signal_state.info.cached_infos.get(sender)
        return known is not None and known.text is sender and len(sender) <= MAX_TEXT
    copied: ReceiversCopy | None = signal_state.copied
    if copied is not None and not copied.for_any_sender and copied.equals(signal.receivers):
        return False
    return not names.is_named_itself(type(sender))


def _is_itself(sender: object) -> bool:
    """Whether a sender equals no other object, so that what Django's cache has for it is not another one's."""
    kind = type(sender)
    return _of_class(kind, "__eq__") is object.__eq__ and _of_class(kind, "__hash__") is object.__hash__


_of_class = type.__getattribute__
"""An attribute of a class, whatever its metaclass makes of its attributes."""


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
    plan = _plan_of(cached, info, sender) if type(cached) is list else None
    if plan is None:
        return None
    list.extend(plan, cached)
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
    """A plan that is valid while ``receivers`` equals a copy, which the signal's plans share."""
    signal_state: SignalState | None = signal.__dict__.get(ATTRIBUTE)
    if signal_state is None or signal_state.info is not info or dispatcher._make_id is not _MAKE_ID:  # type: ignore[attr-defined] # noqa: SLF001
        return None
    copied: ReceiversCopy | None = signal_state.copied
    if copied is None or not copied.equals(signal.receivers):
        signal_state.copied = copied = copy_of(signal.receivers)
        if copied is None:
            return None
    is_kept = type(sender) is str or sender is None
    owner = sender if is_kept or issubclass(type(sender), type) else type(sender)
    if owner is not sender and not copied.for_any_sender:
        return None
    key = _MAKE_ID(sender)
    plan = _plan_of([entry[1:] for entry in copied.entries if entry[0][1] in (dispatcher.NONE_ID, key)], info, sender)
    if plan is None:
        return None
    plan.copied = copied
    if not plan.references:
        _count_by_sender(plan, info, sender)
    place, plans = id(owner) if owner is sender else -id(owner), signal_state.plans
    while len(plans) >= MAX_PLANS:
        plans.pop(next(iter(plans)), None)
    # A string cannot be referred to weakly. While it lives, nothing else has its id.
    plan.sender = sender if is_kept else weakref.ref(owner, lambda _: plans.pop(place, None))
    plans[place] = plan
    return plan


def _count_by_sender(plan: Plan, info: SignalInfo, sender: object) -> None:
    """Have the sends of a sender without receivers counted apart; they use nothing of a DispatchInfo but that count."""
    counted = orphan_sender(info, names.sender_name(sender))
    plan.send_info.signal = counted  # type: ignore[assignment]
    if not get_state().suppressed:
        note_site(counted)


def _plan_of(entries: list[Any], info: SignalInfo, sender: Any) -> Plan | None:  # noqa: ANN401
    """A plan, if the receivers are all synchronous, they and their senders alive, and weak references possible."""
    references, receivers = [], []
    # No generators: an exception of a signal handler that strikes while Python closes one is lost.
    for held, *sender_reference, is_async in entries:
        receiver = held() if isinstance(held, weakref.ReferenceType) else held
        if is_async or receiver is None or not type(receiver).__weakrefoffset__:
            return None
        for reference in sender_reference:
            if reference is not None and reference() is None:
                return None
        receivers.append(receiver)
        references.append(own_reference(held, receiver))
    return Plan(references, receivers, info, sender)


class CachedInfos:
    """The DispatchInfos of receivers that Django has found, and references by which the same ones are recognised.

    ``text`` is the last sender if it was a string.
    """

    __slots__ = ("infos", "references", "sender", "text")

    def __init__(self, infos: DispatchInfos, references: list[Reference], sender: Reference) -> None:
        self.infos = infos
        self.references = references
        self.sender = sender
        self.text: str | None = None


def find_info(
    signal: Signal, sender: object, method: Method, sync_receivers: list[Any], async_receivers: list[Any]
) -> DispatchInfo:
    """The DispatchInfo of a dispatch whose receivers Django has found; UNOBSERVED where there is nothing to observe.

    Other iterables than lists are left to the send method; their receivers are added as they come.
    """
    try:
        if not hooks.enabled or get_state().suppressed:
            return UNOBSERVED
        known = attached_info(signal)
        if known.before is not None:
            known.before()
        if type(sync_receivers) is not list or type(async_receivers) is not list:
            info = DispatchInfo(known, names.sender_name(sender), method, (), 0)
            info.limit_rate(captures_all=hooks.captures_all)
            return info
        if not sync_receivers and not async_receivers:
            _count_orphan(known, sender)
            return UNOBSERVED
        receivers = sync_receivers + async_receivers if async_receivers else sync_receivers
        return dispatch_infos_of(known, sender, receivers, len(sync_receivers)).of(method)
    except Exception as error:  # noqa: BLE001 - as a guarded function does, which takes twice the time
        note_in_send("the names of a dispatch", error)
        return UNOBSERVED


def _count_orphan(known: SignalInfo, sender: object) -> None:
    known.orphans += 1
    note_orphan(known, sender)
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
        if type(sender) is str:
            cached_infos.text = sender
        return cached_infos.infos
    replaces = cached_infos is not None or len(known.cached_infos) >= MAX_PLANS
    infos = DispatchInfos(known, names.sender_name(sender), receivers, sync_count, replaces=replaces)
    return _cache_infos(known, key, owner, infos, receivers)


def _are_same(receivers: Iterable[Any], references: Iterable[Reference]) -> bool:
    """Whether receivers are those that are referred to, or another tool's wrappers of them."""
    if all(map(is_, receivers, map(call, references))):
        return True
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
            signal_state.copied = None
        signal: Any = info.ref()
        if isinstance(signal, Signal) and _has_djangos_attributes(signal) and signal.lock.acquire(timeout=1):
            try:
                signal.sender_receivers_cache.clear()
            finally:
                signal.lock.release()
