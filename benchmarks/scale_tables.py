"""The tables of ``benchmarks.scale``: a row for each number, beside Django alone."""

from __future__ import annotations

from .report import markdown, said
from .rounds import Samples
from .scale_rows import GROUPS, ROWS
from .subjects import CONTROL, QUEUEING, VANILLA

KEPT = {f"memory-{name}": name for name in ("classes-100", "classes-10000", "instances-100000", "strings-100000")}
"""Where the memory of senders is measured, by scenario."""
PROCESSES = {f"processes-{count}": count for count in (1, 4, 16)}
QUEUE = "queue"
WANTED = 400_000
"""The dispatches a second that the queue is to hold."""
OURS = "untraced"


def lines(samples: Samples) -> list[str]:
    """All tables."""
    return [
        *_worst(samples),
        *(line for group in GROUPS for line in _group(samples, group)),
        *_kept(samples),
        *_processes(samples),
        *_queue(samples),
    ]


def _worst(samples: Samples) -> list[str]:
    found = []
    for clock in ("hot", "all-in"):
        ratios = [
            (ratio.median, row.title) for name, row in ROWS.items() if (ratio := samples.ratio(name, OURS, clock))
        ]
        if ratios:
            found.append(f"{max(ratios)[0]:.1f} {clock} ({max(ratios)[1]})")
    return [f"The most of all rows, as a ratio to Django alone: {', '.join(found)}."] if found else []


def _titled(title: str, rows: list[list[str]]) -> list[str]:
    return ["", f"{title}:", "", *markdown(rows)] if len(rows) > 1 else []


def _group(samples: Samples, group: str) -> list[str]:
    rows = [["", "Django alone", "again (control)", "ours, hot", "Django alone, all-in", "ours, all-in"]]
    for name, row in ROWS.items():
        if row.group == group and samples.rounds(name, VANILLA, "hot"):
            alone, all_in = (samples.spread(name, VANILLA, clock) for clock in ("hot", "all-in"))
            assert alone is not None and all_in is not None  # noqa: S101, PT018 - for the type checker
            ratios = [(CONTROL, "hot"), (OURS, "hot"), (OURS, "all-in")]
            control, hot, deferred = (said(samples.ratio(name, subject, clock)) for subject, clock in ratios)
            rows.append([row.title, f"{alone.median:,.0f} ns", control, hot, f"{all_in.median:,.0f} ns", deferred])
    return _titled(f"{GROUPS[group].title}, a send", rows)


def _kept(samples: Samples) -> list[str]:
    rows = [["", "Django alone", "ours adds"]]
    for name, row in KEPT.items():
        alone, more = (samples.spread(name, VANILLA, "bytes"), samples.difference(name, OURS, "bytes", VANILLA))
        if alone and more:
            rows.append([ROWS[row].title, f"{alone.median:,.0f} B", f"{more.median:,.0f} B"])
    return _titled("Memory that is kept for each sender", rows)


def _processes(samples: Samples) -> list[str]:
    rows = [["", "Django alone", "ours adds"]]
    for name, count in PROCESSES.items():
        alone, more = (samples.spread(name, VANILLA, "cpu"), samples.difference(name, "stored", "cpu", VANILLA))
        if alone and more:
            title = f"{count} processes" if count != 1 else "1 process"
            figures = [f"{alone.median / 1e6:,.2f} ms", f"{more.median / 1e6:,.2f} ms ({more.low / 1e6:,.2f} to "]
            rows.append([title, figures[0], f"{figures[1]}{more.high / 1e6:,.2f})"])
    title = "CPU time of each process in a second with 1,000 dispatches, where processes share one SQLite store"
    return _titled(title, rows)


def _queue(samples: Samples) -> list[str]:
    rows = [["", "none dropped up to", "sent without a pause", "dropped of these"]]
    for subject, item in QUEUEING.items():
        most, fastest, dropped = (
            samples.spread(QUEUE, subject, clock) for clock in ("undropped", "fastest", "dropped")
        )
        if most and fastest and dropped:
            figures = [f"{spread.median:,.0f} a second" for spread in (most, fastest)]
            rows.append([item.title, *figures, f"{dropped.median:.0%}"])
    return _titled(f"Dispatches with one receiver, from one thread; the target is {WANTED:,} a second", rows)
