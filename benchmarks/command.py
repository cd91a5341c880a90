"""What the two commands share: options and output."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from . import page
from .children import ROOT, BenchmarkError, Child, running_children
from .report import Result, Table
from .subjects import VANILLA, Subject
from .tools import ENCODE

PAGE = ROOT / "docs" / "performance.md"
ROUNDS = 15
QUICK_ROUNDS = 2
ROUNDS_PER_PROCESS = 5
"""Where a process happens to lie in memory makes it faster or slower for all its life: so it is not one process."""


def parser(documentation: str, subjects: Iterable[str], scenarios: Iterable[str]) -> argparse.ArgumentParser:
    """The options of both commands."""
    made = argparse.ArgumentParser(description=documentation, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--rounds", type=int, default=ROUNDS, help=f"how many rounds to measure ({ROUNDS})")
    made.add_argument("--quick", action="store_true", help="a first look: few short rounds, not reliable")
    made.add_argument("--subjects", nargs="+", choices=[*subjects], metavar="NAME", help=", ".join(subjects))
    made.add_argument("--scenarios", nargs="+", choices=[*scenarios], metavar="NAME", help=", ".join(scenarios))
    made.add_argument(
        "--python", nargs="+", default=[sys.executable], metavar="PATH", help="interpreters to measure with, in turn"
    )
    made.add_argument("--encode", action="store_true", help="let exporters encode the spans before they drop them")
    made.add_argument("--json", type=Path, metavar="FILE", help="also write the results to this file")
    made.add_argument(
        "--write",
        type=Path,
        nargs="?",
        const=PAGE,
        metavar="FILE",
        help=f"also write the tables to this page, for these versions (default: {PAGE.relative_to(ROOT)})",
    )
    return made


def chosen(subjects: Mapping[str, Subject], names: Sequence[str] | None, bases: Sequence[str]) -> dict[str, Subject]:
    """The chosen subjects, and those that they are compared with; all if none is named."""
    return {name: subject for name, subject in subjects.items() if not names or name in {*names, *bases}}


def portions(rounds: int) -> list[range]:
    """The rounds, in groups that share child processes."""
    return [range(first, min(first + ROUNDS_PER_PROCESS, rounds)) for first in range(0, rounds, ROUNDS_PER_PROCESS)]


def versions(python: str) -> dict[str, object]:
    """The versions and the machine, on which the results of an interpreter depend."""
    with running_children(python, {VANILLA: Subject("Django alone")}) as children:
        child: Child = children[VANILLA]
        return child.ask("versions")


def parsed(made: argparse.ArgumentParser, arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The options; an error if a page would be overwritten with a part of its results."""
    options = made.parse_args(arguments)
    if options.write is not None and (options.quick or options.subjects or options.scenarios):
        made.error("--write wants all subjects and scenarios, and no --quick: it replaces what is on the page")
    return options


def run(
    options: argparse.Namespace,
    benchmark: str,
    tables: Sequence[Table],
    measured: Callable[[str, argparse.Namespace], Result],
    summarize: Callable[[Path, Result], None] | None = None,
) -> int:
    """Measure with each interpreter, and output the results; returns the exit status.

    What ``summarize`` writes to the page is that of the last interpreter.
    """
    if options.encode:
        os.environ[ENCODE] = "1"
    results = []
    try:
        for python in options.python:
            result = measured(python, options)
            results.append(result)
            lines = result.lines(tables)
            print(result.pair, "", *lines, "", sep="\n")
            if options.write is not None:
                page.write(options.write, benchmark, result.pair, lines)
                if summarize is not None:
                    summarize(options.write, result)
    except BenchmarkError as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        if options.json is not None:
            options.json.write_text(json.dumps([result.as_json() for result in results], indent=1), encoding="utf-8")
    return 0
