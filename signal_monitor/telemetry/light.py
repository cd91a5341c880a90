"""A span that costs little: an id for others to refer to, and what they set on it until the worker writes it."""

from __future__ import annotations

import time
import traceback
from collections.abc import Mapping
from typing import Any

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, SpanLimits
from opentelemetry.sdk.util import BoundedList
from opentelemetry.trace import Link, Span, SpanContext, SpanKind, Status, StatusCode

from signal_monitor.names import class_name


class LightSpan(Span):
    """Current while a receiver runs; holds what the receiver's own code adds, within the SDK's limits.

    ``around`` is the span that its dispatch hangs under.
    """

    kind = SpanKind.INTERNAL

    def __init__(
        self,
        name: str,
        context: SpanContext,
        parent: SpanContext,
        tracer: Any,  # noqa: ANN401 - the SDK's
        around: Span,
    ) -> None:
        limits: SpanLimits = getattr(tracer, "_span_limits", None) or SpanLimits()
        self.name = name
        self.context = context
        self._limits = limits
        self.parent = parent
        self.around = around
        self.resource: Resource = tracer.resource
        self.start_time = time.time_ns()
        self.end_time: int | None = None
        self.attributes = self._bounded(limits.max_span_attributes, limits.max_span_attribute_length)
        self.events: BoundedList[Event] = BoundedList(limits.max_events)
        self.links: BoundedList[Link] = BoundedList(limits.max_links)
        self.status = Status()
        self.ended = False

    def _bounded(self, count: int | None, length: int | None, values: Any = None) -> BoundedAttributes:  # noqa: ANN401
        return BoundedAttributes(count, values, immutable=False, max_value_len=length)

    def get_span_context(self) -> SpanContext:
        """The ids, for children and for injected headers."""
        return self.context

    def is_recording(self) -> bool:
        """Whether what is set still counts."""
        return not self.ended

    def set_attributes(self, attributes: Mapping[str, Any]) -> None:
        """Keep attributes until the span is written."""
        for key, value in attributes.items():
            self.set_attribute(key, value)

    def set_attribute(self, key: str, value: Any) -> None:  # noqa: ANN401
        """Keep an attribute until the span is written."""
        if not self.ended:
            self.attributes[key] = value

    def add_event(self, name: str, attributes: Any = None, timestamp: int | None = None) -> None:  # noqa: ANN401
        """Keep an event, at the present time unless told otherwise (nanoseconds since the epoch)."""
        if self.ended:
            return
        bounded = self._bounded(self._limits.max_event_attributes, self._limits.max_attribute_length, attributes)
        self.events.append(Event(name, bounded, timestamp or time.time_ns()))

    def add_link(self, context: SpanContext, attributes: Any = None) -> None:  # noqa: ANN401
        """Keep a link to another span."""
        bounded = self._bounded(self._limits.max_link_attributes, self._limits.max_attribute_length, attributes)
        self.links.append(Link(context, bounded))

    def update_name(self, name: str) -> None:
        """Name the span otherwise."""
        if not self.ended:
            self.name = name

    def set_status(self, status: Status | StatusCode, description: str | None = None) -> None:
        """Let the receiver's own judgement stand in place of ours; as in the SDK, OK is final."""
        if self.ended:
            return
        given = status if isinstance(status, Status) else Status(status, description)
        if self.status.status_code is not StatusCode.OK and given.status_code is not StatusCode.UNSET:
            self.status = given

    def record_exception(
        self,
        exception: BaseException,
        attributes: Any = None,  # noqa: ANN401
        timestamp: int | None = None,
        escaped: bool = False,  # noqa: FBT001, FBT002 - OpenTelemetry's signature
    ) -> None:
        """Keep an exception that the receiver's own code reports."""
        self.add_event(
            "exception",
            {
                "exception.type": class_name(type(exception)),
                "exception.message": str(exception),
                "exception.stacktrace": "".join(traceback.format_exception(exception)),
                "exception.escaped": str(escaped),
                **(attributes or {}),
            },
            timestamp,
        )

    def end(self, end_time: int | None = None) -> None:
        """Nothing: a dispatch's spans end with what they stand for."""
