"""Stores what became of transactions that were open when dispatches were recorded, and bulk operations."""

from __future__ import annotations

from signal_monitor.database import database_work
from signal_monitor.pipeline.converter import RecordConverter
from signal_monitor.stores.base import Batch

from .base import BaseObserver


class DatabaseObserver(BaseObserver):
    """Asks the open transactions, each time that records are stored, which have ended."""

    def __init__(self, converter: RecordConverter) -> None:
        self._converter = converter
        self._all_stored = False

    def tick(self) -> None:
        """See whether modules were imported that queue tasks."""
        database_work.look()

    def flush(self) -> None:
        """Everything is stored now."""
        self._all_stored = True

    def fill(self, batch: Batch) -> None:
        """Store the ends of transactions."""
        batch.transaction_ends = self._converter.open_transactions.ended(
            self._converter.clock, all_stored=self._all_stored
        )
        self._all_stored = False

    def forget(self) -> None:
        """Begin anew in a forked child."""
        self._converter.open_transactions.forget()
