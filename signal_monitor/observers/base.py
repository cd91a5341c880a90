"""The base of the observers that store something."""

from __future__ import annotations

from signal_monitor.pipeline import Observer
from signal_monitor.stores.base import Batch


class BaseObserver(Observer):
    """Ignores every dispatch and stores nothing; subclasses override what they need.

    What ``fills_last`` ones add takes long to collect, so it is written after what all others add.
    """

    fills_last = False

    def fill(self, batch: Batch) -> None:
        """Add what this observer stores to a batch, each record once."""

    def refused(self, batch: Batch) -> None:
        """The store has refused the batch."""
