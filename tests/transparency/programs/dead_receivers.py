"""What Django itself notes of receivers and senders that die, are disconnected or are edited out."""

from __future__ import annotations

import gc
import sys
import types
from collections.abc import Callable
from typing import Any

from django import VERSION
from django.dispatch import Signal

from tests.transparency.scenario import scenario


class Bound:
    """Has a method that is connected."""

    def method(self, **named: Any) -> None: ...


class CallableObject:
    """Is called itself."""

    def __call__(self, **named: Any) -> None: ...


class Equal(CallableObject):
    """Is equal to any other of its class."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Equal)

    def __hash__(self) -> int:
        return 1


class EqualBound(Equal, Bound):
    """Has a method that is connected, and is equal to any other of its class."""


def function() -> Any:
    def receiver(**named: Any) -> None: ...

    return receiver


async def _later(**named: Any) -> None: ...


def coroutine_function() -> Any:
    return types.FunctionType(_later.__code__, globals())


KINDS: dict[str, Callable[[], Any]] = {
    "function": function,
    "object": CallableObject,
    "equal": Equal,
    "method": Bound,
    "equal_method": EqualBound,
    "async": coroutine_function,
}


def connectable(owner: Any) -> Any:
    return owner.method if isinstance(owner, Bound) else owner


def stays(**named: Any) -> None: ...


def state_of(made: Any) -> Any:
    """What Django's own bookkeeping says, and how many live entries there are."""
    return made._dead_receivers, len(made.receivers), [len(entry) for entry in made.receivers]


def disconnect(made: Any, owner: Any, sender: Any) -> None:
    assert made.disconnect(connectable(owner), sender=sender)


def reconnect(made: Any, owner: Any, sender: Any) -> None:
    disconnect(made, owner, sender)
    made.connect(connectable(owner), sender=sender)


def die(made: Any, owner: Any, sender: Any) -> None:
    """Do nothing: the receiver dies while it is connected."""


def delete_entry(made: Any, owner: Any, sender: Any) -> None:
    del made.receivers[0]


def clear_entries(made: Any, owner: Any, sender: Any) -> None:
    made.receivers.clear()


def replace_entries(made: Any, owner: Any, sender: Any) -> None:
    made.receivers = made.receivers[1:]


def replace_entry(made: Any, owner: Any, sender: Any) -> None:
    made.receivers[0] = (made.receivers[0][0], *made.receivers[1][1:])


def clear_cache_after_entry(made: Any, owner: Any, sender: Any) -> None:
    del made.receivers[0]
    made.sender_receivers_cache.clear()


ACTIONS = {
    item.__name__: item
    for item in (
        disconnect,
        reconnect,
        die,
        delete_entry,
        clear_entries,
        replace_entries,
        replace_entry,
        clear_cache_after_entry,
    )
}


def let_go(kind: str, action: str, *, caching: bool, own_sender: bool, send_to_other: bool, method: str) -> Any:
    """Send, do something to the receiver, let go of it, and see what Django has noted before and after other sends."""
    made: Any = Signal(use_caching=caching)
    sender, other = type("Sender", (), {}), type("Other", (), {})
    owner = KINDS[kind]()
    made.connect(connectable(owner), sender=sender if own_sender else None)
    made.connect(stays)
    for _ in range(3):
        getattr(made, method)(other if send_to_other else sender)
    seen = []
    ACTIONS[action](made, owner, sender if own_sender else None)
    seen.append(state_of(made))
    del owner
    seen.append(state_of(made))
    for _ in range(2):
        seen.append([receiver is stays for receiver, _ in getattr(made, method)(sender)])
        seen.append(state_of(made))
    del sender
    seen.append(state_of(made))
    made.send(other)
    seen.append(state_of(made))
    return seen


@scenario({f"{kind}-{action}": (kind, action) for kind in KINDS for action in ACTIONS})
def receiver_let_go(row: Any) -> Any:
    kind, action = row
    gc.collect()
    gc.disable()
    try:
        return [
            let_go(kind, action, caching=caching, own_sender=own, send_to_other=other, method=method)
            for caching in (False, True)
            for own in (False, True)
            for other, method in ((False, "send"), (False, "send_robust"), (True, "send"))
        ]
    finally:
        gc.enable()


@scenario({"plain": False, "caching": True})
def disconnected_while_it_is_sent(caching: Any) -> Any:
    """The receiver, or the sender, dies when the send method returns."""
    gc.collect()
    gc.disable()
    seen = []
    try:
        for connects_sender in (False, True):
            made: Any = Signal(use_caching=caching)
            senders: list[Any] = [type("Sender", (), {})]
            receivers: list[Any] = []

            def drop(sender: Any, made: Any = made, receivers: Any = receivers, **named: Any) -> None:
                if receivers and "last" in named:
                    made.disconnect(receivers.pop(), sender=None)
                    made.disconnect(drop, sender=sender)

            made.connect(drop, sender=senders[0] if connects_sender else None)
            receivers.append(function())
            made.connect(receivers[0])
            for _ in range(3):
                made.send(senders[0])
            made.send(senders.pop(), last=True)
            seen.append(state_of(made))
            made.send(None)
            seen.append(state_of(made))
    except TypeError:  # None as the sender of a signal that caches
        seen.append("TypeError")
    finally:
        gc.enable()
    return seen


@scenario({"plain": False, "caching": True})
def raised_and_kept(caching: Any) -> Any:
    """An exception that is kept holds the frame of the send method."""
    made: Any = Signal(use_caching=caching)
    sender, receivers = type("Sender", (), {}), [function()]

    def fails(**named: Any) -> None:
        raise ValueError

    made.connect(receivers[0])
    made.connect(fails)
    kept = []
    for _ in range(3):
        try:
            made.send(sender)
        except ValueError as error:
            kept.append(error)
    made.disconnect(receivers.pop())
    seen = [state_of(made)]
    kept.clear()
    seen.append(state_of(made))
    return seen


@scenario({"plain": False, "caching": True})
def referrers(caching: Any) -> Any:
    """The kinds of containers that refer to an entry, and to the references in it if they are Django's only.

    Up to Django 6.0, a receiver's reference is the one that ``weakref.ref`` returns to everybody.
    """
    made: Any = Signal(use_caching=caching)
    sender, receivers = type("Sender", (), {}), [Bound().method, function()]
    for receiver in receivers:
        made.connect(receiver, sender=sender)
    for _ in range(3):
        made.send(sender)
        made.send(Bound)
    seen = []
    for entry in made.receivers:
        for item in (entry, *(entry[1:3] if VERSION >= (6, 1) else ())):
            found = gc.get_referrers(item)
            seen.append(sorted(type(each).__name__ for each in found if not isinstance(each, types.FrameType)))
    return seen


@scenario()
def references_of_many_senders() -> Any:
    """The references of a signal are those of Django, however many classes it was sent by."""
    made: Any = Signal()
    senders = [type(f"Sender{number}", (), {}) for number in range(50)]
    receivers = [function() for _ in range(5)]
    for receiver in receivers:
        made.connect(receiver)
    for _ in range(3):
        for sender in senders:
            made.send(sender)
    counts = [sys.getrefcount(entry[1]) for entry in made.receivers] if VERSION >= (6, 1) else []
    made.disconnect(receivers[0])
    del receivers
    return counts, state_of(made)
