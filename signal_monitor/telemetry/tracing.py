"""The spans of a dispatch under way: what is current while a receiver runs, and which ids they have."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

from opentelemetry import trace as otel
from opentelemetry.context import Context
from opentelemetry.trace import SpanContext

from signal_monitor.faults import contained, note_in_send
from signal_monitor.instrumentation.catalogue import ReceiverInfo, SignalInfo
from signal_monitor.instrumentation.dispatch import ActiveDispatch
from signal_monitor.instrumentation.places import FIRST_END

from .content import dispatch_name, receiver_name
from .context import SPAN_KEY, LazyContext, get_context, set_context
from .light import LightSpan

if TYPE_CHECKING:
    from opentelemetry.trace import Span

    from signal_monitor.instrumentation.plans import Record, Shape

SCOPE = "signal_monitor"
SCHEMA_URL = "https://opentelemetry.io/schemas/1.44.0"
giving = threading.RLock()
"""Held while it is noted that a trace gives something out; re-entrant, for handlers of operating system signals."""
DISPATCH = -1
"""Stands for the dispatch's own span among those of its receiver calls."""


class Parent:
    """What is known of a context with a recording span: that span, and how its children are made."""

    __slots__ = ("context", "floor_ns", "ids", "light", "span", "tracer")

    def __init__(self, context: Context, span: Span, tracer: Any, *, light: bool, floor_ns: int) -> None:  # noqa: ANN401
        self.context = context
        self.span = span
        self.ids = span.get_span_context()
        self.tracer = tracer
        self.floor_ns = floor_ns
        self.light = light and self.ids.is_valid and self.ids.trace_flags.sampled


class Described(NamedTuple):
    """What is left of a dispatch that has ended: names."""

    signal: SignalInfo
    receivers: tuple[ReceiverInfo, ...]


class Given:
    """What of a trace was given out: ids, and the spans that somebody has seen, by the receiver's position."""

    __slots__ = ("ids", "spans")

    def __init__(self) -> None:
        self.ids: dict[int, SpanContext] = {}
        self.spans: dict[int, Span] = {}


class Trace:
    """The spans of one dispatch: their ids are given out when asked for, their content is written by the worker."""

    __slots__ = ("_base", "_current", "_described", "_given", "_record", "parent", "started_ns", "withheld", "written")

    def __init__(self, described: ActiveDispatch | Shape | Described, parent: Parent) -> None:
        self._described = described
        self._base: Any = parent.context
        self._current: Any = parent.context
        self._record: Record | None = None
        self._given: Given | None = None
        self.parent = parent
        self.started_ns = 0
        self.withheld = False
        self.written = False

    @property
    def light(self) -> bool:
        """Whether spans are made only for who asks, and otherwise after the fact."""
        return self.parent.light

    @property
    def tracer(self) -> Any:  # noqa: ANN401 - the SDK's Tracer where the spans are light
        """The tracer that the spans belong to."""
        return self.parent.tracer

    @property
    def untouched(self) -> bool:
        """Whether nobody has asked for a span or its ids, and they are made after the fact."""
        return self._given is None and self.parent.light

    @property
    def asked(self) -> Mapping[int, Span]:
        """The spans that somebody has seen, by the receiver's position."""
        return self._given.spans if self._given is not None else {}

    def _gives(self) -> Given:
        if self._given is None:
            with giving:
                self._given = self._given or Given()
        return self._given

    def ids_of(self, index: int) -> SpanContext:
        """Trace and span id of a receiver call's span, or of the dispatch's."""
        ids = self._gives().ids
        if index in ids:
            return ids[index]
        return ids.setdefault(index, self._new_ids() if self.light else self.span_of(index).get_span_context())

    def all_ids(self, receivers: int) -> list[SpanContext]:
        """Those of the dispatch's span, then of so many receiver calls'; some may be given out at this moment."""
        known, parent, new_id = self._gives().ids, self.parent.ids, self.parent.tracer.id_generator.generate_span_id
        trace_id, flags, state = parent.trace_id, parent.trace_flags, parent.trace_state
        return [
            known.setdefault(index, SpanContext(trace_id, new_id(), False, flags, state))  # noqa: FBT003
            for index in range(DISPATCH, receivers)
        ]

    def _new_ids(self) -> SpanContext:
        parent = self.parent.ids
        span_id = self.tracer.id_generator.generate_span_id()
        return SpanContext(parent.trace_id, span_id, False, parent.trace_flags, parent.trace_state)  # noqa: FBT003

    @property
    def trace_id_hex(self) -> str:
        """The trace id, as records hold it."""
        return f"{self.parent.ids.trace_id if self.light else self.ids_of(DISPATCH).trace_id:032x}"

    @property
    def span_id_hex(self) -> str | None:
        """The dispatch span's id, as records hold it; None where it is not written."""
        return None if self.withheld else f"{self.ids_of(DISPATCH).span_id:016x}"

    def receiver_span_id_hex(self, index: int) -> str | None:
        """A receiver span's id, as records hold it; None where there is none."""
        known = (self.light and not self.withheld) or index in self.asked
        return f"{self.ids_of(index).span_id:016x}" if known else None

    def span_of(self, index: int) -> Span:
        """The span of a receiver call, or of the dispatch, made for whoever asks first."""
        spans = self._gives().spans
        if index in spans:
            return spans[index]
        return spans.setdefault(index, self._light_span(index) if self.light else self._real_span(index))

    def start(self, span: Span) -> bool:
        """Have a real span for the dispatch; whether it records anything."""
        self._gives().spans[DISPATCH] = span
        return span.is_recording()

    def _light_span(self, index: int) -> LightSpan:
        parent = self.parent.ids if index == DISPATCH else self.ids_of(DISPATCH)
        span = LightSpan(self.name_of(index), self.ids_of(index), parent, self.tracer)
        span.ended = self.written
        if self._record is not None and index != DISPATCH:  # asked for a while after it began
            span.start_time -= round((perf_counter() - self._record[FIRST_END - 1 + index]) * 1e9)
        return span

    def _real_span(self, index: int) -> Span:
        span: Span = self.tracer.start_span(
            self.name_of(index), context=otel.set_span_in_context(self.span_of(DISPATCH)), start_time=time.time_ns()
        )
        return span

    def name_of(self, index: int) -> str:
        """A span's name."""
        if index == DISPATCH:
            return dispatch_name(self._described.signal.name)
        return receiver_name(self._described.receivers[index].name)

    def _context(self, index: int, base: Context) -> Context:
        if not self.parent.light:
            return otel.set_span_in_context(self.span_of(index), base)
        context = LazyContext()
        context.trace, context.index, context.base = self, index, base
        return context

    # The three that a planned dispatch calls are contained by hand: the decorator would double what they cost.

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
        except Exception as error:  # noqa: BLE001 - as contained does
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
        except Exception as error:  # noqa: BLE001 - as contained does
            note_in_send("a receiver's span", error)

    @contained("a receiver's span", None, in_send=True)
    def enter(self, index: int) -> object:
        """Make the span of a synchronous receiver's call current."""
        outer = get_context()
        context = self._context(index, outer)
        set_context(context)
        return outer, context

    @contained("a receiver's span", None, in_send=True)
    def leave(self, entered: Any) -> None:  # noqa: ANN401 - what enter answered, or None where it failed
        """Make the outer span current again; baggage and whatever else the receiver has attached stays."""
        if entered is not None:
            leave_context(*entered)

    @contained("an async receiver's span", None, in_send=True)
    def resume(self, index: int, left: Any) -> object:  # noqa: ANN401 - what pause answered, or None at the first step
        """Make current what an async receiver had when it paused, or its span."""
        outer = get_context()
        set_context(self._context(index, outer) if left is None else left)
        return outer

    @contained("an async receiver's span", None, in_send=True)
    def pause(self, outer: Any) -> object:  # noqa: ANN401 - what resume answered, or None where it failed
        """Make current what was before, and answer what the receiver leaves."""
        left = get_context()
        if outer is not None:
            set_context(outer)
        return left

    def end(self, dispatch: ActiveDispatch) -> None:
        """The dispatch has ended: of it, only names are needed any more, and when it began."""
        self.started_ns = dispatch.started_ns
        quick = dispatch.ended_ns - dispatch.started_ns < self.parent.floor_ns
        self.withheld = quick and self.untouched and not dispatch.failed
        self._described = Described(dispatch.signal, dispatch.receivers)


def leave_context(base: Context, entered: Any) -> Context:  # noqa: ANN401 - a context
    """Leave a receiver's context for what was before it, with whatever else the receiver has attached; answers that."""
    current = get_context()
    if current is entered:
        set_context(base)
        return base
    if otel.get_current_span(current) is not otel.get_current_span(entered):
        return current  # the receiver has attached a span of its own for its caller
    if any(base.get(key) is not current.get(key) for key in {*base, *current} - {SPAN_KEY}):
        base = otel.set_span_in_context(otel.get_current_span(base), current)
    set_context(base)
    return base


def _after_fork() -> None:
    global giving
    giving = threading.RLock()


if hasattr(os, "register_at_fork"):  # not on every platform
    os.register_at_fork(after_in_child=_after_fork)
