"""Code that takes the responses of a signal for a single one."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import lru_cache

from signal_monitor.finding import Finding
from signal_monitor.findings import evidence
from signal_monitor.findings.base import RecordRule
from signal_monitor.findings.call_sites import changed_at, parsed, send_site
from signal_monitor.findings.own import is_own
from signal_monitor.findings.snapshot import Snapshot
from signal_monitor.findings.wording import place, plural, short
from signal_monitor.records import METHODS, Dispatch

Place = tuple[str, int]


class ResponsesAsOne(RecordRule):
    """A list of pairs is compared or tested as if it were what a receiver has returned."""

    code = "R236"
    name = "responses-as-one"
    title = "Responses that are taken for a single one"
    what = (
        "`send()` returns a list of pairs of receiver and response. Such a list is true whenever a receiver is "
        "connected, whatever that returns, and equals no other value."
    )
    remedy = "Look at each response: `if any(response for receiver, response in signal.send(…)):`."
    sketch = (
        "-if signal.send(sender=Order):",
        "+if any(response for receiver, response in signal.send(sender=Order)):",
        "     ...",
    )
    minimum = (
        "A dispatch whose call is the condition of an `if` or `while`, follows `not`, or is compared with `True`, "
        "`False`, `None`, a number or a text."
    )
    innocent = (
        "Responses that are looped over, unpacked, measured with `len()` or compared with a list; what a method of "
        "a library returns that is called `send()`, too, and sends a signal."
    )

    def check(self, snapshot: Snapshot) -> Iterator[Finding]:
        found: dict[Place, list[Dispatch]] = defaultdict(list)
        for dispatch in snapshot.dispatches:
            site = send_site(dispatch)
            if site is not None and is_own(site.path) and dispatch.calls and not dispatch.signal.startswith("django."):
                tests = _tests(site.path, changed_at(site.path))
                if any(first <= site.line <= last for first, last in tests):
                    found[site.path, site.line].append(dispatch)
        for at, dispatches in found.items():
            yield self._finding(snapshot, at, dispatches)

    def _finding(self, snapshot: Snapshot, at: Place, dispatches: Sequence[Dispatch]) -> Finding:
        last = dispatches[-1]
        message = f"{place(*at)} takes the responses of `{short(last.signal)}.{last.method}()` for a single one: they "
        message += f"are a list of {plural(len(last.calls), 'pair')}, which is true whatever the receivers return."
        more = evidence.of_dispatches(snapshot, dispatches)
        return self.finding("signal", last.signal, message, detail=f"{at[0]}:{at[1]}", path=at[0], line=at[1], **more)


@lru_cache(maxsize=256)
def _tests(path: str, changed: int) -> tuple[tuple[int, int], ...]:
    """The lines of the sends in a file that are tested or compared."""
    tree = parsed(path, changed)
    tested = [each for node in ast.walk(tree) for each in _tested(node)] if tree is not None else []
    return tuple((call.lineno, call.end_lineno or call.lineno) for call in tested if _is_send(call))


def _tested(node: ast.AST) -> list[ast.expr]:
    """The expressions that a node takes for true or false, or compares with a plain value."""
    if isinstance(node, ast.If | ast.While | ast.IfExp | ast.Assert):
        return _sent(node.test)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return _sent(node.operand)
    if isinstance(node, ast.BoolOp):
        return [each for value in node.values[:-1] for each in _sent(value)]
    if isinstance(node, ast.Compare) and all(isinstance(each, ast.Constant) for each in node.comparators):
        return _sent(node.left)
    return []


def _sent(value: ast.expr) -> list[ast.expr]:
    return [value.value if isinstance(value, ast.Await) else value]


def _is_send(value: ast.expr) -> bool:
    return isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr in METHODS
