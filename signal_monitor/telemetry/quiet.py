"""What the SDK says when spans and metrics do not arrive: each complaint once a minute, and how many were held back.

An exporter complains of each batch that fails, and of each attempt at it; a processor of each span that finds no room.
Most of these spans are ours, so the noise would be ours too. The SDK's own filter drops a message that follows itself
within twenty seconds: two that take turns pass it, and the exporter over HTTP does without.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from dataclasses import dataclass
from typing import TypeAlias

# A filter is asked about the records of its own logger only, not about those of the loggers below it.
LOGGERS = (
    "opentelemetry.exporter.otlp.proto.grpc.exporter",
    "opentelemetry.exporter.otlp.proto.http.metric_exporter",
    "opentelemetry.exporter.otlp.proto.http.trace_exporter",
    "opentelemetry.sdk._shared_internal",
    "opentelemetry.sdk.metrics._internal.export",
    "opentelemetry.sdk.trace.export",
)
SECONDS = 60.0

Source: TypeAlias = tuple[str, str, int]


@dataclass(slots=True)
class Said:
    """When a message passed, and how many like it have been held back since."""

    at: float
    held_back: int = 0


class Repetitions(logging.Filter):
    """Holds back what the same logger has said from the same line of code a short while ago.

    The line stands for the message: its text has varying parts, such as the seconds until the next attempt.
    """

    def __init__(self, seconds: float = SECONDS) -> None:
        super().__init__()
        self.seconds = seconds
        self.forget()

    def forget(self) -> None:
        """Begin anew; in a forked child, where the lock's holder may not exist."""
        self._lock = threading.RLock()  # a __del__ or a handler of an operating system signal may log in between
        self._said: dict[Source, Said] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record may pass; if so, it says how many did not."""
        held_back = self._held_back((record.name, record.pathname, record.lineno))
        if held_back:
            record.msg = f"{record.msg} (and {held_back} more like it)"
        return held_back is not None

    def _held_back(self, source: Source) -> int | None:
        """How many were held back before the message that may pass now; None where it may not."""
        now = time.monotonic()
        with self._lock:
            said = self._said.get(source)
            if said is not None and now - said.at < self.seconds:
                said.held_back += 1
                return None
            self._said[source] = Said(now)
        return said.held_back if said is not None else 0


_repetitions = Repetitions()


def quieten() -> None:
    """Let each complaint of the SDK pass once a minute; nothing changes where that is so already."""
    for name in LOGGERS:
        filters = logging.getLogger(name).filters
        if _repetitions not in filters:
            filters.insert(0, _repetitions)  # before the SDK's own, so that what that one drops is counted


def restore() -> None:
    """Let the SDK say everything again."""
    for name in LOGGERS:
        logging.getLogger(name).removeFilter(_repetitions)


with contextlib.suppress(AttributeError):  # not on every platform
    os.register_at_fork(after_in_child=_repetitions.forget)
