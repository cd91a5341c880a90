"""Alike queries in one receiver call: one for each row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from signal_monitor.database_records import AlikeQueries
from signal_monitor.finding import Finding
from signal_monitor.findings import evidence
from signal_monitor.findings.base import RecordRule
from signal_monitor.findings.own import is_django
from signal_monitor.findings.snapshot import Call, Snapshot
from signal_monitor.findings.wording import ms, named_call, plural
from signal_monitor.records import ReceiverCall

LEAST = 10
INIT_SIGNALS = ("django.db.models.signals.pre_init", "django.db.models.signals.post_init")


class AlikeSelects(RecordRule):
    """The same SELECT again and again."""

    code = "R220"
    name = "alike-queries"
    title = "One query for each row"
    kind = "Queries"
    what = "Each of these queries asks for one row that a single query could have brought along with the others."
    remedy = "`select_related()` or `prefetch_related()` in the receiver's queryset, or one query with `pk__in=…`."
    sketch = (
        "-for member in Member.objects.all():",
        '+for member in Member.objects.select_related("course"):',
        "     names.append(member.course.name)",
    )
    minimum = "Ten alike `SELECT`s in one receiver call."
    innocent = "`INSERT`s in batches, savepoints, and up to nine rows."

    def check(self, snapshot: Snapshot) -> Iterator[Finding]:
        for receiver, calls in snapshot.calls.items():
            found = [one for one in calls if _alike(one[1])]
            if found and not is_django(receiver) and found[-1][0].signal not in INIT_SIGNALS:
                yield self._finding(snapshot, receiver, found)

    def _finding(self, snapshot: Snapshot, receiver: str, calls: Sequence[Call]) -> Finding:
        call = max((call for _dispatch, call in calls), key=lambda call: call.work.alike_count)
        work = call.work
        group = work.alike[0]
        table = f" on `{group.table}`" if group.table else ""
        message = f"{named_call(call)} makes {plural(work.queries, 'query', 'queries')} in one call, of which "
        message += f"{group.count:,} are alike{table}: {ms(group.duration_ns)} "
        message += f"({plural(snapshot.count(receiver, at_least=len(calls)), 'call')}). `{group.example}`"
        cost_ns = sum(_ns(call) for dispatch, call in calls if dispatch.origin_kind == "request")
        more = evidence.of_dispatches(snapshot, [dispatch for dispatch, _call in calls], cost_ns=cost_ns)
        return self.finding("receiver", receiver, message, path=call.path, line=call.line, **more)


def _alike(call: ReceiverCall) -> bool:
    return bool(call.databases) and call.work.alike_count >= LEAST


def _ns(call: ReceiverCall) -> int:
    groups: Sequence[AlikeQueries] = call.work.alike[:1]
    return sum(group.duration_ns for group in groups)
