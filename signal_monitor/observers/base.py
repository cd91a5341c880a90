"""An observer that ignores everything, for others to build on."""

from __future__ import annotations

from signal_monitor.instrumentation.dispatch import DispatchTrace
from signal_monitor.instrumentation.origins import Origin
from signal_monitor.records import Amendment, Dispatch, ReceiverCall
from signal_monitor.stores.base import Batch


class BaseObserver:
    """Does nothing with what it is told."""

    def observe(self, dispatch: Dispatch, trace: DispatchTrace | None) -> None:
        """A dispatch has ended."""

    def amend(self, amendment: Amendment, call: ReceiverCall) -> None:
        """A receiver call has ended after its dispatch."""

    def close(self, origin: Origin) -> None:
        """A request, task or command has ended."""

    def tick(self) -> None:
        """The queue is empty for now."""

    def flush(self) -> None:
        """Hand over all that waits."""

    def end(self) -> None:
        """The process is about to end."""

    def forget(self) -> None:
        """Begin anew, in a forked child."""

    def fill(self, batch: Batch) -> None:
        """Add to a batch what this observer wants stored, each thing once."""
