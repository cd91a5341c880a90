"""A request, a dispatch, a receiver or a finding as Markdown, for an issue or a chat.

What comes from the application stands in code spans and blocks, so that nothing in it is markup.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from signal_monitor.dashboard import formatting
from signal_monitor.dashboard.pages.finding import FindingState
from signal_monitor.finding import Finding
from signal_monitor.records import Dispatch, Failure, Frame, ReceiverCall, Request

MOST = 20
BACKTICKS = re.compile("`+")
MARKUP = re.compile(r"([\\*_{}\[\]<>()#+!|~&$@])")


def code(text: object) -> str:
    """Text in a code span."""
    line = " ".join(str(text).split("\n"))
    fence = "`" * (1 + max(map(len, BACKTICKS.findall(line)), default=0))
    pad = " " if line.startswith("`") or line.endswith("`") or not line else ""
    return f"{fence}{pad}{line}{pad}{fence}"


def block(text: str, language: str = "") -> str:
    """Text in a code block."""
    fence = "`" * max(3, 1 + max(map(len, BACKTICKS.findall(text)), default=0))
    return f"{fence}{language}\n{text}\n{fence}"


def plain(text: str) -> str:
    """A sentence of the monitor's: what is in backticks is code, and nothing else is markup."""
    pieces = enumerate(text.split("`"))
    return "".join(code(piece) if number % 2 else MARKUP.sub(r"\\\1", piece) for number, piece in pieces)


def _facts(facts: Mapping[str, object]) -> str:
    return "\n".join(f"- {name}: {value}" for name, value in facts.items() if value)


def _document(title: str, address: str, *parts: str) -> str:
    return "\n\n".join([f"# {title}", *filter(None, parts), f"<{address}>"]) + "\n"


def request_markdown(context: Mapping[str, Any], address: str) -> str:
    """A request: its verdict, its numbers, and the receivers with the most own time."""
    record: Request = context["record"]
    facts = {
        "Started": formatting.moment(record.started_at),
        "View": record.view and code(record.view),
        "Status": record.status,
        "Took": formatting.duration(record.duration_ns),
        "In receivers": f"{formatting.duration(record.receivers_ns)} ({formatting.share(record.receivers_share)})",
        "Waiting": record.waiting_ns and formatting.duration(record.waiting_ns),
        "Sent": formatting.counted(record.dispatch_count, "dispatch", "dispatches"),
        "Queries": formatting.work(record.work),
        "Trace": record.trace_id and code(record.trace_id),
    }
    rows = [
        f"- {code(row.receiver)}: {formatting.duration(row.self_ns)} itself, "
        f"{formatting.counted(row.calls, 'call', 'calls')}"
        for row in record.receivers[:MOST]
    ]
    return _document(
        code(f"{record.method} {record.path}"),
        address,
        f"**{plain(context['verdict'].heading)}.**",
        _facts(facts),
        _listed("Receivers", rows),
        _failure(record.failure),
    )


def dispatch_markdown(context: Mapping[str, Any], address: str) -> str:
    """A dispatch: its numbers, its receivers, and where it was sent."""
    record: Dispatch = context["dispatch"]
    facts = {
        "Started": formatting.moment(record.started_at),
        "Sender": code(record.sender),
        "Took": formatting.duration(record.duration_ns),
        "In receivers": formatting.duration(record.receivers_ns),
        "Waiting": record.waiting_ns and formatting.duration(record.waiting_ns),
        "Queries": formatting.work(record.work),
        "Trace": record.trace_id and code(record.trace_id),
    }
    return _document(
        f"{code(record.signal)} ({record.method})",
        address,
        _facts(facts),
        _listed("Receivers", map(_call, record.calls)),
        *(_failure(call.failure) for call in record.calls),
        _failure(record.own_failure),
        f"## Sent from\n\n{block(_stack(record.stack))}" if record.stack else "",
    )


def receiver_markdown(context: Mapping[str, Any], address: str) -> str:
    """A receiver: what to do, its numbers, and its lines where slow calls were."""
    subject = context["subject"]
    totals = subject.totals
    facts = {
        "Source": totals.path and code(f"{totals.path}:{totals.line}" if totals.line else totals.path),
        "Calls": f"{totals.count:,}",
        "Failed": totals.failures,
        "Slow": totals.slow,
        "Typical": totals.count and formatting.duration(totals.p50_ns),
        "19 of 20 took less than": totals.has_p95 and formatting.duration(totals.p95_ns),
        "Longest": totals.count and formatting.duration(totals.max_ns),
        "Last failure": totals.last_failure and code(totals.last_failure),
    }
    places = [
        f"- {code(f'{place.frame.path}:{place.frame.line}')} in {code(place.frame.function)}: "
        f"{formatting.share(place.share)} of the samples"
        for place in context.get("places", ())[:MOST]
    ]
    advice = [f"- {plain(finding.message)} {plain(finding.advice)}" for finding in context.get("findings", ())]
    return _document(
        code(subject.name),
        address,
        _listed("What to do", advice),
        _facts(facts),
        _listed("Where slow calls were", places),
    )


def finding_markdown(context: Mapping[str, Any], address: str) -> str:
    """A finding: what is wrong, why that matters, and what to do."""
    finding: Finding = context["finding"]
    cost = "Has run for" if finding.kind == "Hangs" else "People waited"
    facts = {
        "Subject": code(finding.subject),
        "Line": finding.path and code(f"{finding.path}:{finding.line}" if finding.line else finding.path),
        "Seen": f"{finding.count:,} times" if finding.count > 1 else "",
        "Last seen": finding.last_seen and formatting.moment(finding.last_seen),
        cost: finding.cost_ns and formatting.duration(finding.cost_ns),
    }
    return _document(
        f"{finding.code} {plain(finding.title)}",
        address,
        _state(context["state"]),
        plain(finding.message),
        plain(finding.why),
        f"**What to do:** {plain(finding.advice)}",
        block(finding.sketch, "diff") if finding.sketch else "",
        _facts(facts),
    )


def _state(state: FindingState) -> str:
    """Whether a finding still holds; "" if it does."""
    if state.is_gone:
        return f"**Gone since {formatting.moment(state.gone_since)}.**" if state.gone_since else "**Gone.**"
    return "**Silenced by the settings.**" if state.is_silenced else ""


def _call(call: ReceiverCall) -> str:
    took = "" if call.outcome == "not_run" else f" {formatting.duration(call.duration_ns)}"
    ended = "" if call.outcome == "ok" else f" ({call.outcome.replace('_', ' ')})"
    return f"- {code(call.receiver)}:{took}{ended}"


def _listed(title: str, rows: Iterable[str]) -> str:
    listed = list(rows)
    return "\n".join([f"## {title}", "", *listed]) if listed else ""


def _failure(failure: Failure | None) -> str:
    if failure is None:
        return ""
    stack = _stack(failure.traceback)
    return "\n\n".join([f"## {code(failure.summary)}", *([block(stack)] if stack else [])])


def _stack(frames: Sequence[Frame]) -> str:
    return "\n".join(f"{frame.path}:{frame.line} in {frame.function}" for frame in frames)


MARKDOWN: Mapping[str, Callable[[Mapping[str, Any], str], str]] = {
    "request": request_markdown,
    "dispatch": dispatch_markdown,
    "receiver": receiver_markdown,
    "finding": finding_markdown,
}
"""The pages that can be copied as Markdown."""
