"""What an observer is that ignores everything, for others to build on."""

from __future__ import annotations

from signal_monitor.pipeline import Observer
from signal_monitor.stores.base import Batch


class BaseObserver(Observer):
    """Does nothing with what it is told, and wants nothing stored."""

    def fill(self, batch: Batch) -> None:
        """Add to a batch what this observer wants stored, each thing once."""

    def refused(self, batch: Batch) -> None:
        """The store did not take the batch."""
