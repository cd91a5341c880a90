"""OpenTelemetry's current span while receivers run: a receiver's span is started when somebody asks for it."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from time import perf_counter
from typing import Any, Protocol

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span

from signal_monitor.errors import guarded, note_in_send
from signal_monitor.instrumentation.current import Record
from signal_monitor.instrumentation.record import ended_sequential_calls, started_at

# The key under which the API keeps the current span: the only one that a context with a span has and an empty one not.
SPAN_KEY = next(iter(trace.set_span_in_context(trace.INVALID_SPAN, Context())))

# The API's own functions go through two more calls each; a runtime other than its default one keeps them.
_variable = getattr(getattr(otel_context, "_RUNTIME_CONTEXT", None), "_current_context", None)
get_context: Callable[[], Context] = otel_context.get_current
set_context: Callable[[Any], object] = otel_context.attach
if isinstance(_variable, ContextVar):
    get_context, set_context = _variable.get, _variable.set


class SpanSource(Protocol):
    """Starts the spans of a dispatch."""

    def span_of(self, index: int, entered: float) -> Span:
        """The span of a receiver call, which is started if need be, or the nearest one around it."""

    def is_running(self, index: int) -> bool:
        """Whether a receiver call has not ended."""


class LazyContext(Context):
    """A context with the span of a receiver call as the current one; it is empty until it is read.

    It has no ``__init__``, which would take as long as everything else: its attributes are set where it is made.
    ``base`` has the other values, and ``around`` is the innermost context that is no such one. ``entered`` is when the
    call began, or 0 for a sequential call.
    """

    __slots__ = ("around", "base", "entered", "index", "spans")

    spans: SpanSource
    index: int
    base: Context
    around: Context
    entered: float

    def _filled(self) -> LazyContext:
        if not dict.__len__(self):
            current = get_context()
            set_context(self.base)  # for what reads the current span while this one is being started
            try:
                span = self.spans.span_of(self.index, self.entered)
            finally:
                set_context(current)
            dict.update(self, {**self.base, SPAN_KEY: span})  # at once: other threads may read it
        return self

    def get(self, key: str, default: Any = None) -> Any:  # noqa: ANN401
        return dict.get(self._filled(), key, default)

    __hash__ = None  # type: ignore[assignment] # as any dict


def _reading(name: str) -> Callable[..., Any]:
    read = getattr(dict, name)

    def method(self: LazyContext, *args: Any) -> Any:  # noqa: ANN401 - dict's own signatures
        return read(self._filled(), *args)

    return method


for _name in (
    "__contains__", "__eq__", "__getitem__", "__iter__", "__len__", "__ne__", "__or__", "__repr__", "__reversed__",
    "__ror__", "copy", "items", "keys", "values",
):  # fmt: skip
    setattr(LazyContext, _name, _reading(_name))


def leave_context(base: Context, entered: Any) -> Context:  # noqa: ANN401 - a context
    """Replace a receiver's context with the one before it, and keep what else it has attached; returns that context."""
    current = get_context()
    if current is entered:
        set_context(base)
        return base
    if type(current) is LazyContext and not current.spans.is_running(current.index):
        # The receiver has detached what one of an earlier dispatch has attached, which brings back that one's span.
        while type(current) is LazyContext and not current.spans.is_running(current.index):
            current = current.base
        set_context(current)
        return current
    if trace.get_current_span(current) is not trace.get_current_span(entered):
        return current  # the receiver has attached a span of its own for its caller
    if any(base.get(key) is not current.get(key) for key in {*base, *current} - {SPAN_KEY}):
        base = trace.set_span_in_context(trace.get_current_span(base), current)
    set_context(base)
    return base


class CurrentSpan:
    """Makes the span of each receiver call of a dispatch current while the call runs."""

    _base: Context | None = None
    _current: Any = None
    _record: Record | None = None
    """The dispatch, while one of its sequential calls runs."""
    _began = 0.0
    """When the dispatch began, where no record says so."""

    @property
    def unreferenced(self) -> bool:
        """Whether no span was started."""
        raise NotImplementedError

    def _context_of(self, index: int, base: Context, entered: float = 0.0) -> Context:
        """The context in which a receiver call is made."""
        raise NotImplementedError

    def _end_calls(self, record: Record) -> None:
        """End the spans of the sequential calls that have ended."""
        raise NotImplementedError

    # The two that send() calls are guarded by hand: the decorator would double what they cost.

    def enter(self, record: Record) -> None:
        """Make current the span of the sequential call that is about to be made."""
        try:
            base = self._base
            if base is None:
                base = get_context()
            elif get_context() is not self._current:
                base = leave_context(base, self._current)
            if not self.unreferenced:
                set_context(base)
                self._end_calls(record)
            self._record, self._base = record, base
            self._current = self._context_of(ended_sequential_calls(record), base)
            set_context(self._current)
        except Exception as error:  # noqa: BLE001 - as guarded does
            note_in_send("a receiver's span", error)

    def restore(self) -> None:
        """Make current again what was current before the first ``enter``; a second time, nothing is left to do."""
        try:
            base, record = self._base, self._record
            if base is None or record is None:
                return
            if get_context() is self._current:
                set_context(base)
            else:
                leave_context(base, self._current)
            self._began = started_at(record)
            self._record = self._base = self._current = None  # the context refers to this: no cycle stays behind
            if not self.unreferenced:
                self._end_calls(record)
        except Exception as error:  # noqa: BLE001 - as guarded does
            note_in_send("a receiver's span", error)

    @guarded("a receiver's span", None, in_send=True)
    def enter_call(self, index: int) -> object:
        """Make current the span of a concurrent call; returns what ``leave_call`` takes."""
        outer = get_context()
        context = self._context_of(index, outer, perf_counter())
        set_context(context)
        return outer, context

    @guarded("a receiver's span", None, in_send=True)
    def leave_call(self, entered: Any) -> None:  # noqa: ANN401 - what enter_call returned, or None where it failed
        """Make current again what was current before; baggage and whatever else the receiver has attached stays."""
        if entered is not None:
            leave_context(*entered)

    @guarded("an async receiver's span", None, in_send=True)
    def resume(self, index: int, left: Any) -> object:  # noqa: ANN401 - what pause returned, or None at the first step
        """Make current what an async receiver had when it paused, or its span; returns what ``pause`` takes."""
        outer = get_context()
        set_context(self._context_of(index, outer, perf_counter()) if left is None else left)
        return outer

    @guarded("an async receiver's span", None, in_send=True)
    def pause(self, outer: Any) -> object:  # noqa: ANN401 - what resume returned, or None where it failed
        """Make current what was current before ``resume``; returns what the receiver leaves."""
        left = get_context()
        if outer is not None:
            set_context(outer)
        return left


class SuppressedSpans:
    """Of a dispatch in a context where OpenTelemetry's instrumentations do nothing: neither spans nor metrics."""

    unreferenced = True
    trace_id_hex = span_id_hex = None

    def receiver_span_id_hex(self, index: int) -> str | None:
        """There is no span."""
        return None

    def enter(self, record: Record) -> None:
        """Leave the current span as it is."""

    def restore(self) -> None:
        """Nothing has changed."""

    def enter_call(self, index: int) -> object:
        """Leave the current span as it is."""

    def leave_call(self, entered: object) -> None:
        """Nothing has changed."""

    def resume(self, index: int, left: object) -> object:
        """Leave the current span as it is."""

    def pause(self, outer: object) -> object:
        """Nothing has changed."""

    def end_call(self, record: Record, index: int, failure: object = None) -> None:
        """There is no span."""

    def end(self, record: Record) -> None:
        """There is no span."""

    def finalize(self, record: Record, window: tuple[float, float] | None = None) -> None:
        """There is nothing to decide."""

    def drop(self) -> bool:
        """No span was asked for."""
        return True


SUPPRESSED = SuppressedSpans()
