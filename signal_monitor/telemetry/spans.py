"""The spans of one dispatch.

A span is started when somebody asks for it and ended in place; spans that nobody has asked for are written by the
worker. Where a span processor must see spans live, all of them are started and ended in place.
"""

from __future__ import annotations

from collections.abc import Mapping
from time import perf_counter

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span

from signal_monitor.errors import guarded
from signal_monitor.instrumentation.current import Record
from signal_monitor.instrumentation.info import DispatchInfo, RawFailure
from signal_monitor.instrumentation.record import (
    call_times,
    details_of,
    ended_at,
    ended_sequential_calls,
    info_of,
    outcome_of,
    parent_of,
    spans_of,
    started_at,
)
from signal_monitor.pipeline.intervals import Interval, nanoseconds
from signal_monitor.pipeline.stacks import failure as as_text
from signal_monitor.pipeline.suppression import unsuppressed
from signal_monitor.records import Failure

from . import attributes as attrs
from .current_span import CurrentSpan, LazyContext
from .policy import Parent, deciding

DISPATCH = -1
"""The key of the dispatch's own span among those of its receiver calls."""


class LazySpans(CurrentSpan):
    """The spans of a dispatch, each of which is started for the first who asks for it.

    ``started`` are these spans, by the position of the receiver. A ``dropped`` dispatch has none. A span that there is
    not is replaced by the nearest one around it.
    """

    started: Mapping[int, Span] = {}
    dropped = False
    _chosen: tuple[int, ...] = ()
    _ended: frozenset[int] = frozenset()
    _is_over = False
    _inner_failures: Mapping[int, RawFailure] = {}
    _clock: attrs.Clock | None = None
    _window: Interval | None = None

    def __init__(self, info: DispatchInfo, parent: Parent) -> None:
        self.info = info
        self.parent = parent
        if not info.sequential_count:
            self._began = perf_counter()

    @property
    def unreferenced(self) -> bool:
        """Whether no span was started."""
        return not self.started

    @property
    def clock(self) -> attrs.Clock:
        """The clock of this dispatch, so that its spans lie within each other."""
        if self._clock is None:
            self._clock = attrs.Clock.read()
        return self._clock

    def is_running(self, index: int) -> bool:
        """Whether a receiver call has not ended."""
        if index < self.info.sequential_count:
            record = self._record
            return record is not None and ended_sequential_calls(record) == index
        return index not in self._ended

    def has_own(self, index: int) -> bool:
        """Whether a receiver's calls may have a span of their own."""
        return self.parent.policy.selection.takes_receiver(self.info.receivers[index])

    def _take(self, spans: int) -> bool:
        return self.parent.policy.budget.take(self.parent.trace_id, spans)

    # While the dispatch runs.

    def _context_of(self, index: int, base: Context, entered: float = 0.0) -> Context:
        context = LazyContext()
        context.spans, context.index, context.base, context.entered = self, index, base, entered
        context.around = base.around if type(base) is LazyContext else base
        return context

    def span_of(self, index: int, entered: float = 0.0) -> Span:
        """The span of a receiver call, which is started if need be, or the nearest one around it."""
        self._ask(index, entered)
        started = self.started
        return started.get(index) or started.get(DISPATCH) or self.parent.span

    @guarded("the start of a span", None, in_send=True)
    def _ask(self, index: int, entered: float) -> None:
        wanted = (DISPATCH, index) if self.has_own(index) else (DISPATCH,)
        with deciding():
            missing = [key for key in wanted if key not in self.started]
            if not missing or not self._may_start(index) or not self._take(len(missing)):
                return
        record = self._record
        if DISPATCH in missing:
            began = started_at(record) if record is not None else self._began
            self._keep(DISPATCH, self._start_dispatch(began), index)
        if index in missing and DISPATCH in self.started and (entered or record is not None):
            began = entered or call_times(record or [])[index].started
            self._keep(index, self._start_call(index, began), index)

    def _may_start(self, index: int) -> bool:
        is_over = self._is_over and DISPATCH not in self.started
        return not (self.dropped or is_over) and self.is_running(index)

    def _keep(self, key: int, span: Span, index: int) -> None:
        """Keep a span that was started, unless another thread was faster, or the call has ended meanwhile.

        Who ends a call notes that first and looks for started spans then; here it is the other way around.
        """
        with deciding():
            before = self.started
            if key not in before:
                self.started = {**before, key: span}
                if not self.is_running(index) or (key == DISPATCH and self._is_over):
                    self.started = before

    def _start_dispatch(self, began: float) -> Span:
        name = attrs.dispatch_name(self.info.signal.name)
        return self.parent.start_span(name, attrs.dispatch_attributes(self.info), self.clock.start(began))

    def _start_call(self, index: int, began: float) -> Span:
        receiver, parent = self.info.receivers[index], self.parent
        span: Span = parent.tracer.start_span(
            parent.policy.names.of(receiver),
            context=trace.set_span_in_context(self.started[DISPATCH], parent.context),
            attributes=attrs.receiver_attributes(receiver, self.info.signal.name),
            start_time=self.clock.start(began),
        )
        return span

    # When a call or the dispatch has ended.

    def _end_calls(self, record: Record) -> None:
        """End the spans of the sequential calls that have ended."""
        times = call_times(record)
        for index in range(min(ended_sequential_calls(record), self.info.sequential_count)):
            if index in self.started and self._mark_ended(index):
                self._end_call(record, index, times[index].ended)

    @guarded("the end of a span", None, in_send=True)
    def end_call(self, record: Record, index: int, failure: RawFailure | None = None) -> None:
        """A concurrent call has ended: end its span, if it was started."""
        self._mark_ended(index)
        times = call_times(record)[index]
        if index not in self.started and self._is_over and self._may_have_late_span(index):
            self.started = {**self.started, index: self._start_call(index, times.started)}
        if index in self.started:
            self._end_call(record, index, times.ended or perf_counter(), failure)

    def _may_have_late_span(self, index: int) -> bool:
        """Whether a call that has ended after its dispatch, and that nobody has asked about, has a span."""
        with deciding():
            return DISPATCH in self.started and self.has_own(index) and self._take(1)

    def _mark_ended(self, key: int) -> bool:
        """Note that a call, or the dispatch, has ended; False where that was noted before."""
        with deciding():
            is_first = key not in self._ended
            self._ended = self._ended | {key}
            return is_first

    @guarded("the end of a span", None, in_send=True)
    def _end_call(self, record: Record, index: int, ended: float, late: RawFailure | None = None) -> None:
        span, details = self.started.get(index), details_of(record)
        failure = as_text(late or (details.failures.get(index) if details is not None else None))
        if span is not None:
            again = failure is not None and self.is_recorded_inside(index, failure)
            attrs.end_receiver_span(span, outcome_of(record, index), failure, self.clock.end(ended), again=again)

    @guarded("the end of a span", None, in_send=True)
    def end(self, record: Record) -> None:
        """The dispatch has ended: end its span, if it was started, and decide which others are written."""
        details = details_of(record)
        if details is not None:
            self._tell_outer(record)
            if not self.started and "late" in details.outcomes.values():
                self._begin_for_late_calls(record)
        with deciding():
            self._is_over = True
            if not self.started:
                return
            if not self.parent.is_live:
                self._chosen = tuple([index for index in self._unstarted(record) if self._take(1)])
        self._end_dispatch(record)

    def _begin_for_late_calls(self, record: Record) -> None:
        """Start the dispatch's span: calls that end after it hang under it."""
        with deciding():
            if self.dropped or not self._take(1):
                return
        self.started = {DISPATCH: self._start_dispatch(started_at(record))}

    @guarded("the end of a span", None, in_send=True)
    def _end_dispatch(self, record: Record) -> None:
        details, times, clock = details_of(record), call_times(record), self.clock
        failures = details.failures if details is not None else {}
        failure = as_text(details.failure) if details is not None else None
        span, without = self.started[DISPATCH], set(self._ended_calls(record)) - {*self.started, *self._chosen}
        for index in filter(self.has_own, without & set(failures)):
            told = as_text(failures[index])
            if told is not None and not self.is_recorded_inside(index, told):
                told_attributes = attrs.exception_attributes(told, self.info.receivers[index].name)
                span.add_event(attrs.EXCEPTION_EVENT, told_attributes, clock.end(times[index].ended))
        durations_ns = [nanoseconds(times[index].ended - times[index].started) for index in without]
        attributes = attrs.ended_dispatch_attributes(len(failures), failure) | attrs.aggregated_attributes(durations_ns)
        attributes |= _send_method_attributes(record, self._window)
        ended = self._window[1] if self._window is not None else ended_at(record)
        attrs.end_dispatch_span(span, attributes, failure, clock.end(ended))

    def _ended_calls(self, record: Record) -> list[int]:
        """The receiver calls that were made and have ended: the failed ones come first, then the longest."""
        ended = [
            (outcome_of(record, index) == "ok", times.started - times.ended, index)
            for index, times in enumerate(call_times(record))
            if times.started and times.ended and outcome_of(record, index) != "not_run"
        ]
        return [index for *_, index in sorted(ended)]

    def _unstarted(self, record: Record) -> list[int]:
        """The calls that have ended without a span, and may have one."""
        return [index for index in self._ended_calls(record) if index not in self.started and self.has_own(index)]

    # An exception that goes through several receivers is recorded once, for the innermost one.

    def _tell_outer(self, record: Record) -> None:
        """Tell the dispatch around that this one has recorded what it raises."""
        details, outer = details_of(record), parent_of(record)
        if details is None or details.failure is None or outer is None or outer.position is None:
            return
        spans = spans_of(outer.record)
        raised = [index for index, outcome in details.outcomes.items() if outcome == "raised"]
        if isinstance(spans, LazySpans) and any(map(self.has_own, raised)):
            spans._inner_failures = {**spans._inner_failures, outer.position: details.failure}  # noqa: SLF001

    def is_recorded_inside(self, index: int, failure: Failure) -> bool:
        """Whether a receiver has failed with what a dispatch inside it has raised and recorded."""
        inner = as_text(self._inner_failures.get(index))
        if inner is None:
            return False
        inside = failure.traceback[-len(inner.traceback) :]
        return (inner.type, inner.message, inner.traceback) == (failure.type, failure.message, inside)

    # In the worker.

    @guarded("the spans of a dispatch", None)
    def finalize(self, record: Record, window: Interval | None = None) -> None:
        """Write the spans that nobody has asked for, if the budget allows, before anything reads an id."""
        self._window = window
        indices = self._unstarted(record)
        if self.take_export(1 + len(indices)):
            self._chosen = (DISPATCH, *indices)
        if self._chosen:
            with unsuppressed():
                self._write(record)

    def _write(self, record: Record) -> None:
        """Start and end the chosen spans with their times."""
        times = call_times(record)
        if DISPATCH in self._chosen:
            began = self._window[0] if self._window is not None else started_at(record)
            self.started = {DISPATCH: self._start_dispatch(began)}
        for index in self._chosen:
            if index != DISPATCH:
                self.started = {**self.started, index: self._start_call(index, times[index].started)}
                self._end_call(record, index, times[index].ended)
        if DISPATCH in self._chosen:
            self._end_dispatch(record)

    def take_export(self, spans: int) -> bool:
        """Whether so many spans, of a dispatch that nobody has asked about, are exported; otherwise it is dropped."""
        with deciding():
            self._is_over = True
            if self.started or self.dropped:
                return False
            self.dropped = not self._take(spans)
            return not self.dropped

    def drop(self) -> bool:
        """Write no span for the dispatch; False where one was started already."""
        with deciding():
            self.dropped = not self.started
            return self.dropped

    @property
    def trace_id_hex(self) -> str:
        """The trace id, as records hold it."""
        span = self.started.get(DISPATCH, self.parent.span)
        return f"{span.get_span_context().trace_id:032x}"

    @property
    def span_id_hex(self) -> str | None:
        """The id of the dispatch's span, as records hold it; None where there is none."""
        return self.receiver_span_id_hex(DISPATCH)

    def receiver_span_id_hex(self, index: int) -> str | None:
        """The id of a receiver call's span, as records hold it; None where there is none."""
        span = self.started.get(index)
        return f"{span.get_span_context().span_id:016x}" if span is not None else None


def _send_method_attributes(record: Record, window: Interval | None) -> attrs.Attributes:
    """What sent the dispatch, if no receiver; and the time that its send method, or the one that made it, took."""
    parent = parent_of(record)
    attributes: attrs.Attributes = {attrs.SENT_BY: parent.sent_by} if parent is not None and parent.sent_by else {}
    began, ended = started_at(record), ended_at(record)
    if info_of(record).custom:
        calls = [(call.started - began, (call.ended or ended) - began) for call in call_times(record) if call.started]
        return attributes | attrs.send_method_attributes(ended - began, calls)
    if window is not None:
        return attributes | attrs.send_method_attributes(
            window[1] - window[0], [(began - window[0], ended - window[0])]
        )
    return attributes


class LiveSpans(LazySpans):
    """The spans of a dispatch, all of them started and ended in place: something must see them live."""

    _is_paid = False

    def _take(self, spans: int) -> bool:
        return self._is_paid or super()._take(spans)

    def begin(self) -> bool:
        """Start the dispatch's span, if the budget allows; whether the dispatch may have spans.

        That of a custom send method is started with its first receiver call: another dispatch may take its place.
        """
        if self.info.custom:
            return True
        with deciding():
            self._is_paid = self._take(1 + sum(map(self.has_own, range(len(self.info.receivers)))))
            self.dropped = not self._is_paid
        if not self.dropped:
            span = self._start_dispatch(perf_counter())
            if not span.is_recording():
                return False
            self.started = {DISPATCH: span}
        return True

    def _context_of(self, index: int, base: Context, entered: float = 0.0) -> Context:
        if self.dropped:
            return base
        return trace.set_span_in_context(self.span_of(index, entered or perf_counter()), base)

    def is_running(self, index: int) -> bool:
        """Whether a receiver call has not ended; its span is started in the thread that makes it."""
        return index not in self._ended


def open_spans(info: DispatchInfo, parent: Parent) -> LazySpans | None:
    """The spans of a dispatch that begins under a parent; None where the sampler records none."""
    if not parent.is_live:
        return LazySpans(info, parent)
    spans = LiveSpans(info, parent)
    return spans if spans.begin() else None
