"""Whether to observe at all, and what other rooms contribute to a record."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING

from .guard import knows_django

if TYPE_CHECKING:
    from .cells import Cell
    from .dispatch import ActiveDispatch
    from .plans import Shape
    from .traces import DispatchTrace

_NO_CONTEXT: ContextVar[object] = ContextVar("signal_monitor_no_context", default=None)


class Probes:
    """Whether to observe at all, and what other rooms contribute to a record: None while nobody wants it.

    ``fast`` says whether dispatches may follow a plan. ``looks_closely`` has each of them looked at as slow ones are.
    ``trace_context`` answers the OpenTelemetry context, one C call; where the cell does not know it as untraced,
    ``open_trace`` is asked.
    """

    def __init__(self) -> None:
        self.enabled = False
        self.fast = knows_django()
        self.looks_closely = False
        self.counts_queries = False
        self.keeps_messages = True
        self.in_transaction: Callable[[], bool] | None = None
        self.forget_traces()

    def forget_traces(self) -> None:
        """Have nobody write spans."""
        self.trace_context: Callable[[], object] = _NO_CONTEXT.get
        self.open_trace: Callable[[ActiveDispatch | Shape, Cell], DispatchTrace | None] = _no_trace


def _no_trace(described: ActiveDispatch | Shape, cell: Cell) -> None:
    """Nobody writes spans."""


probes = Probes()
