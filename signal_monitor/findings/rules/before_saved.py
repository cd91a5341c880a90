"""A signal that save() sends before it saves."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator, Sequence

from signal_monitor.finding import Finding
from signal_monitor.findings import evidence
from signal_monitor.findings.base import RecordRule
from signal_monitor.findings.call_sites import changed_at, parsed
from signal_monitor.findings.snapshot import Call, Snapshot
from signal_monitor.findings.wording import error_of, named_call, of, place, short
from signal_monitor.records import Dispatch, Frame, ReceiverCall


class BeforeSaved(RecordRule):
    """The receiver looked for the row, and there was none."""

    code = "R225"
    name = "sent-before-saved"
    title = "A signal that is sent before the row is saved"
    kind = "Too early"
    level = "error"
    what = "`save()` sends the signal and writes the row afterwards. Receivers look for a row that is not there yet."
    remedy = (
        "Call `super().save(…)` first and send the signal after it, with `transaction.on_commit()` if others need it."
    )
    sketch = (
        " def save(self, **kwargs):",
        "-    signal.send(sender=type(self), instance=self)",
        "     super().save(**kwargs)",
        "+    signal.send(sender=type(self), instance=self)",
    )
    minimum = (
        "A receiver that raised `DoesNotExist` of the sender, while the sender's own `save()` had sent the signal in a "
        "line before its `super().save()`."
    )
    innocent = "Signals that are meant to come before, whose receivers do not look for the row."

    def check(self, snapshot: Snapshot) -> Iterator[Finding]:
        found: dict[str, list[Call]] = defaultdict(list)
        for dispatch in snapshot.dispatches:
            for call in dispatch.calls:
                if is_too_early(dispatch, call):
                    found[call.receiver].append((dispatch, call))
        for receiver, calls in found.items():
            yield self._finding(snapshot, receiver, calls)

    def _finding(self, snapshot: Snapshot, receiver: str, calls: Sequence[Call]) -> Finding:
        dispatch, last = calls[-1]
        site = dispatch.call_site
        where = place(site.path, site.line) if site else ""
        share = of(len(calls), snapshot.count(receiver, at_least=len(calls)), "call")
        message = f"{named_call(last)} raised {error_of(last)} in {share}: `{short(dispatch.sender)}.save()` sends "
        message += f"`{short(dispatch.signal)}` ({where}) before it calls `super().save()`."
        more = evidence.of_dispatches(snapshot, [each for each, _call in calls])
        return self.finding("receiver", receiver, message, path=last.path, line=last.line, **more)


def is_too_early(dispatch: Dispatch, call: ReceiverCall) -> bool:
    """Whether a call has failed because it looked for a row whose ``save()`` had sent the signal too early."""
    return _looked_in_vain(dispatch, call) and _is_before_save(dispatch.call_site, dispatch.sender)


def _looked_in_vain(dispatch: Dispatch, call: ReceiverCall) -> bool:
    return call.failure is not None and call.failure.type == f"{dispatch.sender}.DoesNotExist"


def _is_before_save(site: Frame | None, sender: str) -> bool:
    """Whether a line is in the ``save()`` of a class, before that calls the one of its base."""
    if site is None or not site.function.endswith(f"{sender.rpartition('.')[2]}.save"):
        return False
    tree = parsed(site.path, changed_at(site.path))
    for node in ast.walk(tree) if tree is not None else ():
        if isinstance(node, ast.FunctionDef) and node.lineno <= site.line <= (node.end_lineno or 0):
            return any(line > site.line for line in _supers(node))
    return False


def _supers(function: ast.FunctionDef) -> Iterator[int]:
    """The lines that call ``super().save()``."""
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "super().save":
            yield node.lineno
