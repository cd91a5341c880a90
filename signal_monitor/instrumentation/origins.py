"""What a dispatch belongs to: the request, task or command around it, and the ledger of what it dispatched."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from signal_monitor.records import OriginKind

from .outbox import outbox

if TYPE_CHECKING:
    from .cells import Cell
    from .dispatch import ActiveDispatch
    from .plans import Record

LEDGER_SIZE = 5_000
HELD_SIZE = 100


class Origin:
    """One request, task or command, and the dispatches it made so far (the last LEDGER_SIZE of them).

    While ``held`` is a list, finished dispatches wait there: nobody knows yet whether the request is one of the
    dashboard's own, which is never shown. ``ignored`` ones are dropped. ``closed`` ones have ended: what is dispatched
    on their behalf later is attributed to them, but not in their ledger any more. ``before`` is the cell to return to.
    """

    __slots__ = ("before", "closed", "dispatch_count", "dispatches", "held", "id", "ignored", "kind")

    def __init__(self, kind: OriginKind, origin_id: str, *, hold: bool = False) -> None:
        self.before: Cell | None = None
        self.kind = kind
        self.id = origin_id
        self.ignored = self.closed = False
        self.held: list[Any] | None = [] if hold else None
        self.dispatches: deque[ActiveDispatch | Record] = deque(maxlen=LEDGER_SIZE)
        self.dispatch_count = 0

    def lets_go(self, dispatch: ActiveDispatch | Record) -> bool:
        """Enter a finished dispatch in the ledger; whether it may go to the worker now."""
        if self.ignored:
            return False
        if self.closed:
            return True
        self.dispatch_count += 1
        self.dispatches.append(dispatch)
        if self.held is None:
            return True
        self.held.append(dispatch)
        if len(self.held) >= HELD_SIZE:  # not a request that anybody will claim
            self.release(outbox.append)
        return False

    def release(self, deliver: Callable[[Any], None]) -> None:
        """Hold nothing back any more."""
        held, self.held = self.held, None
        for dispatch in held or ():
            deliver(dispatch)
