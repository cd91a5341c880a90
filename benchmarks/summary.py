"""What opens the page: a chart and a table of requests, and what the figures mean, all written from the results."""

from __future__ import annotations

from pathlib import Path

from . import chart, page
from .places import GUNICORN
from .report import Result, markdown
from .rounds import Samples
from .shop import RECEIVERS_A_SAVE, SAVES
from .subjects import CONTROL, VANILLA

BLOCK = "benchmarks.summary"
CHART = "requests.svg"
IN_PROCESS = "in process"
NAMES = {
    VANILLA: "Django",
    "untraced": "Django and us",
    "otel-django": "OpenTelemetry",
    "otel-django-sampled": "OpenTelemetry and us",
    "sentry": "Sentry",
    "beside-sentry": "Sentry and us",
}
"""The subjects of the chart and the table, by their short names."""
BESIDE = {"otel-django-sampled": "otel-django", "beside-sentry": "sentry"}
"""What subjects are that run the monitor beside another tool: that tool."""
OPTIONS = {
    "stored": "the SQLite store, the default, instead of the store in memory",
    "metered": "metrics, where an SDK of OpenTelemetry records them,",
    "database-work": "`DATABASE_WORK`, which is off unless `DEBUG` is on,",
}
CLOCKS = ("cpu", "p50", "p99")
NS = 1e6


class Figures:
    """The medians in one place, in milliseconds."""

    def __init__(self, samples: Samples) -> None:
        self._samples = samples
        self.place = GUNICORN if samples.rounds(GUNICORN, VANILLA, "cpu") else IN_PROCESS

    def has(self, *subjects: str) -> bool:
        """Whether all these subjects were measured."""
        return all(self._samples.rounds(self.place, subject, "cpu") for subject in subjects)

    def of(self, subject: str, clock: str) -> float:
        """The median."""
        spread = self._samples.spread(self.place, subject, clock)
        return spread.median / NS if spread else 0.0

    def added(self, subject: str, to: str = VANILLA) -> float:
        """The median of the CPU time that a subject added to another in the same round."""
        spread = self._samples.difference(self.place, subject, "cpu", to)
        return spread.median / NS if spread else 0.0

    @property
    def named(self) -> list[str]:
        """The subjects of the table that were measured."""
        return [subject for subject in NAMES if self.has(subject)]


def write(path: Path, result: Result) -> None:
    """Write the chart beside the page, and the table and the text to it."""
    figures = Figures(result.samples)
    if not figures.has(VANILLA, "untraced"):
        return
    path.with_name(CHART).write_text(drawn(figures, result.pair), encoding="utf-8")
    page.write_block(path, BLOCK, lines(figures, result.pair))


def lines(figures: Figures, pair: str) -> list[str]:
    """The picture, the table and the text."""
    rows = [["a request", "CPU time", "added", "p50", "p99"]]
    for subject in figures.named:
        added = _signed(figures.added(subject)) if subject != VANILLA else ""
        times = [f"{figures.of(subject, clock):.2f} ms" for clock in CLOCKS]
        rows.append([NAMES[subject], times[0], added, *times[1:]])
    return [
        f"![CPU time of a request, and its 99th percentile]({CHART})",
        "",
        f"A request saves {SAVES} rows, with {RECEIVERS_A_SAVE} receivers each. {pair}, {figures.place}, SQLite in a",
        "file. CPU time is that of the whole process, with all deferred work.",
        *_noise(figures),
        "",
        *markdown(rows),
        "",
        "## What it means in production",
        "",
        *meaning(figures),
    ]


def _noise(figures: Figures) -> list[str]:
    if not figures.has(CONTROL):
        return []
    cpu, p99 = (abs(figures.of(CONTROL, clock) / figures.of(VANILLA, clock) - 1) for clock in ("cpu", "p99"))
    off = f"off by {cpu:.0%} of its CPU time and {p99:.0%} of its p99"
    return [f"Django alone, measured again, is {off}: smaller differences have no meaning."]


def meaning(figures: Figures) -> list[str]:
    """What the figures say, one item for each subject that was measured."""
    return [
        *_of_requests(figures),
        *_beside_others(figures),
        *_of_options(figures),
        "- **The worker** takes at most `WORKER_CPU_PERCENT` of one core in each process, 50 unless set.",
        "  Where it cannot keep up, dispatches are dropped and counted on the health page.",
    ]


def _of_requests(figures: Figures) -> list[str]:
    added = figures.added("untraced")
    share, each = added / figures.of(VANILLA, "cpu"), added * 1_000 / SAVES
    times = {clock: [f"{figures.of(name, clock):.2f} ms" for name in ("untraced", VANILLA)] for clock in CLOCKS}
    ours, alone = times["cpu"]
    return [
        f"- **CPU time**: {ours} instead of {alone}, {share:+.0%} for a request that does little but save. That is",
        f"  {each:.0f} µs for each save with {RECEIVERS_A_SAVE} receivers, with all deferred work.",
        f"- **Time that people wait**: p50 is {' instead of '.join(times['p50'])},",
        f"  p99 is {' instead of '.join(times['p99'])}.",
    ]


def _beside_others(figures: Figures) -> list[str]:
    items = []
    spans = SAVES * (1 + RECEIVERS_A_SAVE)
    for both, other in BESIDE.items():
        if figures.has(both, other):
            exported = f", {spans} spans of dispatches and receivers exported" if other == "otel-django" else ""
            items += [
                f"- **With {NAMES[other]}**: it adds {_signed(figures.added(other))} to Django, and we add "
                f"{_signed(figures.added(both, other))} to it{exported}.",
            ]
    return items


def _of_options(figures: Figures) -> list[str]:
    measured = {subject: said for subject, said in OPTIONS.items() if figures.has(subject)}
    if not measured:
        return []
    items = [f"  - {said} {_signed(figures.added(subject, 'untraced'))}" for subject, said in measured.items()]
    return ["- **Settings**, in CPU time of this request:", *items]


def drawn(figures: Figures, pair: str) -> str:
    """The chart."""
    rows = []
    for subject in figures.named:
        parts, other = [("django", figures.of(VANILLA, "cpu"))], BESIDE.get(subject)
        if other is not None and figures.has(other):
            parts.append(("other", max(0.0, figures.added(other))))
            parts.append(("ours", max(0.0, figures.added(subject, other))))
        elif subject != VANILLA:
            parts.append(("ours" if subject == "untraced" else "other", max(0.0, figures.added(subject))))
        cpu, p99 = figures.of(subject, "cpu"), figures.of(subject, "p99")
        rows.append(chart.Bar(NAMES[subject], parts, f"{cpu:.2f} ms", p99, f"{p99:.2f} ms"))
    notes = ["Grey: Django. Blue: django-signal-monitor. Orange: the other tool.", f"{pair}, {figures.place}."]
    title = f"A request that saves {SAVES} rows with {RECEIVERS_A_SAVE} receivers each"
    return chart.bars(title, notes, ("CPU time of the whole process", "99th percentile of its duration"), rows)


def _signed(milliseconds: float) -> str:
    return f"{milliseconds:+.2f} ms"
