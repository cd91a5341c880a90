"""Names and limits of signals, receivers and dispatches, found once and kept without keeping the objects alive."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from time import perf_counter
from types import CodeType, MethodType
from typing import Any, NamedTuple
from weakref import ReferenceType, finalize, ref

from django.dispatch import Signal

from signal_monitor import names
from signal_monitor.records import Method
from signal_monitor.thresholds import SlowLimits

from .current import current_origin

Hook = Callable[[], None]

ATTRIBUTE = "_signal_monitor"
"""The attribute of a signal that has its SignalState: looking it up by ``id()`` would cost a tenth of a send."""
CAPTURE_SECONDS = 1.0
MAX_DEAD = 1_000
OTHER = "(other)"
Lines = tuple[tuple[CodeType, int], ...]
"""A stack or a traceback as code and line, outermost first."""


class RawFailure(NamedTuple):
    """An exception as a record keeps it: nothing of it but names, numbers and code."""

    type: str
    message: str | None
    lines: Lines


def _nothing() -> None:
    return None


class OrphanSender:
    """How often one sender has sent a signal that found no receiver.

    ``orphans`` are counted by its plans, and ``noted`` one by one. ``sites`` has the stacks of a few, by the line that
    sends.
    """

    __slots__ = ("name", "noted", "orphans", "sites")

    def __init__(self, name: str) -> None:
        self.name = name
        self.orphans = self.noted = 0
        self.sites: dict[tuple[CodeType, int], Lines] = {}

    @property
    def count(self) -> int:
        """How many sends of it are known."""
        return self.orphans + self.noted


class SignalInfo:
    """What is known about one signal while it lives.

    ``orphans`` counts its dispatches that found no receiver, as far as its SignalState and the ``orphan_senders`` with
    plans do not. These belong to ``signal_monitor.instrumentation.orphans``, ``cached_infos`` to ``plans``.
    """

    __slots__ = (
        "after", "before", "cached_infos", "captured_at", "name", "orphan_noted_at", "orphan_senders", "orphans",
        "orphans_noted", "ref", "signal_state", "slow_ns",
    )  # fmt: skip

    def __init__(self, signal: object, name: str, limits: SlowLimits) -> None:
        self.name = names.shortened(name)
        self.slow_ns = limits.limit_ns(self.name)
        self.before: Hook | None = None
        self.after: Hook | None = None
        self.orphans = self.orphans_noted = 0
        self.orphan_noted_at = 0.0
        self.orphan_senders: dict[str, OrphanSender] = {}
        self.captured_at = 0.0
        self.signal_state: Callable[[], SignalState | None] = _nothing
        self.cached_infos: dict[object, Any] = {}
        self.ref: Callable[[], object] = ref(signal)

    def orphan_count(self) -> int:
        """How many of its dispatches found no receiver."""
        signal_state = self.signal_state()
        by_plans = sum(sender.orphans for sender in list(self.orphan_senders.values()))
        try:
            return by_plans + self.orphans + (signal_state.orphans if signal_state is not None else 0)
        except AttributeError:  # it has none at the moment
            return by_plans + self.orphans

    @property
    def has_hooks(self) -> bool:
        """Whether something is called before or after each dispatch."""
        return self.before is not None or self.after is not None


class SignalState:
    """What a signal itself holds, as an attribute: a SignalInfo, a count of orphans, and its plans.

    ``plans`` and ``copied``, what they share, belong to ``signal_monitor.instrumentation.plans``. Adding to ``orphans``
    runs no code in which CPython, up to the builds without its global lock, would let another thread in: no count is
    lost. There is no ``orphans`` while the next send is to be looked at.
    """

    __slots__ = ("__weakref__", "copied", "info", "orphans", "plans")

    orphans: int

    def __init__(self, info: SignalInfo) -> None:
        self.info = info
        self.plans: dict[int, Any] = {}
        self.copied: Any = None

    def __del__(self) -> None:
        self.info.orphans += getattr(self, "orphans", 0)


class ReceiverInfo:
    """What is known about one receiver: names and numbers only."""

    __slots__ = ("line", "module", "name", "owner_ref", "path", "ref", "slow_ns")

    def __init__(self, receiver: object, limits: SlowLimits) -> None:
        name, self.module, source = names.describe(receiver)
        self.name = names.shortened(_numbered(name, receiver))
        self.path = source.path if source is not None else None
        self.line = source.line if source is not None else None
        self.slow_ns = limits.limit_ns(self.name)
        self.ref: Callable[[], object] | None = None
        self.owner_ref: Callable[[], object] | None = None


def _numbered(name: str, receiver: object) -> str:
    """The name of a receiver, with a number if others have the same name.

    What a request or task connects has none: each one of them would add a row.
    """
    if current_origin() is not None:
        return name
    return names.numbered(name, _known.numbers_of_receivers.of(name, names.told_apart_by(receiver)))


class DispatchInfo:
    """What all dispatches of one signal and sender to the same receivers by one method share.

    ``receivers`` has the synchronous ones first, ``sync_count`` of them. Those of a ``custom`` send method come in the
    order in which it is given them, and ``async_indices`` says which are async. ``sequential_count`` receivers are
    called one after the other in one thread: the synchronous ones of ``send`` and ``send_robust``. The other calls are
    concurrent. Details of a dispatch that takes ``capture_from`` seconds or more are captured before its sender goes
    on; that is 0 for the first dispatch, then again once a second. ``read_arguments`` reads those of a model's signal.
    ``known_failures`` has the last failure of each receiver, by its position
    (``signal_monitor.instrumentation.capture.KnownFailure``).
    """

    __slots__ = (
        "async_indices",
        "capture_from",
        "captured_at",
        "custom",
        "is_robust",
        "known_failures",
        "method",
        "names",
        "read_arguments",
        "receivers",
        "sender",
        "sequential_count",
        "signal",
        "slow_limit",
        "sync_count",
    )  # fmt: skip

    def __init__(
        self,
        signal: SignalInfo,
        sender: str,
        method: Method,
        receivers: tuple[ReceiverInfo, ...],
        sync_count: int,
        *,
        custom: bool = False,
    ) -> None:
        self.signal = signal
        self.sender = sender
        self.method: Method = method
        self.receivers = receivers
        self.sync_count = sync_count
        self.custom = custom
        self.sequential_count = 0 if custom or method.startswith("a") else sync_count
        self.is_robust = method.endswith("robust")
        self.async_indices: set[int] = set()
        self.slow_limit = min([signal.slow_ns, *(receiver.slow_ns for receiver in receivers)]) / 1e9
        self.capture_from = 0.0
        self.captured_at = 0.0
        self.names: frozenset[str] | None = None
        self.known_failures: dict[int, Any] = {}
        self.read_arguments = _known.argument_readers.get(signal.name)

    @property
    def receiver_names(self) -> frozenset[str]:
        """The names of the receivers."""
        if self.names is None:
            self.names = frozenset([receiver.name for receiver in self.receivers])
        return self.names

    def is_async(self, index: int) -> bool:
        """Whether a receiver is async."""
        return index in self.async_indices if self.custom else index >= self.sync_count

    def add_receiver(self, receiver: object) -> int:
        """Add a receiver that was not known when the dispatch began; returns its position."""
        self.receivers += (receiver_info(receiver),)
        self.names = None
        return len(self.receivers) - 1

    def limit_rate(self, *, captures_all: bool) -> None:
        """Capture details only if none of the signal were captured for a while; for what serves one dispatch."""
        if not captures_all and perf_counter() - self.signal.captured_at < CAPTURE_SECONDS:
            self.capture_from = self.slow_limit

    def reset_rate_limit(self, now: float) -> None:
        """Capture details of the next dispatch, if the last time was a while ago."""
        if now - self.captured_at > CAPTURE_SECONDS:
            self.capture_from = 0.0


class _Known:
    """The signals and receivers of this process by identity.

    An entry goes when its object dies, so that a reused id never misleads.
    """

    def __init__(self) -> None:
        self.limits = SlowLimits()
        self.argument_readers: Mapping[str, Callable[[Mapping[str, Any]], Any]] = {}
        self.signals: dict[int, SignalInfo] = {}
        self.receivers: dict[tuple[int, int], ReceiverInfo] = {}
        self.created_at: dict[int, names.Creation] = {}
        self.numbers_of_signals = names.Numbers()
        self.numbers_of_receivers = names.Numbers()
        self.signal_names = names.SignalNames(Signal)
        self.dead: list[SignalInfo] = []
        self.orphans_of_dead: dict[str, int] = {}


_known = _Known()


def configure_arguments(readers: Mapping[str, Callable[[Mapping[str, Any]], Any]]) -> None:
    """Read the arguments of signals with these names from now on; plans that are made already do not know it."""
    _known.argument_readers = readers


def configure_limits(limits: SlowLimits) -> None:
    """Use other limits from now on, for what is known already too."""
    _known.limits = limits
    for info in known_signals():
        info.slow_ns = limits.limit_ns(info.name)
    for receiver in list(_known.receivers.values()):
        receiver.slow_ns = limits.limit_ns(receiver.name)


def note_creation(signal: object, creation: names.Creation) -> None:
    """Remember where a signal was created, in case no module names it."""
    key = id(signal)
    number = _known.numbers_of_signals.of(repr(creation), signal)
    _known.created_at[key] = creation._replace(number=number)
    finalize(signal, _known.created_at.pop, key, None).atexit = False


def signal_info(signal: object) -> SignalInfo:
    """What is known about a signal, or anything that is sent like one."""
    info = _known.signals.get(id(signal))
    return info if info is not None else _learn_signal(signal)


def _learn_signal(signal: object) -> SignalInfo:
    key = id(signal)
    try:
        made = SignalInfo(signal, _name_of(signal), _known.limits)
    except TypeError:  # no weak reference to it is possible
        return _UnreferableInfo(signal, names.class_name(type(signal)), _known.limits)
    # Of threads that meet a signal at the same moment, one makes the info that all of them count in.
    info = _known.signals.setdefault(key, made)
    if info is made:
        finalize(signal, _forget_signal, key).atexit = False
        _learn_receivers_of(signal)
    return info


def _learn_receivers_of(signal: Any) -> None:  # noqa: ANN401 - a signal, or what is sent like one
    """Name all receivers in the order in which they are connected: numbers do not depend on who sends first."""
    connected = vars(signal).get("receivers") if issubclass(type(signal), Signal) else None
    for entry in list(connected) if type(connected) is list else []:
        receiver = entry[1]
        if issubclass(type(receiver), ReferenceType):
            receiver = receiver()
        if receiver is not None:
            receiver_info(receiver)


class _UnreferableInfo(SignalInfo):
    """What is known about something that is sent like a signal and cannot be referred to weakly: a name."""

    __slots__ = ()

    def __init__(self, signal: object, name: str, limits: SlowLimits) -> None:
        super().__init__(_known, name, limits)
        self.ref = _nothing


def attached_info(signal: Any) -> SignalInfo:  # noqa: ANN401 - a signal, or what is sent like one
    """What is known about a signal, which its send methods find on the signal from now on, unless it has hooks."""
    signal_state: SignalState | None = getattr(signal, ATTRIBUTE, None)
    if signal_state is not None and signal_state.info.ref() is signal:  # else copied from another
        return signal_state.info
    info, kind = signal_info(signal), type(signal)
    if not info.has_hooks and issubclass(kind, Signal) and not _is_pickled(kind):
        signal_state = SignalState(info)
        object.__setattr__(signal, ATTRIBUTE, signal_state)  # whatever a subclass allows
        info.signal_state = ref(signal_state)
    return info


def _is_pickled(kind: type[Signal]) -> bool:
    """Whether a class says how it is pickled, and would take the attribute along; Django's own cannot be pickled."""
    return any(getattr(kind, name, None) is not getattr(object, name, None) for name in _PICKLING)


def detach_infos() -> None:
    """Leave nothing of ours on any signal."""
    for info in known_signals():
        info.cached_infos.clear()
        _detach(info.ref())


def hook_signal(signal: Signal, *, before: Hook | None = None, after: Hook | None = None) -> None:
    """Call a function before, or after, each dispatch of a signal."""
    info = signal_info(signal)
    info.before, info.after = before, after
    info.cached_infos.clear()
    _detach(signal)


def _detach(signal: object) -> None:
    with contextlib.suppress(AttributeError):
        object.__delattr__(signal, ATTRIBUTE)


def _forget_signal(key: int) -> None:
    info = _known.signals.pop(key, None)
    if info is not None:
        _known.dead.append(info)
        if len(_known.dead) > MAX_DEAD:
            _count_dead()


def _name_of(signal: object) -> str:
    kind = type(signal)
    creation = _known.created_at.get(id(signal))
    name = _known.signal_names.find(signal, creation.owner if creation else "")
    if name:
        return name
    if creation:
        return names.numbered(creation.name(kind), creation.number)
    name = names.Creation(kind.__module__).name(kind)
    return names.numbered(name, _known.numbers_of_signals.of(name, signal))


def receiver_info(receiver: object) -> ReceiverInfo:
    """What is known about a receiver; for a bound method, about its function and the class of its object."""
    target: Any = receiver
    owner: type | None = None
    if type(receiver) is MethodType:
        bound_to: Any = receiver.__self__
        target, owner = receiver.__func__, bound_to if issubclass(type(bound_to), type) else type(bound_to)
    key = id(target), id(owner)
    info = _known.receivers.get(key)
    if info is not None and info.ref is not None and info.ref() is target:
        return info
    return _learn_receiver(receiver, target, owner)


def _learn_receiver(receiver: object, target: object, owner: type | None) -> ReceiverInfo:
    info, receivers, key = ReceiverInfo(receiver, _known.limits), _known.receivers, (id(target), id(owner))

    def forget(_dead: object) -> None:
        receivers.pop(key, None)

    try:
        info.ref = ref(target, forget)
    except TypeError:
        return info
    if owner is not None:
        info.owner_ref = ref(owner, forget)
    receivers[key] = info
    return info


def known_signals() -> Iterator[SignalInfo]:
    """The signals that were dispatched so far and still live."""
    yield from list(_known.signals.values())


def orphan_counts() -> dict[str, int]:
    """Dispatches that found no receiver, by signal; signals without any are left out."""
    _count_dead()
    counts = dict(_known.orphans_of_dead)
    for info in known_signals():
        orphans = info.orphan_count()
        if orphans:
            counts[info.name] = counts.get(info.name, 0) + orphans
    return counts


def _count_dead() -> None:
    """Add up the orphans of signals that are gone, by name."""
    counts = _known.orphans_of_dead
    while _known.dead:
        try:
            dead = _known.dead.pop()
        except IndexError:  # another thread does the same
            return
        if orphans := dead.orphan_count():  # its signal_state has added its count by now
            name = dead.name if dead.name in counts or len(counts) < MAX_DEAD else OTHER
            counts[name] = counts.get(name, 0) + orphans


def reset_orphan_counts() -> None:
    """Start to count anew, as in a forked child."""
    _known.orphans_of_dead.clear()
    _known.dead.clear()
    for info in known_signals():
        info.orphans = info.orphans_noted = 0
        for sender in list(info.orphan_senders.values()):
            sender.orphans = sender.noted = 0
            sender.sites.clear()
        if (signal_state := info.signal_state()) is not None and hasattr(signal_state, "orphans"):
            signal_state.orphans = 0


_PICKLING = ("__reduce__", "__reduce_ex__", "__getstate__")
