"""A span that costs little: an id for others to refer to, and what they set on it until the worker writes it."""

from __future__ import annotations

import time
import traceback
from collections.abc import Mapping
from typing import Any

from opentelemetry.sdk.trace import Event
from opentelemetry.trace import Link, Span, SpanContext, Status, StatusCode

from signal_monitor.names import class_name


class LightSpan(Span):
    """Current while a receiver runs; holds what the receiver's own code adds to the current span."""

    def __init__(self, context: SpanContext) -> None:
        self._context = context
        self.name: str | None = None
        self.attributes: dict[str, Any] = {}
        self.events: list[Event] = []
        self.links: list[Link] = []
        self.status: Status | None = None
        self.ended = False

    def get_span_context(self) -> SpanContext:
        """The ids, for children and for injected headers."""
        return self._context

    def is_recording(self) -> bool:
        """Whether what is set still counts."""
        return not self.ended

    def set_attributes(self, attributes: Mapping[str, Any]) -> None:
        """Keep attributes until the span is written."""
        self.attributes.update(attributes)

    def set_attribute(self, key: str, value: Any) -> None:  # noqa: ANN401
        """Keep an attribute until the span is written."""
        self.attributes[key] = value

    def add_event(self, name: str, attributes: Any = None, timestamp: int | None = None) -> None:  # noqa: ANN401
        """Keep an event, at the present time unless told otherwise (nanoseconds since the epoch)."""
        self.events.append(Event(name, attributes, timestamp or time.time_ns()))

    def add_link(self, context: SpanContext, attributes: Any = None) -> None:  # noqa: ANN401
        """Keep a link to another span."""
        self.links.append(Link(context, attributes))

    def update_name(self, name: str) -> None:
        """Name the span otherwise."""
        self.name = name

    def set_status(self, status: Status | StatusCode, description: str | None = None) -> None:
        """Let the receiver's own judgement stand in place of ours."""
        self.status = status if isinstance(status, Status) else Status(status, description)

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
