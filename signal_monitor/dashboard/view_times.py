"""Where the time of requests goes, by view."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from signal_monitor.records import Request
from signal_monitor.stores.base import Store, Totals

NAMED_SHARE = 0.05
"""The part of a request that a receiver takes before a page names it as the reason."""
GUILTY_SHARE = 0.5
"""The part of the slow requests of a view that receivers take before they are called the reason."""
SLOW_SEARCHED = 500
"""Number of the newest slow requests that say which receivers made them slow."""


@dataclass(frozen=True)
class ViewTimes:
    """The requests to one view in a period; times are sums in nanoseconds.

    ``slow`` of them reached the limit of requests; the ``slow_*`` times are those of the ones that are stored.
    ``worst_receiver`` has the most own time in these, ``worst_ns``, and ``longest_id`` is the longest of them.
    """

    view: str
    count: int
    total_ns: int
    receivers_ns: int = 0
    waiting_ns: int = 0
    slow: int = 0
    failed: int = 0
    slow_ns: int = 0
    slow_receivers_ns: int = 0
    worst_receiver: str | None = None
    worst_ns: int = 0
    longest_id: str | None = None
    totals: Totals | None = None

    @property
    def receivers_share(self) -> float:
        """Time in receivers as a share of the time of its requests, from 0 to 1."""
        return min(1.0, self.receivers_ns / self.total_ns) if self.total_ns else 0.0

    @property
    def waiting_share(self) -> float:
        """Time that its dispatches waited as a share of the time of its requests, from 0 to 1."""
        return min(1.0 - self.receivers_share, self.waiting_ns / self.total_ns) if self.total_ns else 0.0

    @property
    def is_guilty(self) -> bool:
        """Whether receivers took at least half of its slow requests."""
        return bool(self.slow_ns) and self.slow_receivers_ns >= GUILTY_SHARE * self.slow_ns

    @property
    def named_receiver(self) -> str | None:
        """The receiver to name for its slow requests: one that took a part worth naming."""
        return self.worst_receiver if self.worst_ns >= NAMED_SHARE * max(self.slow_ns, 1) else None


def read_view_times(
    store: Store, since: float | None, slow_ns: int | None, processes: Sequence[str] | None = None
) -> list[ViewTimes]:
    """The views that had requests since a time, those with the most time in all first; in all processes for None."""
    slow = [] if slow_ns is None else store.requests(SLOW_SEARCHED, slow_ms=slow_ns / 1e6, processes=processes)
    by_view: dict[str, list[Request]] = defaultdict(list)
    for request in slow:
        if request.started_at + request.duration_ns / 1e9 >= (since or 0):
            by_view[request.view_key].append(request)
    rows = [_times(row, by_view.get(row.key, [])) for row in store.totals("view", since, processes=processes)]
    return sorted(rows, key=lambda row: (-row.total_ns, row.view))


def _times(row: Totals, slow: Iterable[Request]) -> ViewTimes:
    slow = sorted(slow, key=lambda request: -request.duration_ns)
    own: Counter[str] = Counter()
    for request in slow:
        for part in request.receivers:
            own[part.receiver] += part.self_ns
    worst = max(own, key=lambda name: own[name], default=None)
    return ViewTimes(
        view=row.key,
        count=row.count,
        total_ns=row.total_ns,
        receivers_ns=row.receivers_ns,
        waiting_ns=row.waiting_ns,
        slow=row.slow,
        failed=row.failures,
        slow_ns=sum(request.duration_ns for request in slow),
        slow_receivers_ns=sum(request.receivers_ns for request in slow),
        worst_receiver=worst,
        worst_ns=own[worst] if worst else 0,
        longest_id=slow[0].id if slow else None,
        totals=row,
    )
