"""Stores what became of transactions that were open when dispatches were recorded, and facts about rows.

These facts are bulk operations, and what the signals of models said.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import django

from signal_monitor.database import database_work
from signal_monitor.database.bulk import NotedOperation, NotedStatement, noted_operations, of_statement
from signal_monitor.database_records import BulkOperation, RowSignals
from signal_monitor.instrumentation.current import Record
from signal_monitor.instrumentation.hooks import DispatchSpans
from signal_monitor.pipeline.converter import RecordConverter
from signal_monitor.pipeline.stacks import call_site, frames
from signal_monitor.records import Aggregate, Dispatch, Frame
from signal_monitor.stores.base import Batch, Fact

from .base import BaseObserver

MAX_FACTS = 500
"""Facts of each kind that a process keeps; the first ones."""
DJANGO = f"{Path(django.__file__).parent}{os.sep}"
BELOW = (f"{os.sep}asgiref{os.sep}sync.py", f"{os.sep}asyncio{os.sep}events.py")
"""The files of what runs a thread's work, or a step of a task."""
NOWHERE = Frame("", 0, "")


def _in_this_task(stack: Sequence[Frame]) -> Sequence[Frame]:
    """The frames of one task, or of what it runs in a thread: around them are those of whoever waits there."""
    inside = next((place for place, frame in enumerate(reversed(stack)) if frame.path.endswith(BELOW)), len(stack))
    return stack[len(stack) - inside :]


class DatabaseObserver(BaseObserver):
    """Asks the open transactions, each time that records are stored, which have ended; and adds up facts."""

    def __init__(self, converter: RecordConverter) -> None:
        self._converter = converter
        self.forget()

    def forget(self) -> None:
        """Begin anew in a forked child."""
        self._converter.open_transactions.forget()
        noted_operations.clear()
        self._all_stored = False
        self._bulk: dict[str, BulkOperation] = {}
        self._rows: dict[str, RowSignals] = {}
        self._changed: dict[str, None] = {}

    def tick(self) -> None:
        """See whether modules were imported that queue tasks."""
        database_work.look()

    def observe(self, dispatch: Dispatch, spans: DispatchSpans | None) -> None:
        """Count what a signal said of its row."""
        said = dispatch.arguments
        if said is not None and said.created is not None:
            counts = (int(said.created), int(not said.created), int(bool(said.raw)))
            receivers = [call.receiver for call in dispatch.calls if call.outcome != "not_run"]
            self._count(receivers, dispatch.signal, dispatch.sender, counts, dispatch.ended_at)

    def aggregate(self, aggregate: Aggregate, records: Sequence[Record]) -> None:
        """Count what several signals said of their rows."""
        if aggregate.created or aggregate.existing:
            counts = (aggregate.created, aggregate.existing, aggregate.raw)
            receivers = [call.receiver for call in aggregate.calls if not call.not_run]
            self._count(receivers, aggregate.signal, aggregate.sender, counts, aggregate.ended_at)

    def _count(
        self, receivers: Iterable[str], signal: str, sender: str, counts: tuple[int, int, int], at: float
    ) -> None:
        for receiver in receivers:
            fact = RowSignals(receiver, signal, sender, *counts, last_at=at)
            if fact.key in self._rows:
                fact = self._rows[fact.key].plus(fact)
            if fact.key in self._rows or len(self._rows) < MAX_FACTS:
                self._rows[fact.key] = fact
                self._changed[fact.key] = None

    def _add_bulk(self, item: NotedOperation | NotedStatement) -> None:
        noted = of_statement(item) if isinstance(item, NotedStatement) else item
        if noted is None:
            return
        stack = [frame for frame in _in_this_task(frames(noted.lines)) if not frame.path.startswith(DJANGO)]
        site = call_site(stack) or NOWHERE
        fact = BulkOperation(
            model=noted.model,
            operation=noted.operation,
            path=site.path,
            line=site.line,
            function=site.function,
            signals=noted.signals,
            receiver=noted.receiver,
            around=noted.around,
            calls=1,
            rows=noted.rows,
            first_at=noted.at,
            last_at=noted.at,
        )
        if fact.key in self._bulk:
            fact = self._bulk[fact.key].plus(fact)
        if fact.key in self._bulk or len(self._bulk) < MAX_FACTS:
            self._bulk[fact.key] = fact
            self._changed[fact.key] = None

    def flush(self) -> None:
        """Everything is stored now."""
        self._all_stored = True

    def fill(self, batch: Batch) -> None:
        """Store the ends of transactions, and the facts that have changed."""
        waiting, clock = self._converter.open_transactions, self._converter.clock
        batch.transaction_ends = waiting.ended(clock, all_stored=self._all_stored)
        self._all_stored = False
        while noted_operations:
            self._add_bulk(noted_operations.popleft())
        batch.facts = [*batch.facts, *(fact for key in self._changed for fact in self._facts(key))]
        self._changed.clear()

    def refused(self, batch: Batch) -> None:
        """Store the facts of a refused batch with the next one."""
        self._changed.update(dict.fromkeys(fact.key for fact in batch.facts))

    def _facts(self, key: str) -> list[Fact]:
        found = (self._bulk.get(key), self._rows.get(key))
        return [fact for fact in found if fact is not None]
