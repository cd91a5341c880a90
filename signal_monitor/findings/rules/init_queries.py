"""A receiver of post_init that makes a query for every row that is loaded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from signal_monitor.finding import Finding
from signal_monitor.findings import evidence
from signal_monitor.findings.base import RecordRule
from signal_monitor.findings.own import is_django
from signal_monitor.findings.snapshot import Call, Snapshot
from signal_monitor.findings.wording import named_call, of_request, plural, short
from signal_monitor.records import ReceiverSum, Request

from .alike_queries import INIT_SIGNALS

LEAST_QUERIES = 10


class InitQueries(RecordRule):
    """Loading a list loads something else for each row."""

    code = "R221"
    name = "init-queries"
    title = "A query for every row that is loaded"
    kind = "Queries"
    what = "Django sends `post_init` for each model instance that it makes, also for each row of a queryset."
    remedy = "Do the work when it is needed (`cached_property`), or `select_related()` in the queryset."
    sketch = (
        "-@receiver(post_init, sender=Book)",
        "-def {receiver}(sender, instance, **kwargs):",
        "-    instance.shelf_name = instance.shelf.name",
        " class Book(models.Model):",
        "+    @cached_property",
        "+    def shelf_name(self):",
        "+        return self.shelf.name",
    )
    minimum = "Ten queries in one request by a receiver of `pre_init` or `post_init`."
    innocent = "Receivers that make no query: Django's `ImageField`, and trackers that copy `instance.__dict__`."

    def check(self, snapshot: Snapshot) -> Iterator[Finding]:
        for receiver, calls in snapshot.calls.items():
            own = [one for one in calls if one[0].signal in INIT_SIGNALS and one[1].queries]
            found = _most(snapshot, receiver) if own and not is_django(receiver) else None
            if found is not None and found[1].queries >= LEAST_QUERIES:
                yield self._finding(snapshot, receiver, own, found)

    def _finding(
        self, snapshot: Snapshot, receiver: str, calls: Sequence[Call], found: tuple[Request, ReceiverSum]
    ) -> Finding:
        dispatch, call = calls[-1]
        request, row = found
        each = "one query" if row.queries == row.calls else plural(round(row.queries / row.calls), "query", "queries")
        whole = request.work.queries
        share = f"{row.queries:,} of the {max(whole, row.queries):,} queries of {of_request(request)}"
        message = f"{named_call(call)} makes {each} for each `{short(dispatch.sender)}` that is loaded: {share}."
        more = evidence.of_dispatches(snapshot, [each for each, _call in calls], cost_ns=row.self_ns)
        return self.finding("receiver", receiver, message, path=call.path, line=call.line, **more)


def _most(snapshot: Snapshot, receiver: str) -> tuple[Request, ReceiverSum] | None:
    rows = [(request, row) for request in snapshot.requests for row in request.receivers if row.receiver == receiver]
    return max(rows, key=lambda pair: pair[1].queries, default=None)
