"""``signals run -- <command>``: what the signals of a management command cost."""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

from django.core.management import ManagementUtility
from django.core.management.base import BaseCommand

from signal_monitor import pipeline
from signal_monitor.cli.base import FOUND, INTERRUPTED, OK, Options, Subcommand, failure
from signal_monitor.cli.output import Cell, Output
from signal_monitor.cli.timeline import Json
from signal_monitor.cli.totals import totals_table
from signal_monitor.dashboard.formatting import duration, milliseconds, share
from signal_monitor.dashboard.serializers import totals_json
from signal_monitor.findings.wording import plural
from signal_monitor.observers.totals import TotalsObserver
from signal_monitor.own_command import COMMAND
from signal_monitor.pipeline.process import ThisProcess
from signal_monitor.records import SubjectKind
from signal_monitor.stores.base import LIFE, Batch, Totals


@dataclass(frozen=True)
class Cost:
    """What a command took, and what of it its receivers and signals took."""

    exit_code: int
    duration_ns: int
    receivers: Sequence[Totals]
    signals: Sequence[Totals]

    @property
    def receivers_ns(self) -> int:
        """Own time of all receivers."""
        return sum(row.self_ns for row in self.receivers)

    @property
    def dispatches(self) -> int:
        """How many dispatches there were."""
        return sum(row.count for row in self.signals)


class Run(Subcommand):
    """Runs a command in this process, and adds up its receiver calls."""

    name = "run"
    help = "Run a management command, and print what its signals have cost. The exit code is that of the command."
    examples = ("run -- loaddata shop.json", "run --format json -- migrate")
    is_observed = True

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("arguments", nargs=argparse.REMAINDER, metavar="-- COMMAND ...", help="with its options")

    def handle(self, options: Options, out: Output) -> int:
        arguments = options["arguments"][options["arguments"][:1] == ["--"] :]
        if not arguments or arguments[0] == COMMAND:
            raise failure("Name the command to run: manage.py signals run -- loaddata shop.json")
        cost = measure(arguments, keeps_stdout=not out.as_json)
        if out.as_json:
            out.json({"command": arguments, **cost_json(cost)})
        else:
            _print(cost, arguments, out)
        return cost.exit_code


def measure(arguments: Sequence[str], *, keeps_stdout: bool) -> Cost:
    """Run a command and add up its signals; what it prints goes to standard error unless ``keeps_stdout``."""
    running = pipeline.current()
    if running is None:
        raise failure('SIGNAL_MONITOR["ENABLED"] is False: nothing is observed. Set it to True.')
    totals = TotalsObserver()
    argv = [sys.argv[0] or "manage.py", *arguments]
    sys.argv = argv  # the command sees its own command line, and the process is named after it until it ends
    with contextlib.nullcontext() if keeps_stdout else contextlib.redirect_stdout(sys.stderr):
        command = ManagementUtility(argv).fetch_command(arguments[0])  # ends the process if there is none
        pipeline.flush()
        remove = running.add(totals)
        started = time.perf_counter()
        exit_code = _call(command, argv)
        ended = time.perf_counter()
        pipeline.flush()
        remove()
    batch = Batch(ThisProcess().describe(()))
    totals.fill(batch)
    rows = [row for row in batch.totals if row.window == LIFE]
    return Cost(exit_code, round((ended - started) * 1e9), _sorted(rows, "receiver"), _sorted(rows, "signal"))


def _sorted(rows: Sequence[Totals], kind: SubjectKind) -> list[Totals]:
    return sorted((row for row in rows if row.kind == kind), key=lambda row: (-row.self_ns, row.key))


def _call(command: BaseCommand, argv: list[str]) -> int:
    """Run the command as the command line does; answers its exit code."""
    try:
        command.run_from_argv(argv)
    except SystemExit as end:
        return _code_of(end)
    except KeyboardInterrupt:
        return INTERRUPTED
    return OK


def _code_of(end: SystemExit) -> int:
    """The exit code; a text is an error, which Python prints."""
    if end.code is None or isinstance(end.code, int):
        return end.code or OK
    sys.stderr.write(f"{end.code}\n")
    return FOUND


def cost_json(cost: Cost) -> Json:
    """The cost as JSON."""
    return {
        "exit_code": cost.exit_code,
        "duration_ms": milliseconds(cost.duration_ns),
        "receivers_ms": milliseconds(cost.receivers_ns),
        "dispatches": cost.dispatches,
        "receivers": [totals_json(row) for row in cost.receivers],
        "signals": [totals_json(row) for row in cost.signals],
    }


def _print(cost: Cost, arguments: Sequence[str], out: Output) -> None:
    out.line()
    if cost.receivers:
        totals_table(cost.receivers, out)
        out.line()
    if not cost.dispatches:
        out.line(Cell(f"{arguments[0]} took {duration(cost.duration_ns)}", "bold"), ", and no receiver ran.")
        return
    part = share(min(1.0, cost.receivers_ns / cost.duration_ns)) if cost.duration_ns else "0 %"
    dispatches = plural(cost.dispatches, "dispatch", "dispatches")
    out.line(
        Cell(f"{arguments[0]} took {duration(cost.duration_ns)}", "bold"),
        f", {duration(cost.receivers_ns)} of it in receivers ({part}): {dispatches} with receivers "
        f"of {plural(len(cost.signals), 'signal')}.",
    )
