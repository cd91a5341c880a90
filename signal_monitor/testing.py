"""For test suites: see which dispatches a block of code made."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

from . import pipeline
from .expansion import Expander
from .instrumentation import instrument, is_instrumented, uninstrument
from .instrumentation.outbox import outbox
from .instrumentation.plans import forget_plans
from .instrumentation.probes import probes
from .instrumentation.traces import DispatchTrace
from .observers.base import BaseObserver
from .pipeline import Pipeline
from .process import ThisProcess
from .records import Amendment, Dispatch, ReceiverCall


class Capture(BaseObserver):
    """The dispatches that ended in a block, in the order of their ends: nested ones before the one around them."""

    def __init__(self) -> None:
        self._dispatches: list[Dispatch] = []
        self._amendments: list[Amendment] = []

    def observe(self, dispatch: Dispatch, trace: DispatchTrace | None) -> None:
        """Keep a dispatch."""
        self._dispatches.append(dispatch)

    def appetite(self) -> int:
        """Every one."""
        return sys.maxsize

    def amend(self, amendment: Amendment, call: ReceiverCall) -> None:
        """Keep what became of a late receiver call."""
        self._amendments.append(amendment)

    @property
    def dispatches(self) -> list[Dispatch]:
        """What was dispatched so far."""
        _flush()
        return list(self._dispatches)

    @property
    def amendments(self) -> list[Amendment]:
        """What became of receiver calls that outlived their dispatch."""
        _flush()
        return list(self._amendments)

    def of(self, receiver: str) -> list[Dispatch]:
        """The dispatches that one receiver, named in full, was called in."""
        return [item for item in self.dispatches if any(call.receiver == receiver for call in item.calls)]


@contextlib.contextmanager
def capture_dispatches() -> Iterator[Capture]:
    """Record every dispatch of this process in a block, whatever the settings sample or store.

    Works without ``signal_monitor`` in INSTALLED_APPS too: signals are then instrumented for the block alone.
    """
    capture = Capture()
    looked_closely, probes.looks_closely = probes.looks_closely, True
    forget_plans()  # those that were looked at a moment ago would not be again
    with contextlib.ExitStack() as stack:
        stack.callback(setattr, probes, "looks_closely", looked_closely)
        if not is_instrumented():
            instrument()
            stack.callback(uninstrument)
        if pipeline.current() is None:
            pipeline.run(Pipeline(Expander(ThisProcess()), []))
            stack.callback(pipeline.stop)
        running = pipeline.current()
        assert running is not None  # noqa: S101 - for the type checker: it was started above
        _flush()  # what was dispatched before the block is not of the block
        running.add(capture)
        stack.callback(running.remove, capture)
        yield capture
        _flush()


def _flush() -> None:
    """Deliver all that is queued; one flush stops after a second, which a busy machine may need for less."""
    while True:
        waiting = len(outbox)
        pipeline.flush()  # it also waits for what the worker has taken out of the queue and not delivered yet
        if not waiting or len(outbox) >= waiting:  # the latter inside a delivery, where a flush does nothing
            return
