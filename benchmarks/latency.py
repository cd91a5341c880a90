"""How long requests take with and without us: a histogram of ten thousand requests of each.

    python -m benchmarks.latency                                   under gunicorn
    python -m benchmarks.latency --quick                           a first look
    python -m benchmarks.latency --place "in process" --write      also docs/latency.svg, and the text on the page
    python -m benchmarks.latency --subjects vanilla otel-django otel-django-sampled

The subjects take turns with batches of requests; each of them is one process, with its worker running.
Run nothing else meanwhile.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from . import command, page
from .children import BenchmarkError, say
from .histogram import Curve, as_svg, as_text
from .places import GUNICORN
from .report import markdown, pair_of
from .requests import PLACES, running
from .subjects import ANSWERING, VANILLA

REQUESTS, QUICK_REQUESTS = 10_000, 200
BATCH = 200
BLOCK = "benchmarks.latency"
CHART = "latency.svg"
KINDS = ("django", "ours", "other")
SHOWN = (VANILLA, "untraced")
PERCENTILES = (50, 90, 99)


def measured(python: str, place: str, subjects: Sequence[str], requests: int) -> list[Curve]:
    """The durations of so many requests of each subject, in batches that take turns."""
    found: dict[str, list[int]] = defaultdict(list)
    with running(place)(python, {name: ANSWERING[name] for name in subjects}) as started:
        for done in range(0, requests, BATCH):
            say(f"{done:,} of {requests:,} requests")
            turn = done // BATCH % len(subjects)
            for name in [*subjects[turn:], *subjects[:turn]]:
                answer = started[name].ask("durations", count=min(BATCH, requests - done))
                found[name] += answer["durations"]
    kinds = dict(zip(subjects, KINDS, strict=False))
    return [Curve(kinds.get(name, "other"), ANSWERING[name].title, found[name]) for name in subjects]


def table(curves: Sequence[Curve]) -> list[str]:
    """The percentiles, and the slowest request."""
    rows = [
        ["", *(f"p{percent}" for percent in PERCENTILES), "p99.9", "slowest", f"over {_limit(curves) / 1e6:.2f} ms"]
    ]
    for curve in curves:
        ordered = sorted(curve.durations)
        figures = [*map(curve.percentile, PERCENTILES), ordered[int(len(ordered) * 0.999)], ordered[-1]]
        over = sum(duration > _limit(curves) for duration in ordered)
        rows.append([curve.name, *(f"{figure / 1e6:.2f} ms" for figure in figures), f"{over / len(ordered):.2%}"])
    return markdown(rows)


def _limit(curves: Sequence[Curve]) -> float:
    return 2 * curves[0].percentile(50)


def write(path: Path, said: str, curves: Sequence[Curve]) -> None:
    """Write the chart beside the page, and the table to it."""
    path.with_name(CHART).write_text(as_svg("How long a request takes", said, curves), encoding="utf-8")
    lines = [f"![Histogram of how long requests take]({CHART})", "", said, "", *table(curves)]
    page.write_block(path, BLOCK, lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the histogram, and write it if wanted; returns the exit status."""
    options = _options(arguments)
    requests = QUICK_REQUESTS if options.quick else options.requests
    try:
        versions = command.versions(options.python)
        curves = measured(options.python, options.place, options.subjects, requests)
    except BenchmarkError as error:
        print(error, file=sys.stderr)
        return 1
    said = _said(versions, options.place, requests)
    print(said, "", *as_text(curves), "", *table(curves), sep="\n")
    if options.write is not None:
        write(options.write, said, curves)
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--requests", type=int, default=REQUESTS, help=f"requests of each subject ({REQUESTS:,})")
    made.add_argument("--quick", action="store_true", help="a first look: few requests, not reliable")
    made.add_argument("--place", choices=PLACES, default=GUNICORN, help=f"where ({GUNICORN})")
    made.add_argument(
        "--subjects", nargs="+", choices=[*ANSWERING], default=SHOWN, metavar="NAME", help="what to compare"
    )
    made.add_argument("--python", default=sys.executable, metavar="PATH", help="the interpreter to measure with")
    made.add_argument(
        "--write", type=Path, nargs="?", const=command.PAGE, metavar="FILE", help="also write to the page"
    )
    options = made.parse_args(arguments)
    if options.write is not None and options.quick:
        made.error("--write wants no --quick: it replaces what is on the page")
    return options


def _said(versions: Mapping[str, object], place: str, requests: int) -> str:
    return f"{pair_of(versions)}, {place}: {requests:,} requests of each, in turns of {BATCH}."


if __name__ == "__main__":
    sys.exit(main())
