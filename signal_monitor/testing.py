"""For test suites: capture the dispatches of a block of code."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

from . import pipeline
from .instrumentation import instrument, is_instrumented, uninstrument
from .instrumentation.hooks import DispatchSpans, hooks
from .instrumentation.plans import forget_plans
from .instrumentation.record_queue import record_queue
from .observers.base import BaseObserver
from .pipeline import Pipeline
from .pipeline.converter import RecordConverter
from .pipeline.process import ThisProcess
from .records import Amendment, Dispatch, ReceiverCall
from .settings_watcher import follow_settings


class Capture(BaseObserver):
    """The dispatches that ended in a block, in the order in which they ended: nested ones before their parent."""

    def __init__(self) -> None:
        self._dispatches: list[Dispatch] = []
        self._amendments: list[Amendment] = []

    def observe(self, dispatch: Dispatch, spans: DispatchSpans | None) -> None:
        """Keep a dispatch."""
        self._dispatches.append(dispatch)

    def wanted(self) -> int:
        """All of them."""
        return sys.maxsize

    def amend(self, amendment: Amendment, call: ReceiverCall) -> None:
        """Keep the outcome of a late receiver call."""
        self._amendments.append(amendment)

    @property
    def dispatches(self) -> list[Dispatch]:
        """The dispatches so far."""
        pipeline.flush()
        return list(self._dispatches)

    @property
    def amendments(self) -> list[Amendment]:
        """The outcomes of receiver calls that ended after their dispatch."""
        pipeline.flush()
        return list(self._amendments)

    def of(self, receiver: str) -> list[Dispatch]:
        """The dispatches in which a receiver was called; ``receiver`` is its dotted name."""
        return [item for item in self.dispatches if any(call.receiver == receiver for call in item.calls)]


@contextlib.contextmanager
def capture_dispatches() -> Iterator[Capture]:
    """Capture every dispatch of this process in a block, whatever is sampled or stored.

    It also works without ``signal_monitor`` in INSTALLED_APPS: signals are then instrumented for the block only.
    """
    follow_settings()
    capture = Capture()
    captured_all, hooks.captures_all = hooks.captures_all, True
    forget_plans()  # the details of each dispatch are captured in a block
    with contextlib.ExitStack() as stack:
        stack.callback(setattr, hooks, "captures_all", captured_all)
        stack.enter_context(record_queue.unlimited())
        if not is_instrumented():
            instrument()
            stack.callback(uninstrument)
        if pipeline.current() is None:
            pipeline.run(Pipeline(RecordConverter(ThisProcess()), []))
            stack.callback(pipeline.stop)
        running = pipeline.current()
        assert running is not None  # noqa: S101 - for the type checker: it was started above
        pipeline.flush()  # so that earlier dispatches are not captured
        stack.callback(running.add(capture))
        yield capture
        pipeline.flush()
