"""A receiver that cannot be called with what the signal sends."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence

from signal_monitor.finding import Finding
from signal_monitor.findings import evidence
from signal_monitor.findings.base import RecordRule
from signal_monitor.findings.own import is_own
from signal_monitor.findings.sent_arguments import arguments_named
from signal_monitor.findings.snapshot import Call, Snapshot
from signal_monitor.findings.wording import listed, named_call, of, sent_at, short
from signal_monitor.records import Dispatch, ReceiverCall

MISSING = re.compile(r"\(\) missing \d+ required (?:positional|keyword-only) arguments?: (?P<names>.*)")
UNEXPECTED = re.compile(r"\(\) got an unexpected keyword argument (?P<names>'.*?')")
OWNERS = ("self", "cls")
QUOTED = re.compile(r"'(\w+)'")


class WrongArguments(RecordRule):
    """It requires an argument that is not sent, or does not accept one that is."""

    code = "R214"
    name = "wrong-arguments"
    title = "A receiver that cannot be called"
    kind = "Raised"
    level = "error"
    what = "The call fails before the receiver's first line: it and the sender disagree about the arguments."
    remedy = (
        "Take `sender` and `**kwargs`, and read what may be missing with `kwargs.get()`; or pass the argument where "
        "the signal is sent."
    )
    sketch = (
        "-def {receiver}(sender, created):",
        "+def {receiver}(sender, **kwargs):",
        '+    created = kwargs.get("created", False)',
    )
    minimum = "One `TypeError` that names the receiver's own arguments, with no line of the receiver in its traceback."
    innocent = "A `TypeError` that is raised inside the receiver."

    def check(self, snapshot: Snapshot) -> Iterator[Finding]:
        found: dict[str, list[Call]] = defaultdict(list)
        for dispatch in snapshot.dispatches:
            for call in dispatch.calls:
                names = arguments_of(call)
                if names and not _is_known(dispatch, call, names):
                    found[call.receiver].append((dispatch, call))
        for receiver, calls in found.items():
            yield self._finding(snapshot, receiver, calls)

    def _finding(self, snapshot: Snapshot, receiver: str, calls: Sequence[Call]) -> Finding:
        dispatch, last = calls[-1]
        names = listed([f"`{name}`" for name in arguments_of(last)])
        is_missing = MISSING.search(last.failure.message or "") if last.failure else None
        share = of(len(calls), snapshot.count(receiver, at_least=len(calls)), "call")
        fault = f"requires {names}, which `{short(dispatch.signal)}` is sent without"
        if not is_missing:
            fault = f"does not accept {names}, which `{short(dispatch.signal)}` is sent with"
        sender = sent_at(dispatch.call_site)
        message = (
            f"{named_call(last)} fails with `TypeError` in {share}: it {fault}{f' by {sender}' if sender else ''}."
        )
        more = evidence.of_dispatches(snapshot, [each for each, _call in calls])
        return self.finding("receiver", receiver, message, path=last.path, line=last.line, **more)


def _is_known(dispatch: Dispatch, call: ReceiverCall, names: Sequence[str]) -> bool:
    """Whether W113 or W118 knows that without running."""
    if not is_own(call.path) or UNEXPECTED.search(call.failure.message or "" if call.failure else ""):
        return False
    sent = arguments_named(dispatch.signal)
    return names[0] in OWNERS or (sent is not None and not sent.issuperset(names))


def arguments_of(call: ReceiverCall) -> list[str]:
    """The arguments for which a call failed before it entered the receiver; none for any other failure."""
    failure = call.failure
    if failure is None or failure.type != "TypeError" or not failure.message:
        return []
    if any((frame.path, frame.function.rpartition(".")[2]) == (call.path, _last(call)) for frame in failure.traceback):
        return []
    found = MISSING.search(failure.message) or UNEXPECTED.search(failure.message)
    named = failure.message.partition("()")[0].rpartition(".")[2]
    return QUOTED.findall(found["names"]) if found and named == _last(call) else []


def _last(call: ReceiverCall) -> str:
    return call.receiver.rpartition(".")[2]
