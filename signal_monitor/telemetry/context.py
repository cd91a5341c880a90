"""OpenTelemetry's context while a receiver runs: it makes the receiver's span only when somebody looks into it."""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, KeysView, ValuesView
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from opentelemetry import context as otel_context
from opentelemetry import trace as otel
from opentelemetry.context import Context

if TYPE_CHECKING:
    from collections.abc import Callable

    from .tracing import Trace

# The key under which the API keeps the current span: whatever a context with a span has more than an empty one.
SPAN_KEY = next(iter(otel.set_span_in_context(otel.INVALID_SPAN, Context())))

# The API's own functions go through two more calls each; another runtime than its default one is left to them.
_variable = getattr(getattr(otel_context, "_RUNTIME_CONTEXT", None), "_current_context", None)
get_context: Callable[[], Context] = otel_context.get_current
set_context: Callable[[Any], object] = otel_context.attach
if isinstance(_variable, ContextVar):
    get_context, set_context = _variable.get, _variable.set


class LazyContext(Context):
    """What its base has, with the span of a receiver call as the current one; empty until it is read.

    It has no ``__init__``, which would take as long as all else: who makes one sets its three attributes.
    """

    __slots__ = ("base", "index", "trace")

    trace: Trace
    index: int
    base: Context

    def _filled(self) -> LazyContext:
        if not dict.__len__(self):
            dict.update(self, self.base)
            dict.__setitem__(self, SPAN_KEY, self.trace.span_of(self.index))
        return self

    def get(self, key: str, default: Any = None) -> Any:  # noqa: ANN401
        return dict.get(self._filled(), key, default)

    def __getitem__(self, key: str) -> Any:  # noqa: ANN401
        return dict.__getitem__(self._filled(), key)

    def __contains__(self, key: object) -> bool:
        return dict.__contains__(self._filled(), key)

    def __len__(self) -> int:
        return dict.__len__(self._filled())

    def __iter__(self) -> Iterator[str]:
        return dict.__iter__(self._filled())

    def keys(self) -> KeysView[str]:  # type: ignore[override] # typeshed names dict's own view
        return dict.keys(self._filled())

    def values(self) -> ValuesView[object]:  # type: ignore[override]
        return dict.values(self._filled())

    def items(self) -> ItemsView[str, object]:  # type: ignore[override]
        return dict.items(self._filled())

    def copy(self) -> dict[str, object]:
        return dict.copy(self._filled())

    def __eq__(self, other: object) -> bool:
        return dict.__eq__(self._filled(), other)

    def __ne__(self, other: object) -> bool:
        return dict.__ne__(self._filled(), other)

    def __reversed__(self) -> Iterator[str]:
        return dict.__reversed__(self._filled())

    def __ror__(self, other: Any) -> Any:  # noqa: ANN401
        return dict.__ror__(self._filled(), other)

    def __or__(self, other: Any) -> Any:  # noqa: ANN401
        return dict.__or__(self._filled(), other)

    def __repr__(self) -> str:
        return dict.__repr__(self._filled())

    __hash__ = None  # type: ignore[assignment] # as any dict


def leave_context(base: Context, entered: Any) -> Context:  # noqa: ANN401 - a context
    """Leave a receiver's context for what was before it, with whatever else the receiver has attached; answers that."""
    current = get_context()
    if current is entered:
        set_context(base)
        return base
    if type(current) is LazyContext and current.trace.is_over:
        # The receiver has taken back what one of an earlier dispatch has attached, and with it that one's span.
        while type(current) is LazyContext and current.trace.is_over:
            current = current.base
        set_context(current)
        return current
    if otel.get_current_span(current) is not otel.get_current_span(entered):
        return current  # the receiver has attached a span of its own for its caller
    if any(base.get(key) is not current.get(key) for key in {*base, *current} - {SPAN_KEY}):
        base = otel.set_span_in_context(otel.get_current_span(base), current)
    set_context(base)
    return base
