"""What receives finished dispatches from the worker."""

from __future__ import annotations

from collections.abc import Sequence

from signal_monitor.instrumentation.current import Origin, Record
from signal_monitor.instrumentation.hooks import DispatchSpans
from signal_monitor.records import Aggregate, Amendment, Dispatch, ReceiverCall


class Observer:
    """Receives finished dispatches, in the worker thread; this one ignores them.

    Observers do not know each other. ``ends_alone`` ones are told of the end though another one holds the worker up,
    and may take longer for it: they are the monitor's own, and wait for nobody outside this host. ``in_hand`` is the
    number of dispatches that an observer has received and not handed over.
    """

    ends_alone = False
    in_hand = 0

    def observe(self, dispatch: Dispatch, spans: DispatchSpans | None) -> None:
        """A dispatch has ended."""

    def wanted(self) -> int:
        """Number of routine dispatches that this observer wants to receive individually now."""
        return 0

    def aggregate(self, aggregate: Aggregate, records: Sequence[Record]) -> None:
        """Routine dispatches have ended; each dispatch is either observed or part of one aggregate."""

    def amend(self, amendment: Amendment, call: ReceiverCall) -> None:
        """A receiver call has ended after its dispatch."""

    def close(self, origin: Origin) -> None:
        """A request, task or command has ended."""

    def tick(self) -> None:
        """The queue is empty for the moment."""

    def watch(self) -> None:
        """A moment has passed in which receivers may have run: WATCH_SECONDS, or more after QUIET_SECONDS."""

    def flush(self) -> None:
        """Hand over everything that waits: a reader wants to see it, or the process is about to end."""

    def end(self) -> None:
        """The process, or the observation of it, is about to end."""

    def forget(self) -> None:
        """Begin anew: this is a forked child, and what was seen is the parent's."""
