"""What a dispatch belongs to: the request, task or command around it, and the ledger of what it dispatched."""

from __future__ import annotations

from collections import deque
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from signal_monitor.records import OriginKind

if TYPE_CHECKING:
    from .dispatch import ActiveDispatch

LEDGER_SIZE = 5_000


class Origin:
    """One request, task or command, and the dispatches it made so far (the last LEDGER_SIZE of them).

    While ``held`` is a list, finished dispatches wait there: nobody knows yet whether the request is one of the
    dashboard's own, which is never shown. ``ignored`` ones are dropped.
    """

    __slots__ = ("dispatch_count", "dispatches", "held", "id", "ignored", "kind")

    def __init__(self, kind: OriginKind, origin_id: str, *, hold: bool = False) -> None:
        self.kind = kind
        self.id = origin_id
        self.ignored = False
        self.held: list[Any] | None = [] if hold else None
        self.dispatches: deque[ActiveDispatch] = deque(maxlen=LEDGER_SIZE)
        self.dispatch_count = 0

    def lets_go(self, dispatch: ActiveDispatch) -> bool:
        """Enter a finished dispatch in the ledger; whether it may go to the worker now."""
        self.dispatch_count += 1
        self.dispatches.append(dispatch)
        if self.held is not None:
            self.held.append(dispatch)
        return self.held is None and not self.ignored


current_origin: ContextVar[Origin | None] = ContextVar("signal_monitor_origin", default=None)
