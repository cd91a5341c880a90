"""What happened in a world: the dispatches it asked for, the receiver calls these made, and pictures of both."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from threading import get_ident

from signal_monitor.records import Method

from .actions import Send
from .pictures import Picture

MAX_DEPTH = 3


@dataclass(eq=False)
class Sent:
    """A dispatch that the program asked for; ``begun`` and ``ended`` count what happens in a world."""

    number: int
    signal: str
    sender: str
    action: Send
    parent: Call | None
    depth: int
    calls: list[Call] = field(default_factory=list)
    begun: int = 0
    ended: int = 0
    answered: int | None = None
    thread: int = field(default_factory=get_ident)

    @property
    def method(self) -> Method:
        return self.action.method

    @property
    def is_robust(self) -> bool:
        return self.method.endswith("robust")


@dataclass(eq=False)
class Call:
    """A receiver that was entered; ``error`` is the class of what it raised."""

    tag: int
    sent: Sent
    is_async: bool
    begun: int
    ended: int = 0
    error: type[BaseException] | None = None


class Journal:
    """Pictures of what happened, in order, and what dispatches and calls there were."""

    def __init__(self) -> None:
        self.pictures: list[Picture] = []
        self.sends: dict[int, Sent] = {}
        self._numbers = itertools.count(1)
        self._moments = itertools.count(1)

    def turn_page(self) -> list[Picture]:
        """Begin the next step; answers the pictures of the last one."""
        pictures, self.pictures = self.pictures, []
        self.sends = {}
        return pictures

    def note(self, *picture: object) -> None:
        """Something happened."""
        self.pictures.append(picture)

    def begin(self, signal: str, sender: str, action: Send, inside: Call | None) -> Sent:
        """A dispatch is asked for; one that is made in a context of its own is nobody's child."""
        parent = None if action.place == "in a thread" else inside
        depth = 0 if parent is None else parent.sent.depth + 1
        sent = Sent(next(self._numbers), signal, sender, action, parent, depth, begun=next(self._moments))
        self.sends[sent.number] = sent
        return sent

    def end(self, sent: Sent) -> None:
        """A dispatch has returned or raised, unless that is noted already."""
        sent.ended = sent.ended or next(self._moments)

    def enter(self, tag: int, sent: Sent, *, is_async: bool) -> Call:
        """A receiver is called."""
        call = Call(tag, sent, is_async, next(self._moments))
        sent.calls.append(call)
        return call

    def leave(self, call: Call, error: BaseException | None = None) -> None:
        """A receiver returns or raises."""
        call.ended = next(self._moments)
        call.error = None if error is None else type(error)
        self.note("left", call.tag, call.sent.number, call.error and call.error.__name__)
