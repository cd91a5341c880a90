"""Tags and filters of the dashboard's templates; all output is escaped."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import PurePath
from typing import Any
from urllib.parse import quote, urlencode

from django import template
from django.template.base import Parser, Token
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from signal_monitor.conf import get_config
from signal_monitor.dashboard import formatting
from signal_monitor.dashboard.addresses import page_url
from signal_monitor.dashboard.charts import SPARK_HEIGHT, SPARK_WIDTH, Bar
from signal_monitor.dashboard.connected import ConnectionRow
from signal_monitor.dashboard.fields import DEFAULT_PERIOD, PERIODS, PeriodForm
from signal_monitor.dashboard.notices import unreadable_notice
from signal_monitor.dashboard.pages import PAGES
from signal_monitor.dashboard.pages.base import Page, PartNode
from signal_monitor.dashboard.scope import Menu, menu
from signal_monitor.dashboard.short_paths import short_path
from signal_monitor.dashboard.stacks import own_frame
from signal_monitor.dashboard.tab_counts import tab_count
from signal_monitor.dashboard.time_spent import Part
from signal_monitor.dashboard.view_times import ViewTimes
from signal_monitor.records import Dispatch, Frame, Outside, ReceiverCall, ReceiverSum, Request
from signal_monitor.registry.records import Connection
from signal_monitor.stores.base import Totals
from signal_monitor.stores.filters import EXACT
from signal_monitor.text import MAX_LINE, cleaned
from signal_monitor.thresholds import CRITICAL_FACTOR, severity

register = template.Library()

WORD_BREAK = SafeString("<wbr>")
STEPS = re.compile(r"[^._…]*[._…]+|[^._…]+")
SENTENCE = re.compile(r"(?:`[^`]*`|[^`])*?\.(?= [A-Z`])")
TWO_LINES = 160
"""Characters of advice that fit into two lines of a list."""
PATH_STEPS = re.compile(r"[^/]*/|[^/]+")
LONGEST_TITLE = 60
MEANINGS = {
    "ok": "returned",
    "raised": "raised, and the exception reached the caller",
    "swallowed": "raised, and a robust send returned the exception instead of raising it",
    "cancelled": "was cancelled, because another receiver of the dispatch failed",
    "late": "ended after its dispatch",
    "not_run": "was not run, because an earlier receiver raised",
}
UI_FIND = "uiFind={span_id}"
TRACE_LINK = '<a class="trace" href="{}" rel="noreferrer" aria-label="trace of {} at {}">trace</a>'
OUTSIDE_NS = 1_000_000
"""What may be spent outside receivers before a page mentions it."""
OWN_SHARE = 0.02
"""The part of a call that dispatches inside it take before a page mentions its own time."""
OUTSIDE: Mapping[Outside, str] = {
    "thread": "waiting for a thread of sync_to_async",
    "event loop": "waiting for the event loop",
    "send method": "in the send method itself",
    "log handlers": "in log handlers",
}

register.filter("duration", formatting.duration)
register.filter("work", formatting.work)
register.filter("transaction", formatting.transaction)
register.filter("span", formatting.span)
register.filter("count", formatting.count)
register.filter("rate", formatting.rate)
register.filter("share", formatting.share)
register.filter("change", formatting.change)
register.filter("clock", formatting.clock)
register.filter("moment", formatting.moment)
register.filter("clean", cleaned)
register.filter("short_path", short_path)
register.simple_tag(page_url)


@register.simple_tag(name="unreadable_notice")
def _unreadable_notice(count: int | str) -> SafeString:
    """How many records the page leaves out."""
    return unreadable_notice(count or 0)  # type: ignore[arg-type]  # "" where a page has no such number


@register.simple_tag(takes_context=True)
def count_beside(context: dict[str, Any], page: str) -> SafeString:
    """The number beside the tab of a page."""
    return tab_count(context.get("counts") or {}, page)


@register.tag
def part(parser: Parser, token: Token) -> PartNode:
    """A part of a page that live updates replace: ``{% part tiles %}…{% endpart %}``."""
    _tag, name = token.split_contents()
    nodelist = parser.parse(("endpart",))
    parser.delete_first_token()
    return PartNode(name, nodelist)


@register.simple_tag
def outcomes() -> list[tuple[str, str, str]]:
    """The outcomes with their labels and meanings, for a legend."""
    return [(outcome, _label(outcome), meaning) for outcome, meaning in MEANINGS.items()]


def _label(outcome: str) -> str:
    return outcome.replace("_", " ")


@register.filter
def ago(at: float | None) -> SafeString:
    """A moment as its age, with the moment itself in the title."""
    if at is None:
        return format_html("{}", "—")
    absolute = formatting.local(at).isoformat(timespec="milliseconds")
    title, text = formatting.moment(at), formatting.age(at, time.time())
    return format_html('<time datetime="{}" title="{}">{}</time>', absolute, title, text)


MODULE = '<span class="module">{}<wbr><i>{}</i><wbr></span>'


@register.filter
@lru_cache(maxsize=2048)
def dotted(name: str) -> SafeString:
    """A name with its module muted, and the whole name in the title."""
    module, last = formatting.split_name(name)
    muted = format_html(MODULE, _breakable(module[:-1]), module[-1]) if module else ""
    return format_html('<span class="name" title="{}">{}<b>{}</b></span>', name, muted, _breakable(last))


@register.filter
def marked(text: str) -> SafeString:
    """A sentence of a finding: what is in backticks is code, and long names may wrap."""
    pieces = enumerate(text.split("`"))
    return format_html_join(
        "",
        "{}",
        ((format_html("<code>{}</code>", _breakable(piece)) if index % 2 else piece,) for index, piece in pieces),
    )


@register.filter
def first_sentences(text: str) -> str:
    """The first sentence of a text, whose code in backticks may have full stops, and others that still fit."""
    ends = [found.end() for found in SENTENCE.finditer(text)]
    if not ends or len(text) <= TWO_LINES:
        return text
    return text[: max((end for end in ends if end <= TWO_LINES), default=ends[0])]


SKETCH_TAGS = {"+": "ins", "-": "del"}


@register.filter
def sketched(text: str) -> SafeString:
    """The lines of a sketch, what is added and deleted marked."""
    lines = ((SKETCH_TAGS.get(line[:1], "span"), line) for line in text.splitlines())
    return format_html_join("", "<{}>{}\n</{}>", ((tag, line, tag) for tag, line in lines))


@register.filter
def stamp(at: float) -> str:
    """A row's time, with its date if that is not today."""
    return formatting.stamp(at, time.time())


def _breakable(text: str, steps: re.Pattern[str] = STEPS) -> SafeString:
    """A name that may wrap after a dot or an underscore, or a path that may after a slash."""
    return format_html_join(WORD_BREAK, "{}", ((step,) for step in steps.findall(text)))


@register.simple_tag
def zone() -> SafeString:
    """The time zone of the page, as an attribute for its scripts; "" for one that browsers do not know by name."""
    name = timezone.get_current_timezone_name()
    return format_html(' data-zone="{}"', name) if "/" in name or name == "UTC" else SafeString("")


@register.filter
def filename(path: str) -> str:
    """The last part of a file's path."""
    return PurePath(path).name


PLACE = '<span class="place" title="{}">{}</span>'
EDITOR_LINK = '<a class="place" href="{}" title="Open {} in the editor">{}</a>'


@register.simple_tag
def place(path: str | None, line: int | None, *, whole: bool = False) -> SafeString:
    """A file and line as a link to EDITOR_URL, the path in the title; "" if they are not known.

    With ``whole``, the file is below the directory that it is imported from; otherwise, it is a name.
    """
    return _place(path, line, whole, get_config().EDITOR_URL)


@lru_cache(maxsize=2048)
def _place(path: str | None, line: int | None, whole: bool, editor_url: str) -> SafeString:  # noqa: FBT001 - cached
    if not path:
        return SafeString("")
    name = short_path(path) if whole else filename(path)
    at, told = (f"{path}:{line}", f"{name}:{line}") if line else (path, name)
    shown = _breakable(told, PATH_STEPS)
    if editor_url:
        return format_html(EDITOR_LINK, editor_url.format(path=quote(path, safe="/:\\"), line=line or 1), at, shown)
    return format_html('<span class="place">{}</span>', shown) if at == told else format_html(PLACE, at, shown)


@register.filter
def connected_at(connection: Connection) -> SafeString:
    """Where and when a connection was made, or else where its receiver is."""
    call = connection.connected
    if call is not None:
        return format_html("{}<small>{}</small>", place(call.path, call.line, whole=True), call.stage)
    own = place(connection.path, connection.line, whole=True)
    return format_html("{}<small>{}</small>", own, "its own line") if own else own


@register.filter
def marks(row: ConnectionRow) -> SafeString:
    """What is wrong with a connection, as badges, and what is not as usual."""
    connection, found = row.connection, []
    if connection.dead:
        found.append(("", "", "Gone"))
    elif connection.pending:
        found.append(("", "", "Waits for its model"))
    elif row.missed_by:
        title = f"It was sent by {row.missed_by}. Senders are compared by identity."
        found.append(("slow", title, "Never sent for it"))
    if row.twice:
        often = f"{formatting.count(row.times)} times" if row.times > 1 else "twice"
        found.append(("slow", "One dispatch runs it more than once.", f"Connected {often}"))
    badges = format_html_join("", ' <span class="badge {}" title="{}">{}</span>', found) if found else ""
    said = notes(row)
    return format_html("{}<small>{}</small>", badges, said) if said else SafeString(badges)


@register.filter
def notes(row: ConnectionRow) -> str:
    """What is not as usual about a connection."""
    connection = row.connection
    lacks = len(row.missing) < len(row.present)
    where = f"not in {', '.join(row.missing)}" if lacks else f"only in {', '.join(row.present)}"
    said = (
        ("async", connection.is_async),
        ("held strongly", not connection.weak),
        (f"dispatch_uid “{connection.dispatch_uid}”", connection.dispatch_uid),
        (where, row.missing),
        (f"sent by {row.missed_by}, which is another sender", row.missed_by),
    )
    return " · ".join(text for text, holds in said if holds)


@register.filter
def setting(value: object) -> str:
    """A setting's value as text."""
    return cleaned(_setting(value), MAX_LINE)


def _setting(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {item}" for key, item in value.items()) or "none"
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "none"
    return "not set" if value in (None, "") else str(value)


def _anchor(url: str, content: str) -> SafeString:
    return format_html('<a href="{}">{}</a>', url, content)


@register.simple_tag(takes_context=True)
def link(context: dict[str, Any], page: str, name: str, text: str | None = None) -> SafeString | str:
    """A link to the page of a dispatch, request, receiver or signal; plain text for a name that no URL can contain."""
    content = dotted(name) if text is None else text
    url = page_url(page, name)
    kept = kept_period(context, PAGES[page])
    return _anchor(f"{url}{kept}", content) if url else content


@register.simple_tag
def dispatch_url(dispatch_id: str) -> str:
    """The URL of a dispatch."""
    return page_url("dispatch", dispatch_id)


@register.simple_tag
def live_link(text: str | None = None, **where: str) -> SafeString:
    """A link to the live page, filtered by whole names; shows the name unless given a text."""
    content = dotted(next(iter(where.values()))) if text is None else text
    exact = {name: f"{EXACT}{value}" for name, value in where.items()}
    return _anchor(f"{page_url('live')}?{urlencode(exact)}", content)


@register.simple_tag
def trace_url(trace_id: str | None, span_id: str | None = None, worst_id: str | None = None) -> str:
    """Where a trace is shown, by TRACE_URL, opened at a span if one is given; "" if that is not set.

    Jaeger shows a span's children only if one of them is searched for too: ``uiFind`` takes several ids, and gets that
    of the worst receiver as well.
    """
    url = get_config().TRACE_URL
    if not url or not trace_id:
        return ""
    searched = " ".join(filter(None, [span_id, worst_id])) if UI_FIND in url else span_id
    return url.format(trace_id=quote(trace_id, safe=""), span_id=quote(searched or "", safe=""))


@register.simple_tag
def trace_link(record: Dispatch | Request, call: ReceiverCall | None = None) -> str:
    """A link to a record's trace, opened at the span of a receiver call if that has one; "" without a trace."""
    if isinstance(record, Request) and record.span_id is None:
        return ""  # its trace was not sampled
    span_id = call.span_id if call and call.span_id else record.span_id
    worst_id = worst_span(record) if span_id == record.span_id else None
    url = trace_url(record.trace_id, span_id, worst_id)
    return format_html(TRACE_LINK, url, _what_ran(record, call), stamp(record.started_at)) if url else ""


@register.simple_tag
def trace_of(records: Mapping[str, Dispatch | Request] | None, key: str) -> str:
    """A link to the trace of the record of a key; "" without a trace."""
    record = records.get(key) if records else None
    return trace_link(record) if record is not None else ""


@register.filter
def worst_span(record: Dispatch | Request) -> str | None:
    """The span of the receiver call that failed, or took longest, among those that have one."""
    if isinstance(record, Request):
        return record.worst_span_id
    calls = [call for call in record.calls if call.span_id]
    worst = max(calls, key=lambda call: (call.failed, call.duration_ns), default=None)
    return worst.span_id if worst else None


def _what_ran(record: Dispatch | Request, call: ReceiverCall | None) -> str:
    if isinstance(record, Request):
        return f"{record.method} {record.path}"
    return call.receiver if call else record.signal


@register.simple_tag(takes_context=True)
def process_link(context: dict[str, Any], process: str) -> SafeString:
    """A link to a process on the health page, by its title if the store still has it."""
    title = context["titles"].get(process, process)
    shown = title if len(title) <= LONGEST_TITLE else f"{title[: LONGEST_TITLE - 1]}…"
    return format_html(
        '<a href="{}#process-{}" title="{} ({})">{}</a>', page_url("health"), process, title, process, shown
    )


@register.simple_tag(takes_context=True)
def with_params(context: dict[str, Any], **changes: str) -> str:
    """The page's query string with some parameters changed, without the argument of its path."""
    params, argument = {**context["params"], **changes}, context["page"].argument
    return "?" + urlencode({key: value for key, value in params.items() if value and key != argument})


@register.filter
def badge(call: Dispatch | ReceiverCall | Any) -> SafeString:  # noqa: ANN401
    """The outcome as a badge, and a second badge if it was slow; nothing for one that ended well in time."""
    marks = []
    if call.outcome != "ok":
        marks.append(("outcome-" + call.outcome, f"The receiver {MEANINGS[call.outcome]}.", _label(call.outcome)))
    if call.severity != "normal":
        limit_ns = get_config().slow_limits.slow_ns
        limit = formatting.duration(limit_ns * (CRITICAL_FACTOR if call.severity == "critical" else 1))
        title = f"{call.severity.capitalize()}: from {limit} in receivers unless SLOW_MS has another limit for it."
        marks.append((call.severity, title, call.severity))
    return format_html_join(" ", '<span class="badge {}" title="{}">{}</span>', marks)


@register.simple_tag(takes_context=True)
def kept_period(context: dict[str, Any], page: Page) -> str:
    """The query string that keeps the period and the processes of this page; "" for a page with another period."""
    kept = context.get("kept") or {}
    has_another = "period" in page.form.base_fields and not has_scope(page)
    return f"?{urlencode(kept)}" if kept and not has_another else ""


@register.filter
def has_scope(page: Page) -> bool:
    """Whether a page has the menu of periods and processes."""
    return issubclass(page.form, PeriodForm)


@register.simple_tag(takes_context=True)
def kept_query(context: dict[str, Any], begin: str = "?") -> str:
    """The period and the processes of this page, as the beginning or a part of a query string; "" without any."""
    kept = context.get("kept") or {}
    return f"{begin}{urlencode(kept)}" if kept and has_scope(context["page"]) else ""


@register.simple_tag(takes_context=True)
def live_period(context: dict[str, Any]) -> str:
    """The period of this page as a part of a query string of the live page; "" for one that it does not have."""
    period = context["params"].get("period") or DEFAULT_PERIOD
    return f"&period={period}" if PERIODS.get(period, ("", None))[1] else ""


@register.simple_tag(takes_context=True)
def scope_menu(context: dict[str, Any]) -> Menu:
    """The menu of periods and processes."""
    return menu(context["params"], context["page"].argument, context["states"])


BAR = '<rect{} x="{}%" width="{}%" height="{}"/>'
WAITING_FILL = SafeString(' fill="url(#sm-hatch)"')


@register.simple_tag
def stackbar(
    receivers: float, waiting: float, height: int, *, slow: bool = False, of: int = 1, most: int = 1, label: str = ""
) -> SafeString:
    """A bar of receivers, waiting and the rest, as long as a row's time ``of`` is beside the ``most`` of all rows."""
    whole = of / most if most else 0.0
    rest = max(0.0, 1 - receivers - waiting)
    kinds = (_class("slow" if slow else "receivers"), WAITING_FILL, _class("rest"))
    bars, at = [], 0.0
    for kind, part in zip(kinds, (receivers, waiting, rest), strict=True):
        bars.append(format_html(BAR, kind, f"{100 * at * whole:.2f}", f"{100 * part * whole:.2f}", height))
        at += part
    told = (formatting.share(part) for part in (receivers, waiting, rest))
    text = "{}: receivers {}, waiting {}, the rest {}".format(label, *told)
    said = format_html(' role="img" aria-label="{}"', text) if label else SafeString(' aria-hidden="true"')
    return format_html('<svg class="stackbar" height="{}"{}>{}</svg>', height, said, SafeString("".join(bars)))


@register.simple_tag
def time_bar(parts: Iterable[Part]) -> SafeString:
    """A bar of the parts of a receiver's time; its key says the same in words."""
    bars, at = [], 0.0
    for part in parts:
        bars.append(format_html(BAR, _class(part.kind), f"{100 * at:.2f}", f"{100 * part.share:.2f}", 10))
        at += part.share
    return format_html('<svg class="stackbar" height="10" aria-hidden="true">{}</svg>', SafeString("".join(bars)))


def _class(name: str) -> SafeString:
    return format_html(' class="{}"', name)


@register.simple_tag
def swatch(kind: str, slow: bool = False) -> SafeString:  # noqa: FBT001, FBT002 - a template's argument
    """The colour of a part of a stackbar, for its key."""
    fill = WAITING_FILL if kind == "waiting" else _class("slow" if slow else kind)
    return format_html(
        '<svg width="10" height="10" aria-hidden="true"><rect{} width="10" height="10" rx="2"/></svg>', fill
    )


SPARK_BAR = '<rect class="{}" x="{}" y="{}" width="{}" height="{}"/>'


@register.simple_tag
def sparkline(bars: Sequence[Bar], typical_ns: float, name: str) -> SafeString:
    """Small bars of a receiver's time; coloured if its typical call is slow."""
    full = "slow" if severity(typical_ns, get_config().slow_limits.limit_ns(name)) != "normal" else "receivers"
    return _spark(bars, full)


@register.filter
def spark(bars: Sequence[Bar]) -> SafeString:
    """Small bars of their own colours."""
    return _spark(bars, "")


def _spark(bars: Sequence[Bar], full: str) -> SafeString:
    drawn = format_html_join(
        "",
        SPARK_BAR,
        ((bar.kind or full, f"{bar.x:.1f}", f"{bar.y:.1f}", f"{bar.width:.1f}", f"{bar.height:.1f}") for bar in bars),
    )
    size = (SPARK_WIDTH, SPARK_HEIGHT)
    return format_html('<svg class="spark" width="{}" height="{}" aria-hidden="true">{}</svg>', *size, drawn)


@register.filter
def most_time(views: Sequence[ViewTimes]) -> int:
    """The most time that a view took."""
    return max((row.total_ns for row in views), default=0)


@register.filter
def own_line(stack: Sequence[Frame]) -> Frame | None:
    """The innermost line of a stack that is the project's own code, or the innermost of all."""
    return own_frame(stack)


@register.filter
def last_part(name: str) -> str:
    """The last part of a dotted name."""
    return formatting.split_name(name).last


METER = (
    '<svg class="meter {}" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">'
    '<rect class="track" width="100" height="4"/><rect class="fill" width="{}" height="4"/></svg>'
)


@register.simple_tag
def meter(duration_ns: float, name: str) -> SafeString:
    """A bar that is full at the slow limit of a receiver or signal."""
    limit_ns = get_config().slow_limits.limit_ns(name)
    level = severity(duration_ns, limit_ns)
    return _meter(level, duration_ns / limit_ns if limit_ns else 1.0)


@register.simple_tag
def share_meter(value: float) -> SafeString:
    """A bar for a share of 0 to 1."""
    return _meter("share", value)


def _meter(kind: str, filled: float) -> SafeString:
    return format_html(METER, kind, f"{min(1.0, max(0.0, filled)) * 100:.1f}")


@register.filter
def slowest(dispatch: Dispatch) -> ReceiverCall | None:
    """The receiver call with the longest own time."""
    return max(dispatch.calls, key=lambda call: call.self_ns, default=None)


@register.filter
def outside(record: Dispatch | Request) -> str:
    """What took time outside receivers, longest first ("640 ms waiting for the event loop"); "" for little."""
    times = record.all_outside if isinstance(record, Dispatch) else record.outside
    told = sorted(((ns, kind) for kind, ns in times.items() if ns >= OUTSIDE_NS), reverse=True)
    return ", ".join(f"{formatting.duration(ns)} {OUTSIDE[kind]}" for ns, kind in told)


@register.filter
def own(part: ReceiverCall | ReceiverSum) -> str:
    """Own time, where it differs from the whole: "own 28.0 ms"."""
    total_ns = part.duration_ns if isinstance(part, ReceiverCall) else part.total_ns
    return f"own {formatting.duration(part.self_ns)}" if total_ns - part.self_ns > total_ns * OWN_SHARE else ""


@register.filter
def high(row: Totals) -> SafeString:
    """The p95; under 20 calls, the longest of them."""
    if not row.count:
        return format_html("{}", "—")
    told = formatting.duration(row.high_ns)
    return format_html("{}", told) if row.has_p95 else format_html("{} <small>longest of {}</small>", told, row.count)


@register.filter
def was_doing(call: ReceiverCall) -> str:
    """What a slow call did at its line: "was waiting for a lock"; "was" where that is not known."""
    if call.slow_wait is None:
        return "was"
    return f"was {wait_words(call.slow_wait)}"


@register.filter
def wait_words(wait: str) -> str:
    """What waits, in words: "sleeping", "waiting for a lock"."""
    return "sleeping" if wait == "sleep" else f"waiting for {wait}"


@register.filter
def share_of(part_ns: int, request: Request) -> str:
    """A part of the duration of a request, in percent."""
    return formatting.share(request.share_of(part_ns))


@register.filter
def first_failure(dispatch: Dispatch) -> ReceiverCall | None:
    """The first receiver call that failed."""
    return next((call for call in dispatch.calls if call.failed), None)


@register.filter
def duration_of(duration_ns: float, count: int) -> str:
    """A duration, or a dash if there are no measurements."""
    return formatting.duration(duration_ns) if count else "—"


@register.filter
def is_slow(duration_ns: float, name: str) -> bool:
    """Whether a duration has reached the slow limit of a receiver or signal."""
    return duration_ns >= get_config().slow_limits.limit_ns(name)
