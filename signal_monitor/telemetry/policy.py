"""Which dispatches and receiver calls get spans, how many a trace may have, and what is their parent."""

from __future__ import annotations

import fnmatch
import os
import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import Link, Span

from signal_monitor.conf import WITHOUT_SPANS
from signal_monitor.instrumentation.info import ReceiverInfo
from signal_monitor.names import Apps
from signal_monitor.names.patterns import variants

from .attributes import Attributes, ReceiverNames
from .providers import KnownTracer

MAX_REMEMBERED = 10_000
MAX_TRACES = 4_000


LOCK_SECONDS = 1.0
"""The time after which a lock was left held: a time limit of the application has struck as it was released."""


class deciding:  # noqa: N801 - used as a function
    """Hold the lock under which it is decided which spans there are; never around foreign code.

    The lock is re-entrant, for handlers of operating system signals. A forked child has another one.
    """

    __slots__ = ("_held",)
    lock = threading.RLock()

    def __enter__(self) -> None:
        self._held = deciding.lock
        if not self._held.acquire(timeout=LOCK_SECONDS):
            self._held = deciding.lock = threading.RLock()
            self._held.acquire()

    def __exit__(self, *_error: object) -> None:
        self._held.release()

    @classmethod
    def renew(cls) -> None:
        """Take a new lock."""
        cls.lock = threading.RLock()


if hasattr(os, "register_at_fork"):  # not on every platform
    os.register_at_fork(after_in_child=deciding.renew)


class Budget:
    """Counts our spans in each of the latest MAX_TRACES traces; used while ``deciding`` only."""

    def __init__(self, per_trace: int | None = None) -> None:
        self.per_trace = per_trace
        self._taken: dict[int, int] = {}

    def take(self, trace_id: int, spans: int) -> bool:
        """Whether a trace may have so many more spans; if so, they are counted."""
        if self.per_trace is None:
            return True
        taken = self._taken.get(trace_id, 0) + spans
        if taken > self.per_trace:
            return False
        self._taken[trace_id] = taken
        if len(self._taken) > MAX_TRACES:
            for oldest in list(self._taken)[: MAX_TRACES // 4]:
                del self._taken[oldest]
        return True


class Selection:
    """What gets no spans.

    ``patterns`` are shell patterns of dotted names; one that begins with ``!`` selects again what a pattern before it
    excludes, as in a ``.gitignore`` file. A dispatch gets no spans if its signal or its sender is excluded. A receiver
    call gets no span if its receiver, or the app that defines the receiver, is excluded; what it does is then a child
    of the dispatch's span.
    """

    def __init__(self, patterns: Sequence[str] = (), apps: Apps | None = None) -> None:
        self._patterns = [(pattern.startswith("!"), _compiled(pattern.removeprefix("!"))) for pattern in patterns]
        self._apps = apps or Apps()
        self._selected: dict[str, bool] = {}
        # The default patterns name signals only: senders and receivers need not be compared with them.
        own = [pattern for pattern in patterns if pattern not in WITHOUT_SPANS and not pattern.startswith("!")]
        self._by_sender = self._by_receiver = bool(own)

    def takes_dispatch(self, signal: str, sender: str) -> bool:
        """Whether a dispatch gets spans."""
        return self._takes(signal) and (not self._by_sender or self._takes(sender))

    def takes_receiver(self, receiver: ReceiverInfo) -> bool:
        """Whether the calls of a receiver get spans."""
        if not self._by_receiver:
            return True
        return self._takes(receiver.name) and self._takes(self._apps.of(receiver.module) or "")

    def _takes(self, name: str) -> bool:
        """Whether a name is selected; each name is compared with the patterns once."""
        selected = self._selected.get(name)
        if selected is None:
            if len(self._selected) >= MAX_REMEMBERED:
                self._selected.clear()
            selected = self._selected[name] = self._judge(name)
        return selected

    def _judge(self, name: str) -> bool:
        """The last pattern that matches decides."""
        names = variants(name)
        matching = (negated for negated, pattern in reversed(self._patterns) if any(map(pattern.match, names)))
        return next(matching, True)


def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(fnmatch.translate(pattern))


@dataclass(frozen=True, slots=True, eq=False)
class Policy:
    """Which dispatches get spans, and how they are named.

    ``enabled``: any at all. The ``budget`` limits the spans of each trace, the ``selection`` which dispatches have any.
    """

    enabled: bool = True
    budget: Budget = field(default_factory=Budget)
    selection: Selection = field(default_factory=Selection)
    names: ReceiverNames = field(default_factory=lambda: ReceiverNames(Apps()))


class Parent:
    """The span under which dispatches begin, and its context.

    With ``is_link``, that span has ended: a dispatch is a trace of its own, which links to it. With ``is_live``, spans
    are started and ended in place. Otherwise the worker writes those that nobody has asked for: it ``exports`` them, or
    it starts and ends them with their times. ``trace_id`` is the trace whose budget is spent.
    """

    __slots__ = ("context", "exports", "ids", "is_link", "is_live", "policy", "span", "trace_id", "tracer")

    def __init__(self, context: Context, span: Span, known: KnownTracer, policy: Policy) -> None:
        self.context = context
        self.span = span
        self.ids = span.get_span_context()
        self.trace_id = self.ids.trace_id
        self.tracer = known.tracer
        self.policy = policy
        self.is_link = not span.is_recording()
        self.is_live = known.is_live or self.is_link or not (self.ids.is_valid and self.ids.trace_flags.sampled)
        self.exports = known.exports and not self.is_live

    def start_span(self, name: str, attributes: Attributes, started_ns: int | None) -> Span:
        """Start a span under this one; ``started_ns`` is in nanoseconds since the epoch."""
        context, links = self.context, []
        if self.is_link:
            context, links = trace.set_span_in_context(trace.INVALID_SPAN, context), [Link(self.ids)]
        span: Span = self.tracer.start_span(
            name, context=context, attributes=attributes, links=links, start_time=started_ns
        )
        return span


def has_ended(span: Span) -> bool:
    """Whether a span was recorded, and has ended."""
    sampled = span.get_span_context().trace_flags.sampled
    return bool(sampled) and isinstance(span, ReadableSpan) and span.end_time is not None
