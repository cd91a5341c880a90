"""What is out of the ordinary with a planned dispatch: noted where it happens, appended to the record at its end."""

from __future__ import annotations

import asyncio
from time import perf_counter
from typing import TYPE_CHECKING

from signal_monitor.faults import contained
from signal_monitor.records import Outcome

from .capture import Lines, RawFailure, caller_lines, failure_of
from .outbox import outbox
from .places import FIRST_END, SHAPE, STARTED, ends_of
from .probes import probes

if TYPE_CHECKING:
    from .cells import Cell
    from .plans import Record, Shape
    from .traces import DispatchTrace

GIVEN_UP = (asyncio.CancelledError, GeneratorExit)
"""What ends a dispatch without that anything in it has failed."""


class Remarks:
    """Failures by the receiver's position; the stack, the transaction and the loop, where they were looked at."""

    __slots__ = ("blocked_loop", "failure", "failures", "in_transaction", "lines", "outcomes")

    def __init__(self) -> None:
        self.outcomes: dict[int, Outcome] = {}
        self.failures: dict[int, RawFailure] = {}
        self.failure: RawFailure | None = None
        self.lines: Lines = ()
        self.in_transaction: bool | None = None
        self.blocked_loop: bool | None = None

    def fail(self, record: Record, outcome: Outcome, error: BaseException) -> RawFailure:
        """The receiver that is running has raised; its time is taken."""
        index = len(record) - FIRST_END
        record.append(perf_counter())
        failure = self.failures[index] = failure_of(error)
        self.outcomes[index] = outcome
        return failure

    def look_around(self, shape: Shape) -> None:
        """Note what only the dispatching thread can see: the stack, an open transaction, a loop that is held up."""
        self.lines = caller_lines()
        if probes.in_transaction is not None:
            self.in_transaction = probes.in_transaction()
        self.blocked_loop = asyncio._get_running_loop() is not None  # noqa: SLF001 - asyncio's documented C function
        shape.note()


@contained("a swallowed failure", None, in_send=True)
def swallowed(record: Record, error: Exception, remarks: Remarks | None) -> Remarks:
    """A robust send is to answer what a receiver has raised."""
    remarks = remarks or Remarks()
    remarks.fail(record, "swallowed", error)
    return remarks


@contained("a failure", None, in_send=True)
def raised(record: Record, error: BaseException, answered: int, remarks: Remarks | None = None) -> Remarks:
    """An exception is leaving the send method; it is a receiver's, if one has neither ended nor answered."""
    remarks = remarks or Remarks()
    if answered > len(record) - FIRST_END:  # interrupted before the time was taken
        record.append(perf_counter())
    called = answered == len(record) - FIRST_END < len(record[SHAPE].receivers)
    failure = remarks.fail(record, "raised", error) if called else failure_of(error)
    if not isinstance(error, GIVEN_UP):
        remarks.failure = failure
    return remarks


@contained("the end of a dispatch", None, in_send=True)
def ended(record: Record, cell: Cell, trace: DispatchTrace | None = None, remarks: Remarks | None = None) -> None:
    """Complete and queue the record of a dispatch that is traced, slow, failed or of a request, or the first one."""
    shape = record[SHAPE]
    slow = ends_of(record)[-1] - record[STARTED] >= shape.limit
    if trace is not None:
        trace.rest()
        record.append(trace)
    if slow or (remarks is not None and shape.may_look()):
        remarks = remarks or Remarks()
        remarks.look_around(shape)
    last = record[-1]
    given = last if type(last) is not float else None
    if remarks is not None:
        record.append(remarks)
    if cell.origin is None or cell.origin.lets_go(record):
        outbox.append(record, given)
