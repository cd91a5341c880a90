"""How calls are told, and in which style."""

from __future__ import annotations

from signal_monitor.cli.output import Style
from signal_monitor.cli.places import place
from signal_monitor.dashboard.formatting import duration
from signal_monitor.findings.wording import plural
from signal_monitor.records import Dispatch, ReceiverCall


def style_of(outcome: str, severity: str) -> Style:
    """Red for what failed, yellow for what was slow."""
    if outcome in {"raised", "swallowed"}:
        return "bad"
    return "warn" if severity != "normal" or outcome != "ok" else ""


def call_label(call: ReceiverCall) -> str:
    """What is not as usual about a call: that it was slow, its outcome, and its own database queries."""
    slow = "" if call.severity == "normal" else call.severity
    outcome = "" if call.outcome == "ok" else call.outcome.replace("_", " ")
    error = call.failure.summary if call.failure is not None else ""
    return ", ".join(filter(None, (slow, outcome, error, queries_of(call))))


def queries_of(call: ReceiverCall) -> str:
    """The database queries of a call, their time, and how many of them are alike."""
    if not call.queries:
        return ""
    alike = call.work.alike_count
    count, some = plural(call.queries, "query", "queries"), f" ({alike:,} alike)" if alike else ""
    return f"{count}{some} in {duration(call.query_ns or 0)}"


def own_errors(call: ReceiverCall) -> str:
    """The exception of a call, or the line that a slow one was seen at."""
    if call.failure is not None:
        return call.failure.summary
    line = call.slow_line
    return f"at {place(line.path, line.line)}" if line is not None else ""


def dispatch_label(dispatch: Dispatch) -> str:
    """What is not as usual about a dispatch."""
    if dispatch.failed:
        return dispatch.outcome if dispatch.outcome in {"raised", "swallowed"} else "failed"
    return dispatch.severity if dispatch.severity != "normal" else dispatch.outcome.replace("_", " ")
