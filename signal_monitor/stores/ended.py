"""Processes that have ended: the newest are kept one by one, the others are added up by the hour of their end.

A day of short commands would otherwise leave thousands of processes and their totals, which every page adds up.
"""

from __future__ import annotations

import os
import socket
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace

from signal_monitor.counts import largest
from signal_monitor.records import Process
from signal_monitor.tracing import Tracing

MAX_ENDED = 50
"""Processes that have ended and are kept one by one; beyond that, the oldest are added up."""
KEPT_ENDED = 40
SILENT_SECONDS = 10.0
GONE_SECONDS = 3600.0
"""A process of another host that has been silent for so long is taken for ended."""

_PREFIX = "earlier-"
_HOUR = 3600


def is_sum(process_id: str) -> bool:
    """Whether this is the id of several processes that were added up."""
    return process_id.startswith(_PREFIX)


def sum_id(process: Process) -> str:
    """The id of those that a process is added to: those that ran once apart, as the overview leaves them out."""
    return f"{_PREFIX}{'' if process.serves else 'once-'}{int(process.seen_at) // _HOUR * _HOUR}"


def surplus(processes: Iterable[Process], now: float, kept: int = KEPT_ENDED) -> list[Process]:
    """The processes to add up now, if too many have ended: the oldest, so that ``kept`` remain."""
    ended = [process for process in processes if not is_sum(process.id) and has_ended(process, now)]
    if len(ended) <= (MAX_ENDED if kept else 0):
        return []
    return sorted(ended, key=lambda process: process.seen_at)[: len(ended) - kept]


def has_ended(process: Process, now: float) -> bool:
    """Whether a process has ended, or was killed: it is silent, and its host has no process of that number."""
    if process.ended_at is not None or process.seen_at < now - GONE_SECONDS:
        return True
    return process.seen_at < now - SILENT_SECONDS and process.host == socket.gethostname() and not _exists(process.pid)


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True  # it is another user's
    return True


def added(total: Process | None, process: Process) -> Process:
    """The sum of the processes that ended in an hour, with one more of them."""
    if total is None:
        total = replace(process, id=sum_id(process), count=0, dispatches=0, errors=0, dropped={}, orphans={})
    count = total.count + process.count
    return replace(
        total,
        pid=0,
        title=f"{count:,} processes that ended earlier" if count > 1 else process.title,
        count=count,
        started_at=min(total.started_at, process.started_at),
        seen_at=max(total.seen_at, process.seen_at),
        ended_at=max(total.seen_at, process.seen_at),
        rate=0.0,
        dispatches=total.dispatches + process.dispatches,
        queue_length=0,
        worker_percent=0.0,
        dropped=_sum(total.dropped, process.dropped),
        orphans=_sum(total.orphans, process.orphans),
        errors=total.errors + process.errors,
        last_error=process.last_error or total.last_error,
        running=(),
        running_requests=(),
        tracing=Tracing(),
    )


def _sum(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return largest(Counter(one) + Counter(other))
