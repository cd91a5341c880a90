"""What people wait for: receivers by their time in requests, how that has changed, and receivers outside requests."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from signal_monitor.dashboard.charts import Bar, sparkline
from signal_monitor.dashboard.processes import ProcessState
from signal_monitor.dashboard.scope import Scope, covers
from signal_monitor.stores.base import Store, Totals, first_window
from signal_monitor.stores.retention import WINDOWS_KEPT_SECONDS

ROWS = 8
NEW = float("inf")
"""The change of what did not happen in the period before."""
LEAST_CHANGE = 0.01
SHORTEST_SECONDS = 60.0
"""A shorter period is not compared with the one before."""

Figure = Callable[[Totals], int]


@dataclass(frozen=True)
class Wait:
    """A receiver with its calls and their own time, in requests or outside them.

    ``change`` is that of the time against the period before: 0.38 is 38 % more. None if it is not known, or if there
    is none.
    """

    totals: Totals
    calls: int
    own_ns: int
    change: float | None = None
    trend: Sequence[Bar] = ()


@dataclass(frozen=True)
class Span:
    """A period as the windows of the store have it: from ``start`` to ``now``, and from ``before`` to ``start``.

    ``before`` is None where the time before is not known.
    """

    start: float
    now: float
    before: float | None = None

    @classmethod
    def of(cls, scope: Scope, states: Sequence[ProcessState], complete_since: float) -> Span:
        """The period of a page, for the processes that it is about."""
        now, since = time.time(), scope.since
        if since is None:
            started = min((state.process.started_at for state in states), default=now)
            return cls(float(first_window(max(started, now - WINDOWS_KEPT_SECONDS, complete_since), now)), now)
        start = float(first_window(since, now))
        before = float(first_window(2 * since - now, now))
        is_known = before >= complete_since and covers(states, before, start)
        return cls(start, now, before if is_known and now - since >= SHORTEST_SECONDS else None)

    def change(self, history: Sequence[Totals], figure: Figure) -> float | None:
        """How a figure has changed per second, against the time before; None if that is not known, or if it has not."""
        if self.before is None:
            return None
        before = sum(figure(row) for row in history if self.before <= row.window < self.start)
        here = sum(figure(row) for row in history if row.window >= self.start)
        if before <= 0 or here < 0:
            return NEW if before == 0 and here > 0 else None
        found = here / (self.now - self.start) / (before / (self.start - self.before)) - 1
        return found if abs(found) >= LEAST_CHANGE else None


@dataclass(frozen=True)
class Waits:
    """The receivers that took most time in requests, and outside them; how many there are in all."""

    in_requests: Sequence[Wait] = ()
    outside: Sequence[Wait] = ()
    in_requests_count: int = 0
    outside_count: int = 0


NO_WAITS = Waits()


def read_waits(
    store: Store, scope: Scope, states: Sequence[ProcessState], receivers: Sequence[Totals], ids: Sequence[str] | None
) -> Waits:
    """The receivers of a period; ``states`` and ``ids`` are those of the processes that were chosen."""
    span, unfinished = Span.of(scope, states, store.complete_since()), in_running_requests(states)

    def in_window_ns(row: Totals) -> int:
        return row.self_ns - row.waited_ns

    def outside_ns(row: Totals) -> int:
        return max(0, in_window_ns(row) - unfinished.get(row.key, 0))

    def waits(rows: Sequence[Totals], figure: Figure, calls: Figure) -> list[Wait]:
        windows = in_window_ns if figure is outside_ns else figure
        return [_wait(store, row, figure, windows, calls, span, ids) for row in rows[:ROWS]]

    inside = sorted((row for row in receivers if row.waited_count), key=lambda row: (is_framing(row), -row.waited_ns))
    outside = sorted(
        (row for row in receivers if row.count > row.waited_count and outside_ns(row)),
        key=lambda row: (-outside_ns(row), row.key),
    )
    return Waits(
        waits(inside, lambda row: row.waited_ns, lambda row: row.waited_count),
        waits(outside, outside_ns, lambda row: row.count - row.waited_count),
        len(inside),
        len(outside),
    )


def is_framing(row: Totals) -> bool:
    """Whether a receiver only ran at the beginning and the end of requests, and was never slow: it comes last."""
    return row.request_calls == row.count and not row.slow


def in_running_requests(states: Sequence[ProcessState]) -> Mapping[str, int]:
    """The own time of receivers in requests that have not ended: these have not been counted as waited for yet."""
    found: Counter[str] = Counter()
    for state in states:
        for request in () if state.gone else state.process.running_requests:
            for part in request.receivers:
                found[part.receiver] += part.self_ns
    return found


def _wait(
    store: Store, row: Totals, figure: Figure, windows: Figure, calls: Figure, span: Span, ids: Sequence[str] | None
) -> Wait:
    """A row; ``windows`` is the figure of each window, of which those of a call and its request may be two."""
    history = store.history("receiver", row.key, span.start if span.before is None else span.before, ids)
    now = [(window.window, max(0, windows(window))) for window in history if window.window >= span.start]
    return Wait(row, calls(row), figure(row), span.change(history, windows), sparkline(now, span.start, span.now))
