"""What the registry and the findings cost: start-up, the worker's CPU time, bytes of the store.

    python -m benchmarks.registry                                  with this interpreter
    python -m benchmarks.registry --quick                          a first look
    python -m benchmarks.registry --python .venv/bin/python other/bin/python --write

A process of its own is started for each number of receivers and each round. Start-up is the CPU time of
``django.setup()``, beside that of the same project without the app. Run nothing else meanwhile.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from . import command, page
from .children import ROOT, BenchmarkError, environment, say
from .report import markdown, pair_of
from .rounds import Spread

RECEIVERS = (20, 200, 2_000)
ROUNDS = 5
ROWS: Mapping[str, tuple[str, float, str]] = {
    "startup": ("start-up, Django alone", 1e6, "ms"),
    "startup-ours": ("start-up with the app", 1e6, "ms"),
    "take": ("taking the registry, worker CPU", 1e6, "ms"),
    "rules": ("of that, the rules about what is connected", 1e6, "ms"),
    "bytes": ("the registry in the store", 1e3, "kB"),
    "find": ("finding, on read: first look at 3,000 dispatches", 1e6, "ms"),
    "find-again": ("finding again while the store has not changed", 1e6, "ms"),
}
"""The rows: their titles, and what their numbers are divided by."""


def measured(python: str, rounds: int) -> dict[str, dict[int, Spread]]:
    """The numbers of one interpreter, by row and number of receivers."""
    values: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for number in range(rounds):
        say(f"round {number + 1}")
        for receivers in RECEIVERS:
            for kind in ("bare", "ours"):
                for row, value in _child(python, kind, receivers).items():
                    values[row][receivers].append(value)
    return {row: {count: Spread.of(found) for count, found in each.items()} for row, each in values.items()}


def _child(python: str, kind: str, receivers: int) -> dict[str, float]:
    arguments = [python, "-m", "benchmarks.registry_child", kind, str(receivers)]
    done = subprocess.run(arguments, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)  # noqa: S603 - ours
    if done.returncode:
        raise BenchmarkError(f"{kind} with {receivers} receivers failed: {done.stderr}")
    numbers: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return numbers


def table(found: Mapping[str, Mapping[int, Spread]]) -> list[str]:
    """The numbers as Markdown: medians, and the quartiles in brackets."""
    rows = [["", *(f"{count:,} receivers" for count in RECEIVERS)]]
    for row, (title, per, unit) in ROWS.items():
        rows.append([title, *(_cell(found[row][count], per, unit) for count in RECEIVERS)])
    return markdown(rows)


def _cell(spread: Spread, per: float, unit: str) -> str:
    low, middle, high = (f"{value / per:,.1f}" for value in (spread.low, spread.median, spread.high))
    return f"{middle} {unit} ({low} to {high})"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the tables, and write them to the page if wanted; returns the exit status."""
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--rounds", type=int, default=ROUNDS, help=f"how many rounds to measure ({ROUNDS})")
    made.add_argument("--quick", action="store_true", help="a first look: one round, not reliable")
    made.add_argument("--python", nargs="+", default=[sys.executable], metavar="PATH", help="interpreters, in turn")
    made.add_argument(
        "--write", type=Path, nargs="?", const=command.PAGE, metavar="FILE", help="also write to the page"
    )
    options = made.parse_args(arguments)
    if options.write is not None and options.quick:
        made.error("--write wants no --quick: it replaces what is on the page")
    for python in options.python:
        try:
            versions = command.versions(python)
            lines = [_said(versions, options), "", *table(measured(python, 1 if options.quick else options.rounds))]
        except BenchmarkError as error:
            print(error, file=sys.stderr)
            return 1
        pair = pair_of(versions)
        print(pair, "", *lines, "", sep="\n")
        if options.write is not None:
            page.write(options.write, "benchmarks.registry", pair, lines)
    return 0


def _said(versions: Mapping[str, object], options: argparse.Namespace) -> str:
    rounds = 1 if options.quick else options.rounds
    count = "1 round" if rounds == 1 else f"{rounds} rounds"
    return f"Python {versions['python']}; {versions['platform']}, {versions['cores']} cores; {count}."


if __name__ == "__main__":
    sys.exit(main())
