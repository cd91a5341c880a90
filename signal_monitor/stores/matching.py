"""What a filter means: the one definition that every store uses."""

from __future__ import annotations

from functools import lru_cache

from signal_monitor.records import Dispatch, ReceiverCall
from signal_monitor.stores.base import DispatchFilter
from signal_monitor.stores.retention import ring_of

FAILED_OUTCOMES = ("raised", "swallowed")
REQUEST_SIGNALS = ("django.core.signals.request_finished", "django.core.signals.request_started")


# Cached, for a store asks for every row and the names are few.
@lru_cache(maxsize=8192)
def matches(pattern: str, name: str) -> bool:
    """Whether the pattern occurs in the name or, with a ``*``, fits the whole name; without regard to case."""
    pattern, name = pattern.casefold(), name.casefold()
    return _fits(pattern.split("*"), name) if "*" in pattern else pattern in name


def _fits(pieces: list[str], name: str) -> bool:
    # By hand and not by a regular expression, which takes exponential time for "*a*a*a*a*b".
    first, *middle, last = pieces
    end = len(name) - len(last)
    position = len(first)
    if position > end or not name.startswith(first) or not name.endswith(last):
        return False
    for piece in middle:
        found = name.find(piece, position, end)
        if found < 0:
            return False
        position = found + len(piece)
    return True


def outcomes(where: DispatchFilter) -> tuple[str, ...]:
    """The outcomes that the filter lets through; none means all."""
    if where.outcome == "failed":
        return FAILED_OUTCOMES
    return (where.outcome,) if where.outcome else ()


def min_ns(milliseconds: float) -> int:
    """Milliseconds as whole nanoseconds."""
    return round(milliseconds * 1e6)


def is_before(at: float, before: float) -> bool:
    """Whether a moment was before another, if one is given."""
    return not before or at < before


def is_match(dispatch: Dispatch, where: DispatchFilter) -> bool:
    """Whether the filter lets the dispatch through; what it asks of a receiver call holds for one and the same call."""
    return _dispatch_fits(dispatch, where) and (
        not _asks_for_call(where) or any(_call_fits(call, where) for call in dispatch.calls)
    )


def _dispatch_fits(dispatch: Dispatch, where: DispatchFilter) -> bool:
    return (
        matches(where.signal, dispatch.signal)
        and matches(where.sender, dispatch.sender)
        and dispatch.duration_ns >= min_ns(where.min_ms)
        and (not where.slow or dispatch.severity != "normal")
        and (not where.failed or dispatch.failed)
        and _same(where.exact_signal, dispatch.signal)
        and _same(where.origin_id, dispatch.origin_id)
        and _same(where.trace_id, dispatch.trace_id)
        and is_before(dispatch.started_at, where.before)
        and not (where.without_request_signals and _is_routine(dispatch))
    )


def _is_routine(dispatch: Dispatch) -> bool:
    return dispatch.signal in REQUEST_SIGNALS and ring_of(dispatch) == "ordinary"


def _same(wanted: str, value: str | None) -> bool:
    return not wanted or wanted == value


def _asks_for_call(where: DispatchFilter) -> bool:
    return bool(where.receiver or where.exact_receiver or where.app or where.outcome)


def _call_fits(call: ReceiverCall, where: DispatchFilter) -> bool:
    allowed = outcomes(where)
    return (
        matches(where.receiver, call.receiver)
        and _same(where.exact_receiver, call.receiver)
        and matches(where.app, call.app or "")
        and (not allowed or call.outcome in allowed)
    )
