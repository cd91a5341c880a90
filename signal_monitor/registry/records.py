"""Frozen records of what is connected in a process: names, numbers and text only."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal, get_args

from signal_monitor.instrumentation.connect_notes import UNKNOWN_SENDER

Stage = Literal["loading apps", "in ready()", "after start"]
"""When ``connect`` was called: before all models were loaded, before all apps were ready, or later."""
STAGES: tuple[Stage, ...] = get_args(Stage)
ANY_SENDER = ""
__all__ = [
    "ANY_SENDER", "STAGES", "UNKNOWN_SENDER", "ConnectCall", "Connection", "DeadReceiver", "FailedDisconnect",
    "RegisteredSignal", "Registry", "Stage", "TakenUid", "TurnedOff",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class ConnectCall:
    """Where and when ``connect`` or ``disconnect`` was called: ``at`` is in seconds since the epoch."""

    path: str
    line: int
    at: float
    stage: Stage


@dataclass(frozen=True, slots=True)
class Connection:
    """A receiver that is connected to a signal.

    ``receiver`` is its name, as in records of calls; of one that is gone it is "" where it is not known. ``sender`` is
    the name of the sender, ANY_SENDER for all senders, and UNKNOWN_SENDER where Django keeps only the ``id()`` of one.
    ``sender_type`` is the class of the sender, where it is known. ``order`` is its position among the receivers of the
    signal. ``dead`` says that the receiver or its sender is gone, so that it is never called. A ``pending`` one waits
    for the model that ``sender`` names.
    """

    receiver: str
    sender: str = ANY_SENDER
    sender_type: str = ""
    module: str = ""
    app: str | None = None
    path: str | None = None
    line: int | None = None
    weak: bool = True
    is_async: bool = False
    dispatch_uid: str | None = None
    order: int = 0
    dead: bool = False
    pending: bool = False
    connected: ConnectCall | None = None


@dataclass(frozen=True, slots=True)
class RegisteredSignal:
    """A signal with its connections, in the order in which they are called.

    ``left_out`` more are not listed. ``senders`` are the names of senders with which it was sent, most frequent first,
    with the number of dispatches.
    """

    name: str
    connections: tuple[Connection, ...] = ()
    left_out: int = 0
    senders: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TakenUid:
    """A receiver that was not connected, because another one is connected with the same ``dispatch_uid`` and sender."""

    signal: str
    sender: str
    dispatch_uid: str
    receiver: str
    taken_by: str
    call: ConnectCall
    count: int = 1


@dataclass(frozen=True, slots=True)
class FailedDisconnect:
    """A ``disconnect`` that returned False while the same receiver was connected in another way.

    ``sender`` and ``dispatch_uid`` are those that were given, ``connected_sender`` and ``connected_uid`` those with
    which the receiver is connected, and ``connected`` is where.
    """

    signal: str
    receiver: str
    sender: str
    dispatch_uid: str | None
    connected_sender: str
    connected_uid: str | None
    call: ConnectCall
    connected: ConnectCall | None = None
    count: int = 1


@dataclass(frozen=True, slots=True)
class TurnedOff:
    """A receiver that requests have disconnected from one line; ``connected`` is where it was connected at first.

    ``is_back`` says whether it is connected now.
    """

    signal: str
    receiver: str
    sender: str
    call: ConnectCall
    connected: ConnectCall
    path: str | None = None
    line: int | None = None
    is_back: bool = False
    count: int = 1


@dataclass(frozen=True, slots=True)
class DeadReceiver:
    """A weakly connected receiver that is gone; ``died_at`` is in seconds since the epoch."""

    signal: str
    receiver: str
    sender: str
    died_at: float
    call: ConnectCall
    path: str | None = None
    line: int | None = None
    count: int = 1


@dataclass(frozen=True, slots=True)
class Registry:
    """What is connected in one process.

    ``process`` is its id and ``taken_at`` is in seconds since the epoch. ``signals_left_out`` more signals are not in
    it. ``findings`` are those of rules that need the objects themselves, each as JSON.
    """

    process: str
    taken_at: float
    signals: tuple[RegisteredSignal, ...] = ()
    signals_left_out: int = 0
    taken_uids: tuple[TakenUid, ...] = ()
    failed_disconnects: tuple[FailedDisconnect, ...] = ()
    died: tuple[DeadReceiver, ...] = ()
    turned_off: tuple[TurnedOff, ...] = ()
    findings: tuple[str, ...] = ()

    def signal(self, name: str) -> RegisteredSignal | None:
        """The signal of that name, or None; several that have it are one."""
        same = [signal for signal in self.signals if signal.name == name]
        if len(same) < 2:
            return same[0] if same else None
        return RegisteredSignal(
            name,
            tuple(connection for signal in same for connection in signal.connections),
            sum(signal.left_out for signal in same),
            dict(sum((Counter(signal.senders) for signal in same), Counter[str]())),
        )

    def with_own_names(self) -> list[RegisteredSignal]:
        """The signals whose names no other one has: who has sent one of several is not known."""
        count = Counter(signal.name for signal in self.signals)
        return [signal for signal in self.signals if count[signal.name] == 1]
