"""What is told of a request outside the pages: its Server-Timing header, and the log line of a slow one."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from .pipeline.request_origin import RequestOrigin, RequestTotals
from .records import WAITING, Outside, ReceiverSum
from .scrubbing import ScrubLogs
from .text import CleanLogs

MAX_ENTRIES = 10
MAX_BYTES = 1_024
MS = 1_000_000
LEAST_OUTSIDE_NS = 100_000
"""The header leaves out shorter times outside receivers."""
BLAMED_SHARE = 0.05
"""The log line names a receiver whose own time is at least this share of the request."""
MAX_BLAMED = 3
WAITED_FOR: Mapping[Outside, str] = {"thread": "a thread of sync_to_async", "event loop": "the event loop"}
NAMES: Mapping[Outside, str] = {
    "thread": "thread",
    "event loop": "loop",
    "send method": "send",
    "log handlers": "log",
}
DESCRIPTIONS: Mapping[Outside, str] = {
    "thread": "waiting for a thread of sync_to_async",
    "event loop": "waiting for the event loop",
    "send method": "send methods themselves",
    "log handlers": "log handlers of send_robust",
}

logger = logging.getLogger("signal_monitor.requests")
logger.addFilter(CleanLogs())
logger.addFilter(ScrubLogs())


def server_timing(totals: RequestTotals) -> str:
    """The value of the header, up to MAX_ENTRIES entries and MAX_BYTES bytes.

    First the time in receivers, then what was waited for, then the receivers with the most own time. Durations are
    milliseconds; descriptions are quoted strings. Source: W3C Server Timing, section 3.
    """
    described = f"{_counted(totals.dispatch_count, 'dispatch', 'dispatches')}, {_receivers(totals)}"
    entries = [_entry("signals", totals.receivers_ns, described)]
    entries += [
        _entry(f"signals-{NAMES[kind]}", ns, DESCRIPTIONS[kind])
        for kind, ns in totals.outside.items()
        if ns >= LEAST_OUTSIDE_NS
    ]
    size = len(", ".join(entries))
    for number, row in enumerate(totals.receivers[: MAX_ENTRIES - len(entries)], start=1):
        calls = f" ({row.calls} calls)" if row.calls > 1 else ""
        entry = _entry(f"receiver-{number}", row.self_ns, f"{row.receiver}{calls}")
        size += len(entry) + len(", ")
        if size > MAX_BYTES:
            break
        entries.append(entry)
    return ", ".join(entries)


def _counted(number: int, one: str, several: str) -> str:
    return f"{number} {one if number == 1 else several}"


def _receivers(totals: RequestTotals) -> str:
    return _counted(totals.receiver_count, "receiver call", "receiver calls")


def _entry(name: str, duration_ns: int, description: str) -> str:
    plain = "".join(char if " " <= char <= "~" else "?" for char in description)
    quoted = plain.replace("\\", "\\\\").replace('"', '\\"')
    return f'{name};dur={duration_ns / 1e6:.2f};desc="{quoted}"'


def log_slow(origin: RequestOrigin, totals: RequestTotals) -> None:
    """Log that a request was slow, and whether receivers are to blame."""
    logger.warning(
        "%s %s took %.0f ms, %.0f ms of it in receivers (%s, %s)%s%s",
        origin.method,
        origin.path,
        origin.duration_ns / 1e6,
        totals.receivers_ns / 1e6,
        _counted(totals.dispatch_count, "dispatch", "dispatches"),
        _receivers(totals),
        f" and %.0f ms waiting for {_waited_for(totals)}" % (totals.waiting_ns / 1e6) if totals.waiting_ns > MS else "",
        f"; {_blame(origin, totals)}",
    )


def _waited_for(totals: RequestTotals) -> str:
    """What signals waited for, longest first."""
    waited = sorted((ns, kind) for kind, ns in totals.outside.items() if kind in WAITING and ns > MS)
    return " and ".join(WAITED_FOR[kind] for _, kind in reversed(waited)) or "the event loop"


def _blame(origin: RequestOrigin, totals: RequestTotals) -> str:
    """The receivers that took a share of the request worth naming, or that none did."""
    least_ns = origin.duration_ns * BLAMED_SHARE
    blamed = [row for row in totals.receivers if row.self_ns >= least_ns][:MAX_BLAMED]
    if not blamed and totals.receivers_ns < least_ns:
        return "signals were not to blame"
    if not blamed:
        return f"no receiver took {BLAMED_SHARE:.0%} of it"
    return "own times: " + ", ".join(map(_own_time, blamed))


def _own_time(row: ReceiverSum) -> str:
    calls = f" in {row.calls} calls" if row.calls > 1 else ""
    within = f" of {row.total_ns / 1e6:.0f}" if row.total_ns - row.self_ns > MS else ""
    return f"{row.receiver} {row.self_ns / 1e6:.0f}{within} ms{calls}"
