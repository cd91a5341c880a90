"""A receiver for new rows that does not look at created."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from signal_monitor.finding import Finding
from signal_monitor.findings import evidence
from signal_monitor.findings.base import RecordRule
from signal_monitor.findings.own import is_own
from signal_monitor.findings.snapshot import Call, Snapshot
from signal_monitor.findings.sources import arguments, function_at, names_read, passes_on_kwargs
from signal_monitor.findings.wording import error_of, listed, named_call, plural, short
from signal_monitor.records import Dispatch, ReceiverCall

from .login import UPDATE_LAST_LOGIN

POST_SAVE = "django.db.models.signals.post_save"


class Created(RecordRule):
    """It sends mail for rows that existed already and were saved for something else."""

    code = "R226"
    name = "ignores-created"
    title = "A receiver that does not look at created"
    kind = "Too often"
    level = "error"
    what = "`post_save` is sent for every save, not only for new rows. Logging in saves the user."
    remedy = "Return unless `created`; or look at `update_fields`."
    sketch = (
        "-def {receiver}(sender, instance, **kwargs):",
        "+def {receiver}(sender, instance, created, **kwargs):",
        "+    if not created:",
        "+        return",
        "     ...",
    )
    minimum = (
        "Mail that was sent, or a task that was queued, for a row that existed already and was saved with "
        "`update_fields` that the receiver does not name; or an `IntegrityError` of a receiver that inserts for a row "
        "that existed already. Its source has neither `created` nor `update_fields`."
    )
    innocent = "“Your address was changed”: a receiver that compares, or names the fields that were saved."

    def check(self, snapshot: Snapshot) -> Iterator[Finding]:
        found: dict[str, list[Call]] = defaultdict(list)
        for dispatch in snapshot.dispatches:
            said = dispatch.arguments
            if dispatch.signal == POST_SAVE and said is not None and said.created is False and said.update_fields:
                for call in dispatch.calls:
                    if (call.mails or call.tasks) and _does_not_look(call.path, call.line, said.update_fields):
                        found[call.receiver].append((dispatch, call))
        for receiver, calls in found.items():
            yield self._finding(snapshot, receiver, calls)
        for receiver, stored in snapshot.calls.items():
            again = [one for one in stored if inserts_again(*one)]
            if again and receiver not in found:
                yield self._inserted(snapshot, receiver, again)

    def _inserted(self, snapshot: Snapshot, receiver: str, calls: Sequence[Call]) -> Finding:
        dispatch, last = calls[-1]
        message = f"{named_call(last)} raised {error_of(last)} in {evidence.of_calls(snapshot, receiver, len(calls))}: "
        message += f"it inserts what belongs to a new `{short(dispatch.sender)}`, and was called for one that existed "
        message += "already. It does not look at `created`."
        more = evidence.of_dispatches(snapshot, [each for each, _call in calls])
        return self.finding("receiver", receiver, message, path=last.path, line=last.line, **more)

    def _finding(self, snapshot: Snapshot, receiver: str, calls: Sequence[Call]) -> Finding:
        dispatch, last = calls[-1]
        everything = snapshot.calls[receiver]
        mails = sum(call.mails or 0 for _dispatch, call in everything)
        tasks = sum(call.tasks or 0 for _dispatch, call in everything)
        new = sum(bool(each.arguments and each.arguments.created) for each, _call in everything)
        around = next((call.receiver for _outer, call in snapshot.around(dispatch)), "")
        fields = dispatch.arguments.update_fields if dispatch.arguments else ()
        listed_fields = ", ".join(f'"{each}"' for each in fields or ())
        by = (
            "saved by Django's `update_last_login`"
            if around == UPDATE_LAST_LOGIN
            else f"saved with `update_fields=[{listed_fields}]`"
        )
        message = f"{named_call(last)} {_sent(mails, tasks)}{_for(new, short(dispatch.sender))}: "
        message += f"{len(calls)} of its {plural(len(everything), 'call')} {'was' if len(calls) == 1 else 'were'} "
        message += "for a "
        message += f"row that existed already, {by}. It does not look at `created`."
        more = evidence.of_dispatches(snapshot, [each for each, _call in calls])
        return self.finding("receiver", receiver, message, path=last.path, line=last.line, **more)


def inserts_again(dispatch: Dispatch, call: ReceiverCall) -> bool:
    """Whether a call for a row that existed already has failed because it inserted what was there."""
    said, failure = dispatch.arguments, call.failure
    if dispatch.signal != POST_SAVE or said is None or said.created is not False or failure is None:
        return False
    is_refused = failure.type.rpartition(".")[2] == "IntegrityError"
    return is_refused and _does_not_look(call.path, call.line, ())


def _sent(mails: int, tasks: int) -> str:
    sent = [f"sent {plural(mails, 'mail')}"] if mails else []
    return listed([*sent, f"queued {plural(tasks, 'task')}"] if tasks else sent)


def _for(new: int, model: str) -> str:
    return f" for {new:,} new `{model}`" if new else f", and no `{model}` was new"


def _does_not_look(path: str | None, line: int | None, update_fields: Sequence[str]) -> bool:
    function = function_at(path, line) if is_own(path) else None
    if function is None or passes_on_kwargs(function):
        return False
    looks_at = {*arguments(function), *names_read(function)} | _attributes(names_read(function))
    return not looks_at & {"created", "update_fields", *update_fields}


def _attributes(names: set[str]) -> set[str]:
    return {part for name in names for part in name.split(".")}
