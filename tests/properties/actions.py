"""What a random program is made of: the steps of a run, and what receivers do when they are called.

Signals, senders and receivers are named by numbers, taken modulo how many there are when the action is done.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from signal_monitor.records import Method

Place = Literal["here", "in a context", "in a thread", "in a thread with its context"]


@dataclass(frozen=True)
class Connect:
    """Connect a receiver."""

    signal: int
    receiver: int
    sender: int | None = None
    weak: bool = True
    uid: str | None = None


@dataclass(frozen=True)
class Disconnect:
    """Disconnect a receiver."""

    signal: int
    receiver: int
    sender: int | None = None
    uid: str | None = None


@dataclass(frozen=True)
class Send:
    """Dispatch a signal, with hostile values under the names in ``named``; ``guarded`` keeps its exception in."""

    signal: int
    sender: int | None = None
    method: Method = "send"
    named: tuple[str, ...] = ()
    guarded: bool = True
    place: Place = "here"


@dataclass(frozen=True)
class Loop:
    """Dispatch under a running event loop, one after the other or together."""

    sends: tuple[Send, ...]
    together: bool = False


@dataclass(frozen=True)
class HasListeners:
    """Ask for receivers."""

    signal: int
    sender: int | None = None


@dataclass(frozen=True)
class Mute:
    """Take a signal's receivers away by assignment, as factory_boy's mute_signals does."""

    signal: int


@dataclass(frozen=True)
class Unmute:
    """Put a muted signal's receivers back, and clear the cache as factory_boy does, or forget to."""

    signal: int
    clears: bool = True


@dataclass(frozen=True)
class Reverse:
    """Turn the order of a signal's receivers round, in their list or by another one."""

    signal: int
    in_place: bool = True


@dataclass(frozen=True)
class ForgetReceiver:
    """Drop the program's reference to a receiver."""

    receiver: int


@dataclass(frozen=True)
class ForgetSender:
    """Drop the program's reference to a sender."""

    sender: int


@dataclass(frozen=True)
class Collect:
    """Run the garbage collector."""


@dataclass(frozen=True)
class SetVariable:
    """Set the context variable."""

    value: int


@dataclass(frozen=True)
class Raise:
    """Raise an exception of one of the kinds in ``errors``."""

    kind: str


@dataclass(frozen=True)
class Pause:
    """Let other tasks run; nothing where nobody awaits."""


@dataclass(frozen=True)
class MakeReceiver:
    """Make a receiver of one of the kinds in ``receivers`` that does this when it is called."""

    kind: str
    script: tuple[Action, ...] = ()
    response: int = 0


@dataclass(frozen=True)
class MakeSender:
    """Make a sender of one of the kinds in ``senders``."""

    kind: str


Action = (
    Connect
    | Disconnect
    | Send
    | Loop
    | HasListeners
    | Mute
    | Unmute
    | Reverse
    | ForgetReceiver
    | ForgetSender
    | Collect
    | SetVariable
    | Raise
    | Pause
    | MakeReceiver
    | MakeSender
)
