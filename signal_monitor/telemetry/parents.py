"""What the spans of a dispatch hang under, and how they are made."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from opentelemetry import trace as otel
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import Link

from .budget import Budget
from .light import LightSpan
from .selection import Selection

if TYPE_CHECKING:
    from opentelemetry.trace import Span


@dataclass(frozen=True, slots=True)
class Policy:
    """Which dispatches get spans.

    ``enabled``: any at all. The ``budget`` limits the spans of each trace, the ``selection`` which dispatches have any.
    """

    enabled: bool = True
    budget: Budget = field(default_factory=lambda: Budget(None))
    selection: Selection = field(default_factory=Selection)


class Parent:
    """What is known of a context: its span, and how the children of that span are made.

    With ``link``, the span has ended: what would be its children are traces of their own, which link to it.
    """

    __slots__ = ("context", "ids", "light", "link", "policy", "span", "takes_dispatch", "tracer")

    def __init__(self, context: Context, span: Span, tracer: Any, policy: Policy, *, light: bool) -> None:  # noqa: ANN401
        self.context = context
        self.span = span
        self.ids = span.get_span_context()
        self.tracer = tracer
        self.policy = policy
        self.takes_dispatch = policy.selection.takes_dispatch
        self.link = not is_alive(span) and has_ended(span)
        self.light = light and not self.link and self.ids.is_valid and self.ids.trace_flags.sampled

    def start_span(self, name: str, start_time: int | None = None) -> Span:
        """A real span of a dispatch; ``start_time`` in nanoseconds since the epoch, now if None."""
        context, links = self.context, []
        if self.link:
            context, links = otel.set_span_in_context(otel.INVALID_SPAN, context), [Link(self.ids)]
        span: Span = self.tracer.start_span(name, context=context, links=links, start_time=start_time)
        return span


def is_alive(span: Span) -> bool:
    """Whether a span records, or is one of ours that has ended inside one that still records."""
    while isinstance(span, LightSpan):
        if not span.ended:
            return True
        span = span.around
    return span.is_recording()


def has_ended(span: Span) -> bool:
    """Whether a span was recorded, and is no more."""
    if not span.get_span_context().trace_flags.sampled:
        return False
    return isinstance(span, LightSpan) or (isinstance(span, ReadableSpan) and span.end_time is not None)
