"""What is current while the receivers of a dispatch run: the span of each in its turn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry import trace as otel
from opentelemetry.context import Context

from signal_monitor.errors import guarded, note_in_send
from signal_monitor.instrumentation.places import FIRST_END

from .context import LazyContext, get_context, leave_context, set_context
from .dispatch_spans import DispatchSpans

if TYPE_CHECKING:
    from signal_monitor.instrumentation.dispatch import ActiveDispatch
    from signal_monitor.instrumentation.plans import Record, Shape

    from .parents import Parent


class Trace(DispatchSpans):
    """The spans of a dispatch under way."""

    __slots__ = ("_base", "_current")

    def __init__(self, described: ActiveDispatch | Shape, parent: Parent) -> None:
        self._described = described
        self._base: Any = parent.context
        self._current: Any = parent.context
        self._record = None
        self._given = None
        self.parent = parent
        self.started_ns = 0
        self.withheld = False
        self.written = False

    @property
    def is_over(self) -> bool:
        """Whether the last receiver call that its thread makes has ended."""
        return self._current is None or self.started_ns > 0

    def _context(self, index: int, base: Context) -> Context:
        if not self.parent.light:
            return otel.set_span_in_context(self.span_of(index), base)
        context = LazyContext()
        context.trace, context.index, context.base = self, index, base
        return context

    # The two that a planned dispatch calls are guarded by hand: the decorator would double what they cost.

    def step(self, record: Record) -> None:
        """Make the span of a planned dispatch's next receiver call current."""
        try:
            if get_context() is not self._current:
                self._base = leave_context(self._base, self._current)
            self._record = record
            if self.parent.light:
                self._current = context = LazyContext()
                context.trace, context.index, context.base = self, len(record) - FIRST_END, self._base
            else:
                self._current = otel.set_span_in_context(self.span_of(len(record) - FIRST_END), self._base)
            set_context(self._current)
        except Exception as error:  # noqa: BLE001 - as guarded does
            note_in_send("a receiver's span", error)

    def rest(self) -> None:
        """Make the span current again that was before the first receiver call; a second time it does nothing."""
        try:
            if self._current is None:
                return
            if get_context() is self._current:
                set_context(self._base)
            else:
                leave_context(self._base, self._current)
            self._record = self._base = self._current = None  # the current one refers to this: no circle stays behind
        except Exception as error:  # noqa: BLE001 - as guarded does
            note_in_send("a receiver's span", error)

    @guarded("a receiver's span", None, in_send=True)
    def enter(self, index: int) -> object:
        """Make the span of a synchronous receiver's call current."""
        outer = get_context()
        context = self._context(index, outer)
        set_context(context)
        return outer, context

    @guarded("a receiver's span", None, in_send=True)
    def leave(self, entered: Any) -> None:  # noqa: ANN401 - what enter answered, or None where it failed
        """Make the outer span current again; baggage and whatever else the receiver has attached stays."""
        if entered is not None:
            leave_context(*entered)

    @guarded("an async receiver's span", None, in_send=True)
    def resume(self, index: int, left: Any) -> object:  # noqa: ANN401 - what pause answered, or None at the first step
        """Make current what an async receiver had when it paused, or its span."""
        outer = get_context()
        set_context(self._context(index, outer) if left is None else left)
        return outer

    @guarded("an async receiver's span", None, in_send=True)
    def pause(self, outer: Any) -> object:  # noqa: ANN401 - what resume answered, or None where it failed
        """Make current what was before, and answer what the receiver leaves."""
        left = get_context()
        if outer is not None:
            set_context(outer)
        return left
