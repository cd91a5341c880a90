"""A receiver that fails for one sender every time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from signal_monitor.finding import Finding
from signal_monitor.findings import evidence
from signal_monitor.findings.base import RecordRule
from signal_monitor.findings.snapshot import Call, Snapshot
from signal_monitor.findings.wording import error_of, named_call, plural, short
from signal_monitor.records import Request

from .wrong_arguments import arguments_of

ERRORS = (
    "AttributeError",
    "ImportError",
    "KeyError",
    "ModuleNotFoundError",
    "NameError",
    "TypeError",
    "UnboundLocalError",
)


class ProgrammingError(RecordRule):
    """All its calls for a sender end with an exception that only a mistake in the code raises."""

    code = "R215"
    name = "fails-every-time"
    title = "A receiver that fails for every call of a sender"
    kind = "Raised"
    level = "error"
    what = (
        "The exception reaches the code that sends, and comes from a mistake in the code, not from the data: every "
        "call for this sender ends so."
    )
    remedy = "Mend the receiver: read with `kwargs.get()` what only some senders send, and return early without it."
    sketch = (
        " def {receiver}(sender, **kwargs):",
        '-    value = kwargs["value"]',
        '+    value = kwargs.get("value")',
        "+    if value is None:",
        "+        return  # this sender does not send it",
    )
    minimum = "All stored calls for one sender raised the same built-in exception, such as `KeyError`."
    innocent = "A receiver that fails for one row of many, one that refuses with an exception of the project's own."

    def check(self, snapshot: Snapshot) -> Iterator[Finding]:
        for receiver, calls in snapshot.calls.items():
            by_sender: dict[str, list[Call]] = defaultdict(list)
            for dispatch, call in calls:
                if call.outcome not in {"not_run", "late"}:
                    by_sender[dispatch.sender].append((dispatch, call))
            for sender, of_sender in by_sender.items():
                if _is_mistake(snapshot, of_sender):
                    yield self._finding(snapshot, receiver, sender, of_sender, others=len(calls) > len(of_sender))

    def _finding(
        self, snapshot: Snapshot, receiver: str, sender: str, calls: Sequence[Call], *, others: bool
    ) -> Finding:
        last = calls[-1][1]
        which = f"{'all ' if len(calls) > 1 else ''}{plural(len(calls), 'call')} for `{short(sender)}`"
        rest = ", and not for other senders" if others else ""
        message = f"{named_call(last)} raised {error_of(last)} in {which}{rest}."
        more = evidence.of_dispatches(snapshot, [each for each, _call in calls])
        return self.finding("receiver", receiver, message, detail=sender, path=last.path, line=last.line, **more)


def _is_mistake(snapshot: Snapshot, calls: Sequence[Call]) -> bool:
    types = {call.failure.type if call.failure else "" for _dispatch, call in calls}
    if len(types) != 1 or next(iter(types)) not in ERRORS:
        return False
    requests = [snapshot.request_of(dispatch) for dispatch, _call in calls]
    # Those that end requests, are swallowed or never enter the receiver are told by other rules.
    return all(
        call.outcome == "raised" and not arguments_of(call) and not _failed(request)
        for (_dispatch, call), request in zip(calls, requests, strict=True)
    )


def _failed(request: Request | None) -> bool:
    return request is not None and request.failed
