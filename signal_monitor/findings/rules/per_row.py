"""A receiver that is quick for one row, and called for every row."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from signal_monitor.finding import Finding
from signal_monitor.findings import evidence
from signal_monitor.findings.base import RecordRule
from signal_monitor.findings.evidence import FEW
from signal_monitor.findings.own import is_own
from signal_monitor.findings.snapshot import Snapshot
from signal_monitor.findings.wording import ms, named, number_of_ms, of_request, plural
from signal_monitor.records import ReceiverSum, Request

from .recursion import RECURSION_ERROR

LEAST_CALLS = 50
LEAST_SHARE = 0.05
PACKAGE_SHARE = 0.5
"""Of a package's receiver: it does what the package is for, such as a row of history for each row."""
LEAST_NS = 20_000_000
DELETES = frozenset({"django.db.models.signals.pre_delete", "django.db.models.signals.post_delete"})

Found = tuple[Request, ReceiverSum]


class PerRow(RecordRule):
    """None of its calls is slow; all of them are."""

    code = "R211"
    name = "called-for-every-row"
    title = "Quick for one row, and called for every row"
    kind = "Slow"
    what = "No single call is slow, so that no limit marks it. All of them together are what people wait for."
    remedy = (
        "Do the work once for the whole set: compute it in the view, or collect what has changed and compute it in "
        "`transaction.on_commit()`."
    )
    of_deletes = (
        " In a receiver of `pre_delete` or `post_delete`, return when `origin` is not the instance: the row then goes "
        "because another one does."
    )
    sketch = (
        " def import_books(request):",
        "     for row in rows:",
        "         Book.objects.create(**row)",
        "+    recount(shelf)  # once, in place of what {receiver} does for each row",
    )
    minimum = (
        "50 calls in one request, which without the longest take 5 % of it and 20 ms or more, and of which 2 % at most "
        "are slow. Of a package's receiver: 50 % of it."
    )
    innocent = "Hundreds of calls of a few microseconds; an import command, where nobody waits."

    def check(self, snapshot: Snapshot) -> Iterator[Finding]:
        found: dict[str, list[Found]] = defaultdict(list)
        for request in snapshot.requests:
            if request.failure is not None and request.failure.type == RECURSION_ERROR:
                continue  # a circle, which has a rule of its own
            for row in request.receivers:
                least = LEAST_SHARE if is_own(_path(snapshot, row.receiver)) else PACKAGE_SHARE
                if _is_many(request, row, least):
                    found[row.receiver].append((request, row))
        for receiver, pairs in found.items():
            yield self._finding(snapshot, receiver, pairs)

    def _finding(self, snapshot: Snapshot, receiver: str, pairs: Sequence[Found]) -> Finding:
        request, row = max(pairs, key=lambda pair: pair[1].self_ns)
        totals = snapshot.receivers.get(receiver)
        path, line = (totals.path, totals.line) if totals else (None, None)
        message = f"{named(receiver, path, line)} takes {number_of_ms(row.self_ns)} of {ms(request.duration_ns)} of "
        message += f"{of_request(request)}: {plural(row.calls, 'call')}{_queries(row)}, and "
        message += (
            "none of them is slow" if not row.slow else f"{row.slow} of them {'is' if row.slow == 1 else 'are'} slow"
        )
        message += f" (the longest takes {ms(row.longest_ns)})."
        cost_ns = sum(row.self_ns for _request, row in pairs)
        more = evidence.of_requests(snapshot, [request for request, _row in pairs], cost_ns=cost_ns)
        advice = self.remedy + (self.of_deletes if _is_of_deletes(snapshot, receiver) else "")
        return self.finding("receiver", receiver, message, advice=advice, path=path, line=line, **more)


def _is_of_deletes(snapshot: Snapshot, receiver: str) -> bool:
    """Whether a receiver is connected to the signals of deletes."""
    signals = (signal for registry in snapshot.registries for signal in registry.signals)
    return any(
        signal.name in DELETES and any(each.receiver == receiver for each in signal.connections) for signal in signals
    )


def _path(snapshot: Snapshot, receiver: str) -> str | None:
    totals = snapshot.receivers.get(receiver)
    return totals.path if totals else None


def _is_many(request: Request, row: ReceiverSum, least_share: float) -> bool:
    without_longest = row.self_ns - row.longest_ns  # it may have waited for something else
    return (
        row.calls >= LEAST_CALLS
        and row.slow <= row.calls * FEW
        and without_longest >= LEAST_NS
        and request.share_of(without_longest) >= least_share
    )


def _queries(row: ReceiverSum) -> str:
    """The queries of the calls: " with 480 queries"."""
    return f" with {plural(row.queries, 'query', 'queries')}" if row.queries else ""
