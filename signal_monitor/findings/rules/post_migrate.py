"""A receiver of post_migrate without a sender, which runs for every app."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from signal_monitor.finding import Finding
from signal_monitor.findings import evidence
from signal_monitor.findings.base import RecordRule
from signal_monitor.findings.own import is_django
from signal_monitor.findings.snapshot import Call, Snapshot
from signal_monitor.findings.sources import function_at, names_read, passes_on_kwargs
from signal_monitor.findings.wording import ms, named_call, plural
from signal_monitor.records import ReceiverCall

from .ignores_action import inserted

SIGNALS = ("django.db.models.signals.post_migrate", "django.db.models.signals.pre_migrate")
TELLS_APPS_APART = {"sender", "app_config", "using", "plan", "apps"}
LEAST_RUNS = 3
LEAST_NS = 100_000_000


class PostMigrate(RecordRule):
    """It does the same work once for each app."""

    code = "R210"
    name = "post-migrate-for-every-app"
    title = "A receiver of post_migrate that runs for every app"
    kind = "Slow"
    what = "`migrate` sends `post_migrate` once for each installed app, and so does the start of every test run."
    remedy = (
        "Connect it in `ready()` of its app with `post_migrate.connect(…, sender=self)`, and return early when `plan` "
        "is empty."
    )
    sketch = (
        "-@receiver(post_migrate)",
        " def {receiver}(sender, plan, **kwargs): ...",
        " ",
        " class ShopConfig(AppConfig):",
        "     def ready(self):",
        "+        post_migrate.connect({receiver}, sender=self)",
    )
    minimum = (
        "Three calls in one process that take 100 ms or more, or that each inserted rows, and a body that does not "
        "look at what differs."
    )
    innocent = "A receiver that uses `sender`, `app_config`, `apps`, `using` or `plan`, as Django's own do."

    def check(self, snapshot: Snapshot) -> Iterator[Finding]:
        for receiver, calls in snapshot.calls.items():
            if is_django(receiver):
                continue
            by_process: dict[str, list[Call]] = defaultdict(list)
            for dispatch, call in calls:
                if dispatch.signal in SIGNALS:
                    by_process[dispatch.process].append((dispatch, call))
            runs = max(by_process.values(), key=_total_ns, default=[])
            inserting = [row for row in runs if inserted(row[1])]
            is_notable = _total_ns(runs) >= LEAST_NS or len(inserting) >= LEAST_RUNS
            if len(runs) >= LEAST_RUNS and is_notable and not _looks_at_app(runs[0][1]):
                yield self._finding(snapshot, receiver, runs)

    def _finding(self, snapshot: Snapshot, receiver: str, runs: Sequence[Call]) -> Finding:
        dispatch, last = runs[-1]
        process = snapshot.process_by_id.get(dispatch.process)
        command = f"`{process.title}`" if process else "process"
        message = f"{named_call(last)} ran {plural(len(runs), 'time')} in one {command}, once for each app, and took "
        message += f"{ms(_total_ns(runs))} of it."
        inserting = [call for _dispatch, call in runs if inserted(call)]
        message += f" {len(inserting)} of these calls inserted rows." if len(inserting) >= LEAST_RUNS else ""
        more = evidence.of_dispatches(snapshot, [each for each, _call in runs])
        return self.finding("receiver", receiver, message, path=last.path, line=last.line, **more)


def _total_ns(runs: Sequence[Call]) -> int:
    return sum(call.self_ns for _dispatch, call in runs)


def _looks_at_app(call: ReceiverCall) -> bool:
    """Whether its source uses what differs from app to app; True if it cannot be read."""
    function = function_at(call.path, call.line)
    if function is None:
        return True
    return bool(names_read(function) & TELLS_APPS_APART) or passes_on_kwargs(function)
