"""Run Django's own tests plain and under the monitor, and compare what became of each and what each said.

    python -m tests.conformance.run                            the installed Django, the apps that dispatch most
    python -m tests.conformance.run --apps all                 every test of Django's: some 15 minutes a run
    python -m tests.conformance.run --django 6.0               the newest 6.0, in a virtual environment of its own
    python -m tests.conformance.run --mode plans no-plans        with plans and without, one run each
    python -m tests.conformance.run --apps all --plain --save plain.json
    python -m tests.conformance.run --apps all --against plain.json

The tests are in Django's sdist, which pip downloads once into the user's cache directory. A test that differs is run
again, alone, three times plain and three times instrumented. If it varies without the monitor too, or agrees when it is
alone, it is a flake, and told as such. The exit status is 0 without differences, 1 with, 2 where nothing was compared.
"""

from __future__ import annotations

import argparse
import os
import platform
import signal
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .compare import NOT_LOADED, busiest, complaints, differences, rerun
from .errors import ConformanceError
from .progress import ProgressLine
from .sdist import environment_for, fetch_sdist, installed_django, unpack, version_of
from .suite import Mode, Run, Suite

# Django's tests of signals and of async dispatches, and the apps with most dispatches per second, as --rates has them.
APPS = (
    *("dispatch", "signals", "asgi", "async", "m2m_signals", "migrate_signals"),
    *("delete", "delete_regress", "get_or_create", "handlers", "messages_tests", "middleware", "requests_tests"),
    *("settings_tests", "sites_tests", "test_client", "test_client_regress", "test_utils", "transaction_hooks"),
)


@dataclass(frozen=True)
class Comparison:
    """Django's tests of one version, to be run in several modes."""

    suite: Suite
    django: str
    labels: Sequence[str]
    tells_rates: bool = False

    @property
    def about(self) -> dict[str, object]:
        """What a saved run has to be of, to be compared with one of these."""
        return {"django": self.django, "python": platform.python_version(), "apps": sorted(self.labels) or "all"}

    def run(self, mode: Mode) -> Run:
        """Run in one mode, and print the counts."""
        line = ProgressLine(f"Django {self.django}, {mode}")
        try:
            run = self.suite.run(self.labels, mode, line)
        finally:
            line.clear()
        print(f"{line.title}: {run}", flush=True)
        return run

    def conforms(self, plain: Run, mode: Mode) -> bool:
        """Run under the monitor and print what differs; whether nothing does."""
        instrumented = self.run(mode)
        found = differences(plain, instrumented)
        verdict = rerun(found, self.suite.run_alone, mode, lambda label: print(f"  again: {label}", flush=True))
        for judged in verdict.real:
            _print_traceback(judged.difference.test, plain, instrumented)
        if self.tells_rates:
            print("\n".join(f"{rate:10.0f} dispatches per second: {app}" for app, rate in busiest(instrumented)))
        wrong = complaints(instrumented, mode)
        print(verdict, *wrong, sep="\n", flush=True)
        return not (wrong or verdict.real)


def _print_traceback(test: str, plain: Run, instrumented: Run) -> None:
    if text := instrumented.tracebacks.get(test) or plain.tracebacks.get(test):
        print(f"\n{test}\n{text}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare, print, and answer the exit status."""
    options = _parser().parse_args(arguments)
    try:
        return _compare(options)
    except ConformanceError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; nothing was compared", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.conformance.run",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--django", metavar="VERSION", help="as 5.2.19, or 5.2 for the newest of these; else the installed one")
    add("--apps", nargs="+", default=APPS, metavar="APP", help="labels for runtests.py; all: every test")
    add(
        "--mode",
        nargs="+",
        default=["plans"],
        choices=["plans", "no-plans"],
        help="with plans, without, or both (plans)",
    )
    add("--parallel", "--jobs", type=int, default=os.cpu_count(), metavar="N", help="processes (one per CPU)")
    alternatives = parser.add_mutually_exclusive_group()
    alternatives.add_argument("--plain", action="store_true", help="run the tests without the monitor, compare nothing")
    alternatives.add_argument("--against", type=Path, metavar="FILE", help="compare with a plain run that was kept")
    add("--save", type=Path, metavar="FILE", help="keep the plain run for --against")
    add("--rates", action="store_true", help="print the dispatches observed per second in each app")
    return parser


def _compare(options: argparse.Namespace) -> int:
    sdist = fetch_sdist(options.django or installed_django())
    python = environment_for(sdist) if options.django else sys.executable
    labels = [] if options.apps == ["all"] else options.apps
    with tempfile.TemporaryDirectory() as directory:
        suite = Suite(unpack(sdist, Path(directory)), python, options.parallel)
        comparison = Comparison(suite, version_of(sdist), labels, options.rates)
        plain = _plain(comparison, options)
        if options.plain:
            return 0
        conforming = [comparison.conforms(plain, path) for path in options.mode]
    return 0 if all(conforming) else 1


def _plain(comparison: Comparison, options: argparse.Namespace) -> Run:
    if options.against:
        return Run.load(options.against, comparison.about)
    plain = comparison.run("plain")
    for test, traceback in plain.tracebacks.items():
        if test.startswith(NOT_LOADED):
            raise ConformanceError(f"Django has no tests to load there, or cannot load them:\n{traceback}")
        print(f"  fails without the monitor: {test}")
    if options.save:
        plain.save(options.save, comparison.about)
    return plain


if __name__ == "__main__":
    # Whoever terminates this means Django's tests too, which run in a session of their own.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main())
