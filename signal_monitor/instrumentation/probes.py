"""Whether to observe at all, and what other rooms contribute to a record."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .dispatch import ActiveDispatch, DispatchTrace


class Probes:
    """Whether to observe at all, and what other rooms contribute to a record: None while nobody wants it."""

    def __init__(self) -> None:
        self.enabled = False
        self.counts_queries = False
        self.keeps_messages = True
        self.in_transaction: Callable[[], bool] | None = None
        self.open_trace: Callable[[ActiveDispatch], DispatchTrace | None] | None = None


probes = Probes()
