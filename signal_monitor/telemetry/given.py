"""What of a dispatch's spans others know."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from opentelemetry.trace import Span, SpanContext


giving = threading.RLock()
"""Held while a trace gives something out, and while it is decided that it will not. A forked child has another one.

It is re-entrant, for handlers of operating system signals.
"""


class Given:
    """What of a trace was given out: ids, and the spans that somebody has seen, by the receiver's position.

    ``folded`` are the positions of the receiver calls that get no span of their own, because the trace has no room for
    them; ``late`` of those that went on when the dispatch had ended.
    """

    __slots__ = ("folded", "ids", "late", "spans")

    def __init__(self) -> None:
        self.ids: dict[int, SpanContext] = {}
        self.spans: dict[int, Span] = {}
        self.folded: frozenset[int] = frozenset()
        self.late: frozenset[int] = frozenset()


def _after_fork() -> None:
    global giving
    giving = threading.RLock()


if hasattr(os, "register_at_fork"):  # not on every platform
    os.register_at_fork(after_in_child=_after_fork)
