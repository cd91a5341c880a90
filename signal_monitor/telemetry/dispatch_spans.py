"""The spans of one dispatch: which there are, which ids they have, which of them are written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

from opentelemetry import trace as otel
from opentelemetry.context import Context
from opentelemetry.trace import SpanContext

from signal_monitor.instrumentation.catalogue import ReceiverInfo, SignalInfo
from signal_monitor.instrumentation.dispatch import ActiveDispatch
from signal_monitor.instrumentation.places import FIRST_END

from . import given
from .content import dispatch_name, receiver_name
from .given import Given
from .light import LightSpan

if TYPE_CHECKING:
    from opentelemetry.trace import Span

    from signal_monitor.instrumentation.plans import Record, Shape

    from .parents import Parent

DISPATCH = -1
"""Stands for the dispatch's own span among those of its receiver calls."""


class Described(NamedTuple):
    """What is left of a dispatch that has ended: names."""

    signal: SignalInfo
    receivers: tuple[ReceiverInfo, ...]


class DispatchSpans:
    """The spans of one dispatch: their ids are given out when asked for, their content is written by the worker.

    A dispatch that is ``withheld`` gets none, and a receiver call may be folded. Who asks for such a span gets the one
    around it, so that nothing ever hangs under a span that is not written.

    It has no ``__init__``, because one that calls another takes twice the time: a trace sets its attributes.
    """

    __slots__ = ("_described", "_given", "_record", "parent", "started_ns", "withheld", "written")

    _described: ActiveDispatch | Shape | Described
    _given: Given | None
    _record: Record | None
    parent: Parent
    started_ns: int
    withheld: bool
    written: bool

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

    @property
    def late(self) -> frozenset[int]:
        """The positions of the receiver calls that may end after the dispatch."""
        return self._given.late if self._given is not None else frozenset()

    def _gives(self) -> Given:
        if self._given is None:
            self._given = Given()
        return self._given

    def _shown(self, index: int) -> int:
        """Whose span stands for a receiver call: its own, or the dispatch's."""
        return DISPATCH if index >= 0 and not self.has_own(index) else index

    def has_own(self, index: int) -> bool:
        """Whether a receiver call has a span of its own."""
        if self._given is not None and index in self._given.folded:
            return False
        selection = self.parent.policy.selection
        return not selection.parts_receivers or selection.takes_receiver(self._described.receivers[index])

    def ids_of(self, index: int) -> SpanContext:
        """Trace and span id of a receiver call's span, or of the dispatch's."""
        if not self.light:
            return self.span_of(index).get_span_context()
        if self._given is not None and index in self._given.ids:
            return self._given.ids[index]
        made = self._new_ids()
        with given.giving:
            if self.withheld:
                return self.parent.ids
            return self._gives().ids.setdefault(self._shown(index), made)

    def all_ids(self, receivers: int) -> list[SpanContext]:
        """Those of the dispatch's span, then of so many receiver calls'; some may be given out at this moment."""
        parent, new_id = self.parent.ids, self.parent.tracer.id_generator.generate_span_id
        trace_id, flags, state = parent.trace_id, parent.trace_flags, parent.trace_state
        made = [SpanContext(trace_id, new_id(), False, flags, state) for _ in range(DISPATCH, receivers)]  # noqa: FBT003
        with given.giving:  # around nothing of the application's, such as its generator of ids
            known = self._gives().ids
            return [known.setdefault(index, ids) for index, ids in enumerate(made, DISPATCH)]

    def _new_ids(self) -> SpanContext:
        parent = self.parent.ids
        span_id = self.tracer.id_generator.generate_span_id()
        return SpanContext(parent.trace_id, span_id, False, parent.trace_flags, parent.trace_state)  # noqa: FBT003

    @property
    def trace_id_hex(self) -> str:
        """The trace id, as records hold it."""
        known = self.light or self.withheld
        return f"{self.parent.ids.trace_id if known else self.ids_of(DISPATCH).trace_id:032x}"

    @property
    def span_id_hex(self) -> str | None:
        """The dispatch span's id, as records hold it; None where it is not written."""
        return None if self.withheld else f"{self.ids_of(DISPATCH).span_id:016x}"

    def receiver_span_id_hex(self, index: int) -> str | None:
        """A receiver span's id, as records hold it; None where there is none."""
        known = self.writes(index)
        return f"{self.ids_of(index).span_id:016x}" if known else None

    def writes(self, index: int) -> bool:
        """Whether a receiver call's span is written, if the call was made."""
        return not self.withheld and self.has_own(index) and (self.light or index in self.asked)

    def span_of(self, index: int) -> Span:
        """The span of a receiver call, or of the dispatch, made for whoever asks first."""
        if not self.light:
            return self._real_span_of(index)
        ids = self.ids_of(index)
        with given.giving:
            if self.withheld:
                return self.parent.span
            index, spans = self._shown(index), self._gives().spans
            if index not in spans:
                spans[index] = self._light_span(index, ids)
            return spans[index]

    def _real_span_of(self, index: int) -> Span:
        """A span that is started; no lock is held around what a span processor or a sampler does."""
        if self.withheld:
            return self.parent.span
        index, spans = self._shown(index), self._gives().spans
        return spans[index] if index in spans else spans.setdefault(index, self._real_span(index))

    def start(self, start_time: int | None = None) -> bool:
        """Have a real span for the dispatch; whether it records anything."""
        span = self._gives().spans[DISPATCH] = self.parent.start_span(self.name_of(DISPATCH), start_time)
        return span.is_recording()

    def _light_span(self, index: int, ids: SpanContext) -> LightSpan:
        parent = self.parent.ids if index == DISPATCH else self.ids_of(DISPATCH)
        span = LightSpan(self.name_of(index), ids, parent, self.tracer, self.parent.span)
        span.ended = self.written and index not in self.late
        record = self._record
        if record is not None and index != DISPATCH:  # asked for a while after it began
            span.start_time -= round((perf_counter() - record[FIRST_END - 1 + index]) * 1e9)
        return span

    def start_call(self, index: int, start_time: int) -> None:
        """Have a real span for a receiver call that has ended."""
        self._gives().spans[index] = self._real_span(index, start_time, self.parent.context)

    def _real_span(self, index: int, start_time: int | None = None, base: Context | None = None) -> Span:
        around = otel.set_span_in_context(self.span_of(DISPATCH), base)
        span: Span = self.tracer.start_span(self.name_of(index), context=around, start_time=start_time)
        return span

    def name_of(self, index: int) -> str:
        """A span's name."""
        if index == DISPATCH:
            return dispatch_name(self._described.signal.name)
        return receiver_name(self._described.receivers[index].name)

    def end(self, dispatch: ActiveDispatch) -> None:
        """The dispatch has ended: of it, only names are needed any more, and when it began."""
        self.started_ns = dispatch.started_ns
        self._described = Described(dispatch.signal, dispatch.receivers)

    def settle(self, dispatch: ActiveDispatch) -> None:
        """Decide which of the spans are written; the worker does, before it reads any id."""
        if late := dispatch.late_calls():
            self._gives().late = late
        if not self.light:
            return
        called, notable = dispatch.called(), dispatch.notable_calls()
        ordinary = not (notable or dispatch.failed or dispatch.is_slow())
        if not self.affords(1 + len(called)) and not (ordinary and self.withhold()):
            self.fold(called, notable)

    def affords(self, spans: int) -> bool:
        """Whether the budget of the trace has room for so many spans."""
        return self.parent.policy.budget.take(self.parent.ids.trace_id, spans)

    def withhold(self) -> bool:
        """Give out nothing from now on, unless something was given out: write no span."""
        with given.giving:
            if self._given is None:
                self.withheld = self.written = True
            return self.withheld

    def fold(self, called: Iterable[int], notable: Iterable[int]) -> None:
        """Write the spans of those receiver calls only that are notable, or whose span somebody knows."""
        with given.giving:
            kept = {*notable, *self._gives().ids, *self.asked}
            self._gives().folded = frozenset(called) - kept
        self.parent.policy.budget.spend(self.parent.ids.trace_id, 1 + len(kept - {DISPATCH}))
