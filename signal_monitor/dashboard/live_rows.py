"""A row of the live list: one link, small enough that a frame takes several."""

from __future__ import annotations

import time
from collections.abc import Mapping

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from signal_monitor.dashboard import formatting
from signal_monitor.dashboard.addresses import page_url
from signal_monitor.records import Dispatch, ReceiverCall
from signal_monitor.text import encodable

LONGEST_NAME = 48
LONGEST_PROCESS = 16
ROW = (
    '<li id="d-{}"{}><a href="{}"><time>{}</time><i>{}</i><span><b>{}</b> {}</span><span>{}</span>'
    "<span>{}</span><span>{}</span></a></li>"
)
TAG = '<em class="badge {}">{}</em>'


def row_html(dispatch: Dispatch, titles: Mapping[str, str]) -> str:
    """The row of a dispatch; ``titles`` are those of the processes, by id."""
    row = format_html(
        ROW,
        dispatch.id,
        "" if dispatch.severity == "normal" else format_html(' class="{}"', dispatch.severity),
        page_url("dispatch", dispatch.id),
        formatting.stamp(dispatch.started_at, time.time()),
        formatting.duration(dispatch.receivers_ns),
        _name(dispatch.signal),
        _name(dispatch.sender),
        _receivers(dispatch),
        _tags(dispatch),
        _process(titles.get(dispatch.process, dispatch.process)),
    )
    return encodable(row)


def _receivers(dispatch: Dispatch) -> SafeString | str:
    """The receiver that failed first, or else took longest itself, and how many others there were."""
    failed = next((call for call in dispatch.calls if call.failed), None)
    call = failed or max(dispatch.calls, key=_own_time, default=None)
    if call is None:
        return "no receiver"
    others = f" and {dispatch.call_count - 1:,} more" if dispatch.call_count > 1 else ""
    error = format_html(" <u>{}</u>", _shortened(call.failure.summary)) if call.failure else ""
    return format_html("<b>{}</b>{}{}", _name(call.receiver), others, error)


def _own_time(call: ReceiverCall) -> int:
    return call.self_ns


def _tags(dispatch: Dispatch) -> SafeString:
    """How it ended and whether it was slow, unless all was well; how deep it was nested."""
    tags = [] if dispatch.outcome == "ok" else [(f"outcome-{dispatch.outcome}", dispatch.outcome.replace("_", " "))]
    if dispatch.severity != "normal":
        tags.append((dispatch.severity, dispatch.severity))
    if dispatch.depth:
        tags.append(("nested", f"depth {dispatch.depth}"))
    return format_html_join(" ", TAG, tags)


def _name(name: str) -> str:
    return _shortened(formatting.split_name(name).last)


def _process(title: str) -> str:
    """The program's name."""
    return _shortened(title.partition(" ")[0].rpartition("/")[2], LONGEST_PROCESS)


def _shortened(text: str, most: int = LONGEST_NAME) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
