"""The traces of dispatches that are left aside while they run: for want of room, or because nothing is wanted."""

from __future__ import annotations

from time import perf_counter_ns, time_ns
from typing import TYPE_CHECKING

from .tracing import Trace

if TYPE_CHECKING:
    from signal_monitor.instrumentation.dispatch import ActiveDispatch
    from signal_monitor.instrumentation.plans import Record


class _Aside:
    """Leaves the current span as it is while the receivers run."""

    __slots__ = ()

    def step(self, record: Record) -> None:
        """Leave the current span as it is."""

    def rest(self) -> None:
        """Nothing to undo."""

    def enter(self, index: int) -> object:
        """Leave the current span as it is."""

    def leave(self, entered: object) -> None:
        """Nothing to undo."""

    def resume(self, index: int, left: object) -> object:
        """Leave the current span as it is."""

    def pause(self, outer: object) -> object:
        """Nothing to undo."""


class DeferredTrace(_Aside, Trace):
    """The spans of a dispatch for which its trace had no room, where they would have been started as it ran.

    While it runs, the span around it stays current. If it was notable, real spans are started after the fact.
    """

    __slots__ = ()

    @property
    def untouched(self) -> bool:
        """Whether none of its spans was started."""
        return self._given is None

    def affords(self, spans: int) -> bool:
        """It was asked before the dispatch, and there was no room."""
        return False

    def settle(self, dispatch: ActiveDispatch) -> None:
        """Start the spans of what was notable, and withhold all if nothing was."""
        notable = dispatch.notable_calls()
        if not (notable or dispatch.failed or dispatch.is_slow()):
            self.withhold()
            return
        self.fold(dispatch.called(), notable)
        self._gives().late = dispatch.late_calls()
        epoch_ns = time_ns() - perf_counter_ns()
        self.start(epoch_ns + dispatch.started_ns)
        for index in filter(self.has_own, notable):
            self.start_call(index, epoch_ns + dispatch.starts[index])


class Suppressed(_Aside):
    """The trace of a dispatch in a context where instrumentations are to do nothing: neither spans nor metrics."""

    untouched = True
    trace_id_hex = span_id_hex = None

    def end(self, dispatch: ActiveDispatch) -> None:
        """Nothing is kept."""

    def settle(self, dispatch: ActiveDispatch) -> None:
        """Nothing is written."""

    def withhold(self) -> bool:
        """Nothing was ever given out."""
        return True

    def receiver_span_id_hex(self, index: int) -> str | None:
        """No span, no id."""
        return None


SUPPRESSED = Suppressed()
