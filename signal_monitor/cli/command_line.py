"""The command line: the subcommands with their options, and how each ends."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys

from signal_monitor.cli.base import BROKEN_PIPE, INTERRUPTED, Options, Subcommand, failure
from signal_monitor.cli.diff import Diff
from signal_monitor.cli.doctor import Doctor
from signal_monitor.cli.install import Install
from signal_monitor.cli.listing import List
from signal_monitor.cli.mcp import Mcp
from signal_monitor.cli.output import Output, Stream
from signal_monitor.cli.run import Run
from signal_monitor.cli.show import Show
from signal_monitor.cli.tail import Tail
from signal_monitor.cli.top import Top
from signal_monitor.pipeline.suppression import suppressed
from signal_monitor.stores.base import StoreError

HELP = "Show what is connected to the project's signals, what ran, what it cost, and what is wrong with it."
SUBCOMMANDS: tuple[Subcommand, ...] = (
    List(),
    Doctor(),
    Top(),
    Tail(),
    Show(),
    Diff(),
    Run(),
    Install(),
    Mcp(),
)
BY_NAME = {subcommand.name: subcommand for subcommand in SUBCOMMANDS}


def add_subcommands(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommands and their options."""
    group = parser.add_subparsers(dest="subcommand", required=True, metavar="SUBCOMMAND", title="subcommands")
    for subcommand in SUBCOMMANDS:
        mine = group.add_parser(
            subcommand.name,
            help=subcommand.help,
            description=subcommand.help,
            epilog=subcommand.epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        subcommand.add_arguments(mine)
        if subcommand.formats:
            mine.add_argument(
                "--format", choices=subcommand.formats, default=subcommand.formats[0], help="of the output"
            )
        _add_options_of_django(mine)


def _add_options_of_django(parser: argparse.ArgumentParser) -> None:
    """Accept the options of all commands after the subcommand too, where people write them."""
    for option in ("--settings", "--pythonpath", "--verbosity"):
        parser.add_argument(option, default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    for flag in ("--traceback", "--no-color", "--force-color"):
        parser.add_argument(flag, action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS)


def run(options: Options, stream: Stream) -> int:
    """Run the subcommand that the options name; answers its exit code."""
    subcommand = BY_NAME[options["subcommand"]]
    out = Output(stream, as_json=options.get("format") == "json", colour=_colour(options))
    try:
        with contextlib.nullcontext() if subcommand.is_observed else suppressed():
            return subcommand.handle(options, out)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        _close_quietly()
        return BROKEN_PIPE
    except StoreError as error:
        raise failure(f"The store cannot be read: {error}") from error


def _colour(options: Options) -> bool | None:
    """Whether to print in colour, where an option says so."""
    if options.get("force_color"):
        return True
    return False if options.get("no_color") else None


def _close_quietly() -> None:
    """Give what Python writes at exit another place: nobody reads the pipe any more."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
