"""Traces: their ids as people paste them, where to look one up, and the requests of one."""

from __future__ import annotations

import re
from urllib.parse import quote

from signal_monitor.conf import get_config
from signal_monitor.records import Request
from signal_monitor.stores.base import Store

# An id, or version, id, parent and flags of a traceparent; later versions than 00 may have more, ff is none.
# https://www.w3.org/TR/trace-context/#traceparent-header
PASTED = re.compile(
    r"((?!ff)[0-9a-f]{2}-)?(?P<trace_id>(?!0{32})[0-9a-f]{32})(?(1)-[0-9a-f]{16}-[0-9a-f]{2}(-.*)?)", re.IGNORECASE
)

REQUESTS_SEARCHED = 5_000
"""The newest requests, among which those of a trace are looked for."""


def trace_id_in(text: str) -> str:
    """The trace id in a text that is one, in either case, or is a ``traceparent``; "" in any other."""
    found = PASTED.fullmatch(text.strip())
    return found["trace_id"].lower() if found else ""


def trace_url(trace_id: str | None, span_id: str | None = None) -> str:
    """Where a trace can be looked up, as TRACE_URL says, opened at a span if one is given; "" where that is empty."""
    template = get_config().TRACE_URL
    if not template or not trace_id:
        return ""
    return template.format(trace_id=quote(trace_id, safe=""), span_id=quote(span_id or "", safe=""))


def requests_of(
    store: Store, trace_id: str, limit: int, *, path: str = "", slow_ms: float = 0.0, before: float = 0.0
) -> list[Request]:
    """The stored requests of a trace, newest first; the other parameters are those of ``Store.requests``.

    It walks the newest REQUESTS_SEARCHED, some milliseconds for each thousand, which is only done while somebody asks.
    """
    stored = store.requests(REQUESTS_SEARCHED, path=path, slow_ms=slow_ms, before=before)
    return [request for request in stored if request.trace_id == trace_id][:limit]
