"""What the verdict of the overview judges, read from the store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from signal_monitor.conf import get_config
from signal_monitor.dashboard import processes
from signal_monitor.dashboard.processes import ProcessState, Running
from signal_monitor.dashboard.scope import Scope
from signal_monitor.dashboard.stacks import own_frame
from signal_monitor.dashboard.verdicts import FailingReceiver, HangingCall, Situation
from signal_monitor.dashboard.view_times import read_view_times
from signal_monitor.stores.base import Store, Totals
from signal_monitor.stores.filters import DispatchFilter

FAILED_SEARCHED = 500
"""Number of the newest failed dispatches that say whether errors were swallowed."""


def read_situation(
    store: Store,
    states: Sequence[ProcessState],
    receivers: Iterable[Totals],
    scope: Scope,
    ids: tuple[str, ...] | None,
) -> Situation:
    """The situation in a period, in the processes that were chosen: ``states``, and their ``ids`` or None for all."""
    config, since = get_config(), scope.since
    failing = [row for row in receivers if row.failures]
    swallowed = _swallowed(store, since, ids) if failing else Counter()
    return Situation(
        views=read_view_times(store, since, config.request_slow_ns, ids),
        hanging=[_hanging(store, row) for row in processes.running(states) if not row.gone],
        failing=[
            FailingReceiver(row.key, row.count, row.failures, min(row.failures, swallowed[row.key])) for row in failing
        ],
        records=sum(state.process.dispatches for state in states),
        dropped=sum(processes.dropped(states).values()),
        slow_ns=config.slow_limits.slow_ns,
        period=scope.words,
    )


def _swallowed(store: Store, since: float | None, ids: tuple[str, ...] | None) -> Counter[str]:
    """How many errors of each receiver were swallowed, as far as their dispatches are stored."""
    where = DispatchFilter(outcome="swallowed", ended_since=since or 0.0, processes=ids)
    dispatches = store.dispatches(where, FAILED_SEARCHED)
    return Counter(call.receiver for row in dispatches for call in row.calls if call.outcome == "swallowed")


def _hanging(store: Store, row: Running) -> HangingCall:
    call = row.call
    frame = own_frame(call.stack)
    request = None
    if call.origin_kind == "request" and call.origin_id:
        running = {item.request.id: item.request for item in processes.running_requests([row.state])}
        found = running.get(call.origin_id)
        request = f"{found.method} {found.path}" if found else "A request"
    return HangingCall(call.receiver, row.running_ns, request, f"{frame.path}:{frame.line}" if frame else None)
