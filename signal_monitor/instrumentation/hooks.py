"""Whether to observe, and the functions that other packages hand in to complete a record."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import Any, Protocol

from .current import ExecutionState, Record
from .info import DispatchInfo, RawFailure

_NO_CONTEXT: ContextVar[object] = ContextVar("signal_monitor_no_context", default=None)


class DispatchSpans(Protocol):
    """The spans of one dispatch, as the send methods and the worker use them.

    ``unreferenced``: no span was started, so that all may still be left out.
    """

    @property
    def unreferenced(self) -> bool: ...

    @property
    def trace_id_hex(self) -> str | None:
        """The trace id, as records hold it."""

    @property
    def span_id_hex(self) -> str | None:
        """The id of the dispatch's span, as records hold it; None where there is none."""

    def receiver_span_id_hex(self, index: int) -> str | None:
        """The id of a receiver call's span, as records hold it; None where there is none."""

    def enter(self, record: Record) -> None:
        """Make current the span of the sequential call that is about to be made."""

    def restore(self) -> None:
        """Make current again what was current before the first ``enter``."""

    def enter_call(self, index: int) -> object:
        """Make current the span of a concurrent call; returns what ``leave_call`` takes."""

    def leave_call(self, entered: object) -> None:
        """Make current again what was current before ``enter_call``."""

    def resume(self, index: int, left: object) -> object:
        """Make current what an async receiver had when it paused, or its span; returns what ``pause`` takes."""

    def pause(self, outer: object) -> object:
        """Make current what was current before ``resume``; returns what the receiver leaves."""

    def end_call(self, record: Record, index: int, failure: RawFailure | None = None) -> None:
        """A concurrent call has ended: end its span, if it was started.

        ``failure`` is the RawFailure of a call that has failed after its dispatch had ended.
        """

    def end(self, record: Record) -> None:
        """The dispatch has ended: end the spans that were started; from now on, no other is."""

    def finalize(self, record: Record, window: tuple[float, float] | None = None) -> None:
        """The worker is about to deliver the record: decide which spans are exported.

        ``window`` is when the send method began and ended that has made the dispatch, if it is not the record's own.
        """

    def drop(self) -> bool:
        """Write no span for the dispatch; False where other code has asked for one already."""


OpenSpans = Callable[[DispatchInfo, ExecutionState], DispatchSpans | None]


class Hooks:
    """Whether to observe, and the functions that other packages hand in: None while nobody wants it.

    ``uses_plans`` says whether the receivers of a dispatch may come from a plan. ``captures_all`` has the details of
    every dispatch captured. ``trace_context`` returns the OpenTelemetry context in one C call; where the state does not
    know it as untraced, ``open_spans(info, state)`` is called.
    """

    def __init__(self) -> None:
        self.enabled = False
        self.uses_plans = True
        self.captures_all = False
        self.counts_queries = False
        self.keeps_messages = True
        self.open_transactions: Callable[[], Sequence[Any]] | None = None
        self.remove_tracing()

    def remove_tracing(self) -> None:
        """Let nobody write spans."""
        self.trace_context: Callable[[], object] = _NO_CONTEXT.get
        self.open_spans: OpenSpans = _no_spans


def _no_spans(info: DispatchInfo, state: ExecutionState) -> None:
    """Nobody writes spans."""


hooks = Hooks()
