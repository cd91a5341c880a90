"""``signals install``: what the project's settings, URLs and ASGI module lack."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Sequence

from django.conf import settings
from django.core.checks import WARNING, CheckMessage

from signal_monitor.checks import check_setup
from signal_monitor.cli.base import FOUND, OK, Options, Subcommand, failure
from signal_monitor.cli.edits import ASGI_ONLY, Edit, edits_for
from signal_monitor.cli.output import Cell, Output
from signal_monitor.cli.places import short_path
from signal_monitor.conf import get_config
from signal_monitor.findings.wording import plural


class Install(Subcommand):
    """Prints the lines to add; changes no file."""

    name = "install"
    help = "Compare the project with what the monitor needs, and print the lines to add. No file is changed."
    found = "something is to be added"
    examples = ("install", "install --wsgi")

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--wsgi", action="store_true", help="the project runs under WSGI only: the pages poll")

    def handle(self, options: Options, out: Output) -> int:
        if not get_config().ENABLED:
            raise failure('SIGNAL_MONITOR["ENABLED"] is False, so nothing is needed. Set it to True first.')
        problems = _problems(wsgi=options["wsgi"])
        edits = [(problem, edits_for(problem)) for problem in problems]
        if out.as_json:
            out.json({"problems": [_as_json(problem, changes) for problem, changes in edits]})
        else:
            for problem, changes in edits:
                _print(problem, changes, out)
            out.line(_summary(problems, wsgi=options["wsgi"]))
        return FOUND if problems else OK


def _problems(*, wsgi: bool) -> list[CheckMessage]:
    """What the system checks report of the setup, without what is silenced or only informs."""
    return [
        message
        for message in check_setup(None)
        if message.is_serious(WARNING)
        and message.id not in settings.SILENCED_SYSTEM_CHECKS
        and not (wsgi and message.id in ASGI_ONLY)
    ]


def _print(problem: CheckMessage, edits: Sequence[Edit], out: Output) -> None:
    out.line(Cell(str(problem.id), "warn"), f"  {problem.msg}")
    if not edits:
        out.line("  ", str(problem.hint))
    for edit in edits:
        out.line("  ", Cell(short_path(edit.path), "bold"), f", {edit.where}:")
        for line in edit.removed:
            out.line("    ", Cell(f"- {line}", "bad"))
        for line in edit.added:
            out.line("    ", Cell(f"+ {line}", "good"))
    out.line()


def _summary(problems: Sequence[CheckMessage], *, wsgi: bool) -> Cell:
    if not problems:
        return Cell("Nothing is to be added.", "good")
    asgi = [problem for problem in problems if problem.id in ASGI_ONLY]
    hint = " If the project runs under WSGI only: manage.py signals install --wsgi." if asgi and not wsgi else ""
    return Cell(f"{plural(len(problems), 'thing')} to do.{hint}", "bold")


def _as_json(problem: CheckMessage, edits: Sequence[Edit]) -> dict[str, object]:
    return {
        "id": problem.id,
        "message": problem.msg,
        "hint": problem.hint,
        "edits": [
            {"path": edit.path, "where": edit.where, "remove": list(edit.removed), "add": list(edit.added)}
            for edit in edits
        ],
    }
