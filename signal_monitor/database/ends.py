"""What became of transactions that were open when the dispatches inside them were recorded."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from time import monotonic
from typing import NamedTuple

from signal_monitor.database_records import TransactionEnd

from .summary import Clock
from .transactions import Transaction

MAX_WAITING = 5_000
STORED_SECONDS = 1.5
"""The time after which a dispatch was stored, if it is stored at all."""


class OpenWork(NamedTuple):
    """A receiver call in a transaction that has not ended; ``began`` is when the call did, ``noted`` when this was."""

    dispatch_id: str
    position: int
    transaction: Transaction
    began: float
    noted: float


class OpenTransactions:
    """Keeps what waits for the end of a transaction, and says what has ended."""

    def __init__(self) -> None:
        self._waiting: deque[OpenWork] = deque(maxlen=MAX_WAITING)

    def wait(self, dispatch_id: str, index: int, transactions: Iterable[Transaction], began: float) -> None:
        """A dispatch was recorded in which a call, or several, ran inside these transactions."""
        for transaction in transactions:
            if not transaction.ended:
                self._waiting.append(OpenWork(dispatch_id, index, transaction, began, monotonic()))

    def ended(self, clock: Clock, *, all_stored: bool) -> list[TransactionEnd]:
        """What has ended since, of dispatches that were stored; each is told once."""
        found: list[TransactionEnd] = []
        for _ in range(len(self._waiting)):
            work = self._waiting.popleft()
            outcome, ended = work.transaction.outcome_at(work.began)
            is_over = outcome is not None or work.transaction.ended
            if not is_over or not (all_stored or monotonic() - work.noted >= STORED_SECONDS):
                self._waiting.append(work)
            elif outcome is not None:
                name, at = clock.transaction_id(work.transaction), clock.wall_clock(ended)
                found.append(TransactionEnd(work.dispatch_id, work.position, name, outcome, at))
        return found

    def forget(self) -> None:
        """Begin anew in a forked child."""
        self._waiting.clear()
