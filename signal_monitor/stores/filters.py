"""Filters of dispatches, and what they mean in every store."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from signal_monitor.records import BROWSER_END, Dispatch, Outcome, ReceiverCall
from signal_monitor.stores.retention import category_of

EXACT = "="
"""What a filter begins with that is a whole name, as in links."""
FAILED_OUTCOMES = ("raised", "swallowed")
REQUEST_SIGNALS = ("django.core.signals.request_finished", "django.core.signals.request_started")


@dataclass(frozen=True, slots=True)
class DispatchFilter:
    """Which dispatches to read; a field that is not set does not restrict.

    ``signal``, ``sender``, ``receiver`` and ``app`` match anywhere in the name, and case is ignored; with a ``*``, they
    are patterns of the whole name; what follows a ``=`` is the whole name. ``exact_receiver`` and ``exact_signal`` are
    whole names too. ``app`` is the app of a receiver. ``outcome`` matches a dispatch with at least one such receiver
    call; "failed" matches raised and swallowed. ``slow`` keeps slow and critical ones. ``min_ms`` is the least time in
    receivers, in milliseconds. ``before``, in seconds since the epoch, keeps what started earlier, ``ended_since`` what
    ended then or later. ``browser`` keeps what was sent for the requests of a followed browser. ``processes`` are the
    ids of processes, None for all. ``without_request_signals`` leaves out Django's request_started and
    request_finished, two for every request, unless they were slow or failed.
    """

    signal: str = ""
    sender: str = ""
    receiver: str = ""
    exact_receiver: str = ""
    exact_signal: str = ""
    app: str = ""
    outcome: Outcome | str = ""
    min_ms: float = 0.0
    slow: bool = False
    failed: bool = False
    origin_id: str = ""
    browser: str = ""
    process: str = ""
    trace_id: str = ""
    before: float = 0.0
    ended_since: float = 0.0
    without_request_signals: bool = False
    processes: tuple[str, ...] | None = None


# Cached: a store calls it for every row, and there are few names.
@lru_cache(maxsize=8192)
def matches(pattern: str, name: str) -> bool:
    """Whether the pattern occurs in the name or, with a ``*``, matches the whole name; case is ignored.

    With a ``=`` before it, it is the name.
    """
    if pattern.startswith(EXACT):
        return name == pattern.removeprefix(EXACT)
    pattern, name = pattern.casefold(), name.casefold()
    return _matches_pieces(pattern.split("*"), name) if "*" in pattern else pattern in name


def _matches_pieces(pieces: list[str], name: str) -> bool:
    # A regular expression would take exponential time for "*a*a*a*a*b".
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
    """The outcomes that the filter accepts; none means all."""
    if where.outcome == "failed":
        return FAILED_OUTCOMES
    return (where.outcome,) if where.outcome else ()


def min_ns(milliseconds: float) -> int:
    """Milliseconds as whole nanoseconds."""
    return round(milliseconds * 1e6)


def is_before(at: float, before: float) -> bool:
    """Whether a time is earlier than another, if that is given."""
    return not before or at < before


def is_match(dispatch: Dispatch, where: DispatchFilter) -> bool:
    """Whether the dispatch matches the filter; its conditions on a receiver call must hold for the same call."""
    return _dispatch_matches(dispatch, where) and (
        not _has_call_terms(where) or any(_call_matches(call, where) for call in dispatch.calls)
    )


def _dispatch_matches(dispatch: Dispatch, where: DispatchFilter) -> bool:
    return (
        matches(where.signal, dispatch.signal)
        and matches(where.sender, dispatch.sender)
        and dispatch.receivers_ns >= min_ns(where.min_ms)
        and (not where.slow or dispatch.severity != "normal")
        and (not where.failed or dispatch.failed)
        and _same(where.exact_signal, dispatch.signal)
        and (where.processes is None or dispatch.process in where.processes)
        and _same(where.origin_id, dispatch.origin_id)
        and _same(where.trace_id, dispatch.trace_id)
        and _same(where.process, dispatch.process)
        and (not where.browser or (dispatch.origin_id or "").startswith(f"{where.browser}{BROWSER_END}"))
        and is_before(dispatch.started_at, where.before)
        and dispatch.ended_at >= where.ended_since
        and not (where.without_request_signals and _is_routine(dispatch))
    )


def _is_routine(dispatch: Dispatch) -> bool:
    return dispatch.signal in REQUEST_SIGNALS and category_of(dispatch) == "routine"


def _same(wanted: str, value: str | None) -> bool:
    return not wanted or wanted == value


def _has_call_terms(where: DispatchFilter) -> bool:
    return bool(where.receiver or where.exact_receiver or where.app or where.outcome)


def _call_matches(call: ReceiverCall, where: DispatchFilter) -> bool:
    allowed = outcomes(where)
    return (
        matches(where.receiver, call.receiver)
        and _same(where.exact_receiver, call.receiver)
        and matches(where.app, call.app or "")
        and (not allowed or call.outcome in allowed)
    )
