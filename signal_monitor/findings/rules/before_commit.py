"""Mail that is sent, or a task that is queued, before the transaction is committed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from signal_monitor.database_records import TransactionUse
from signal_monitor.finding import Finding
from signal_monitor.findings import evidence
from signal_monitor.findings.base import RecordRule
from signal_monitor.findings.call_sites import changed_at, parsed
from signal_monitor.findings.own import is_own
from signal_monitor.findings.snapshot import Call, Snapshot
from signal_monitor.findings.sources import function_at
from signal_monitor.findings.threads import starts_thread
from signal_monitor.findings.wording import listed, named_call, plural
from signal_monitor.records import ReceiverCall

Effect = tuple[Call, TransactionUse]


class BeforeCommit(RecordRule):
    """The row is not there yet for anybody else, or never will be."""

    code = "R224"
    name = "before-commit"
    title = "Mail, a task or a thread before the commit"
    kind = "Too early"
    level = "error"
    what = (
        "Other connections see a row only after the commit. A worker that is quick does not find it; and if the "
        "transaction is rolled back, the mail is sent and the task is queued for a row that does not exist."
    )
    remedy = "`transaction.on_commit(lambda: task.delay(pk))`, and the same for `send_mail()`."
    sketch = (
        " def {receiver}(sender, instance, **kwargs):",
        "-    send_receipt.delay(instance.pk)",
        "+    transaction.on_commit(lambda: send_receipt.delay(instance.pk))",
    )
    minimum = (
        "A task that was queued, or a thread that was started, in an open transaction which had written; or mail "
        "that was sent in one that was rolled back."
    )
    innocent = (
        "Autocommit; `transaction.on_commit()`; mail in a transaction that is committed; a task of Django's "
        "`ImmediateBackend` or of a `DatabaseBackend`, which takes part in the transaction."
    )

    def check(self, snapshot: Snapshot) -> Iterator[Finding]:
        found: dict[str, list[Effect]] = defaultdict(list)
        threads: dict[str, list[Call]] = defaultdict(list)
        for dispatch in snapshot.dispatches:
            for call in dispatch.calls:
                use = next(filter(None, (_too_early(work.transaction) for work in call.databases)), None)
                if use is not None and (call.mails or call.tasks):
                    found[call.receiver].append(((dispatch, call), use))
                elif _starts_thread(call):
                    threads[call.receiver].append((dispatch, call))
        for receiver, effects in found.items():
            yield self._finding(snapshot, receiver, effects)

        for receiver in threads.keys() - found.keys():
            yield self._in_thread(snapshot, receiver, threads[receiver])

    def _in_thread(self, snapshot: Snapshot, receiver: str, calls: Sequence[Call]) -> Finding:
        last = calls[-1][1]
        message = (
            f"{named_call(last)} started a thread before the commit in {plural(len(calls), 'call')}: the thread has "
        )
        message += "a connection of its own, and may look for the row before it is there."
        more = evidence.of_dispatches(snapshot, [dispatch for dispatch, _call in calls])
        advice = "`transaction.on_commit(lambda: Thread(target=…, args=(pk,)).start())`; or a task, which is not lost "
        advice += "when the process ends."
        where = {"path": last.path, "line": last.line}
        return self.finding("receiver", receiver, message, level="warning", advice=advice, **where, **more)

    def _finding(self, snapshot: Snapshot, receiver: str, effects: Sequence[Effect]) -> Finding:
        last = effects[-1][0][1]
        rolled_back = [one for one, use in effects if use.outcome == "rolled back"]
        calls = rolled_back or [one for one, _use in effects]
        what = listed(_effects([call for _dispatch, call in calls]))
        if rolled_back:
            message = f"{named_call(last)} sent or queued {what} in {plural(len(calls), 'transaction')} that "
            message += f"{'was' if len(calls) == 1 else 'were'} rolled back: the rows are gone, and these are not."
        else:
            message = (
                f"{named_call(last)} sent or queued {what} before the commit: a worker may look for the row before "
            )
            message += "it is there."
        more = evidence.of_dispatches(snapshot, [dispatch for dispatch, _call in calls])
        level = self.level if rolled_back else "warning"
        return self.finding("receiver", receiver, message, path=last.path, line=last.line, level=level, **more)


def _starts_thread(call: ReceiverCall) -> bool:
    """Whether a call in an open transaction that had written was one of a receiver that starts a thread itself."""
    if not any(work.transaction is not None and work.transaction.has_written for work in call.databases):
        return False
    function = function_at(call.path, call.line) if is_own(call.path) else None
    return function is not None and starts_thread(function, parsed(str(call.path), changed_at(str(call.path))))


def _too_early(use: TransactionUse | None) -> TransactionUse | None:
    """The transaction, if something left it that should have waited for its commit."""
    if use is None or not use.has_written:
        return None
    return use if use.tasks or (use.mails and use.outcome == "rolled back") else None


def _effects(calls: Sequence[ReceiverCall]) -> list[str]:
    mails, tasks = sum(call.mails or 0 for call in calls), sum(call.tasks or 0 for call in calls)
    return [text for number, text in ((mails, plural(mails, "mail")), (tasks, plural(tasks, "task"))) if number]
