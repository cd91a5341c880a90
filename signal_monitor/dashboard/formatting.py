"""Numbers, times and names as text for people."""

from __future__ import annotations

import re
from datetime import datetime
from typing import NamedTuple

from django.utils import timezone

from signal_monitor.database_records import DatabaseWork, WorkSum

NS_PER_MS = 1_000_000
MINUS = "\N{MINUS SIGN}"
DOTTED_NAME = re.compile(r"[\w<>-]+(\.[\w<>-]+)+")


class Name(NamedTuple):
    """A dotted name in two parts: the module, muted on the page, and the last part."""

    module: str
    last: str


def milliseconds(duration_ns: float) -> float:
    """A duration in nanoseconds as milliseconds, for machines."""
    return round(duration_ns / NS_PER_MS, 6)


def three_digits(value: float) -> str:
    """A number with three significant digits, never in exponent form."""
    if value >= 99.95:
        return f"{value:,.0f}"
    if value >= 9.995:
        return f"{value:.1f}"
    return f"{value:.2f}"


def duration(duration_ns: float) -> str:
    """A duration with its unit: "38.0 µs", "0.38 ms", "812 ms", "1.24 s", "2 min 5 s"."""
    if duration_ns <= 0:
        return "0 ms"
    if duration_ns < 1e5:
        return f"{three_digits(duration_ns / 1e3)} µs"
    if duration_ns < 999.5e6:
        return f"{three_digits(duration_ns / 1e6)} ms"
    if duration_ns < 99.95e9:
        return f"{three_digits(duration_ns / 1e9)} s"
    return span(duration_ns / 1e9)


def round_duration(duration_ns: float) -> str:
    """A round duration without the zeros that a measured one has: "50 ms", "2.5 s"."""
    number, _space, unit = duration(duration_ns).partition(" ")
    return f"{number.rstrip('0').rstrip('.') if '.' in number else number} {unit}" if duration_ns > 0 else "0"


def work(sums: WorkSum) -> str:
    """Database work: "12 queries, 34.0 ms, 10 alike, 3 rows written"; nothing without queries."""
    if not sums.queries:
        return ""
    parts = [counted(sums.queries, "query", "queries"), duration(sums.query_ns)]
    if sums.alike_count:
        parts.append(f"{sums.alike_count:,} alike")
    if sums.writes:
        parts.append(f"{counted(sums.rows_written, 'row', 'rows')} written")
    if sums.failed:
        parts.append(f"{sums.failed:,} failed")
    if len(sums.aliases) > 1 or sums.aliases != ("default",):
        parts.append(f"on {', '.join(sums.aliases)}")
    return ", ".join(parts)


def transaction(database: DatabaseWork) -> str:
    """The transaction of a database, in one sentence; nothing without one."""
    use = database.transaction
    if use is None:
        return ""
    parts = [f"A transaction on {database.alias} was open{'' if use.has_written else ', nothing was written in it'}"]
    parts.append(f"it was {use.outcome}" if use.outcome is not None else "its end was not seen")
    if use.broken:
        parts.append("a failed statement left it broken: each further query raises TransactionManagementError")
    for number, one, several in (
        (use.on_commit, "function waits for the commit", "functions wait for the commit"),
        (use.mails, "mail sent before it", "mails sent before it"),
        (use.tasks, "task queued before it", "tasks queued before it"),
    ):
        if number:
            parts.append(counted(number, one, several))
    return "; ".join(parts)


def counted(number: int, one: str, several: str) -> str:
    """A number with what it counts."""
    return f"{number:,} {one if number == 1 else several}"


def span(seconds: float) -> str:
    """A length of time in its two largest units: "12 s", "2 min 5 s", "3 h 10 min", "4 d 2 h"."""
    whole = max(0, round(seconds))
    for unit, size, smaller, smaller_size in (("d", 86_400, "h", 3_600), ("h", 3_600, "min", 60), ("min", 60, "s", 1)):
        if whole >= size:
            rest = whole % size // smaller_size
            return f"{whole // size} {unit} {rest} {smaller}" if rest else f"{whole // size} {unit}"
    return f"{whole} s"


def age(at: float, now: float) -> str:
    """How long ago a moment was, in its largest unit."""
    seconds = now - at
    if seconds < 1:
        return "just now"
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{int(seconds // size)} {unit} ago"
    return f"{int(seconds)} s ago"


def local(at: float) -> datetime:
    """A moment in the time zone of the page."""
    return datetime.fromtimestamp(at, tz=timezone.get_current_timezone())


def moment(at: float) -> str:
    """A moment with date and time zone."""
    return local(at).strftime("%Y-%m-%d %H:%M:%S %Z")


def clock(at: float) -> str:
    """A time of day to the millisecond."""
    return local(at).isoformat(timespec="milliseconds")[11:23]


def stamp(at: float, now: float) -> str:
    """A time of day to the millisecond, of today; before that, the date and the second."""
    then = local(at)
    return clock(at) if then.date() == local(now).date() else then.strftime("%Y-%m-%d %H:%M:%S")


def minute(at: float, now: float) -> str:
    """A time of day to the minute; with the date, if that is not today."""
    then = local(at)
    return then.strftime("%H:%M" if then.date() == local(now).date() else "%Y-%m-%d %H:%M")


def count(value: float) -> str:
    """A whole number in groups of three digits, in millions from ten million."""
    return f"{three_digits(value / 1e6)} M" if value >= 1e7 else f"{value:,.0f}"


def rate(per_second: float) -> str:
    """A rate, with decimals if it is small."""
    if per_second <= 0:
        return "0"
    return three_digits(per_second) if per_second < 99.95 else count(per_second)


def share(value: float) -> str:
    """A share of 0 to 1 in percent."""
    if 0 < value < 0.01:
        return "under 1 %"
    return f"{value * 100:.0f} %"


def change(value: float | None) -> str:
    """A change against the time before: "+38 %", "-12 %"; "new" for what did not happen then, "" without one."""
    if value is None:
        return ""
    return "new" if value == float("inf") else f"{value * 100:+,.0f} %".replace("-", MINUS)


def split_name(name: str) -> Name:
    """Split a dotted name into its module and its last part; other text is returned as the last part.

    Nothing is left out: what is common to some names of a page tells others apart.
    """
    if not DOTTED_NAME.fullmatch(name):
        return Name("", name)
    module, _, last = name.rpartition(".")
    return Name(f"{module}.", last)
