"""``signals doctor``: the findings."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterator, Sequence
from importlib import import_module

from django.conf import settings

from signal_monitor.cli.base import FOUND, OK, Options, Subcommand, failure
from signal_monitor.cli.github import annotation
from signal_monitor.cli.numbers import positive
from signal_monitor.cli.output import Cell, Output, Style
from signal_monitor.cli.places import place
from signal_monitor.cli.reading import why_nothing_is_stored
from signal_monitor.dashboard.formatting import age
from signal_monitor.dashboard.serializers import finding_json
from signal_monitor.finding import LEVELS, Finding, Level
from signal_monitor.findings.engine import find, merged, ranked
from signal_monitor.findings.silencing import unsilenced
from signal_monitor.findings.static import findings_here
from signal_monitor.findings.wording import plural
from signal_monitor.stores import get_store

STYLES: dict[Level, Style] = {"error": "bad", "warning": "warn", "hint": "muted"}
SKETCH_STYLES: dict[str, Style] = {"+": "good", "-": "bad"}
NEVER = "never"


class Doctor(Subcommand):
    """Prints what is wrong with the connections of this process, and with what the store holds."""

    name = "doctor"
    help = "Say what is wrong with the project's signals, why it matters, and what to do."
    found = "there are findings of --fail-level or worse"
    formats = ("text", "json", "github")
    examples = ("doctor", "doctor --minutes 60", "doctor --format github --fail-level error")

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--fail-level",
            choices=(*LEVELS, NEVER),
            default=LEVELS[-1],
            help="the least level of a finding that makes the exit code 1 (hint: any finding)",
        )
        parser.add_argument("--minutes", type=positive, help="only what the last minutes show (all that is stored)")

    def handle(self, options: Options, out: Output) -> int:
        found = all_findings(options["minutes"])
        if options["format"] == "github":
            out.write("".join(f"{annotation(finding)}\n" for finding in found))
        elif out.as_json:
            out.json({"findings": [finding_json(finding) for finding in found]})
        else:
            _print(found, out)
        return FOUND if _is_reached(found, options["fail_level"]) else OK


def all_findings(minutes: float | None = None) -> list[Finding]:
    """What is wrong with what is connected here and with what the store holds, the worst first."""
    since = time.time() - minutes * 60 if minutes else None
    import_urls()
    recorded = [] if why_nothing_is_stored() else find(get_store(), since)
    return ranked(merged([*recorded, *unsilenced(findings_here())]))


def import_urls() -> None:
    """Import the URLs with their views, as ``check`` and every site do: receivers are connected there too."""
    if name := getattr(settings, "ROOT_URLCONF", None):
        try:
            import_module(name)
        except Exception as error:
            raise failure(f"{name} cannot be imported: {type(error).__name__}: {error}") from error


def _is_reached(findings: Sequence[Finding], level: str) -> bool:
    return level != NEVER and any(level in LEVELS[LEVELS.index(finding.level) :] for finding in findings)


def _print(findings: Sequence[Finding], out: Output) -> None:
    for finding in findings:
        print_finding(finding, out)
        out.line()
    out.line(Cell(summary(findings), "bold" if findings else "good"))
    if reason := why_nothing_is_stored():
        out.line(Cell(f"These are only the findings that are known without running. {reason}", "muted"))


def print_finding(finding: Finding, out: Output) -> None:
    """Print a finding with its reason, its remedy and its evidence."""
    out.line(Cell(f"{finding.level} {finding.code}", STYLES[finding.level]), f"  {finding.title}")
    out.line("  ", Cell(finding.message, "bold"))
    for line in finding.why.splitlines():
        out.line("  ", line)
    for line in finding.advice.splitlines():
        out.line("  ", line)
    for line in finding.sketch.splitlines():
        out.line("    ", Cell(line, SKETCH_STYLES.get(line[:1], "")))
    for line in _evidence(finding):
        out.line("  ", Cell(line, "muted"))


def _evidence(finding: Finding) -> Iterator[str]:
    now = time.time()
    where = place(finding.path, finding.line)
    times = "once" if finding.count == 1 else f"{finding.count:,} times"
    seen = f"seen {times}, last {age(finding.last_seen, now)}" if finding.last_seen else ""
    if where or seen:
        yield ", ".join(filter(None, (where, seen)))
    example = next(iter((*finding.requests, *finding.dispatches)), None)
    if example:
        yield f"manage.py signals show {example}"


def summary(findings: Sequence[Finding]) -> str:
    """How many findings there are, by level."""
    if not findings:
        return "No findings."
    counts = Counter(finding.level for finding in findings)
    by_level = ", ".join(plural(counts[level], level) for level in LEVELS if counts[level])
    return f"{plural(len(findings), 'finding')}: {by_level}."
