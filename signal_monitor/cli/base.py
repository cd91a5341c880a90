"""The base class of the subcommands, and the codes with which they end."""

from __future__ import annotations

from abc import ABC, abstractmethod
from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django.core.management.base import CommandError

from signal_monitor.cli.output import Output

OK = 0
FOUND = 1
FAILED = 2
INTERRUPTED = 130
BROKEN_PIPE = 141

Options = Mapping[str, Any]


def failure(message: str) -> CommandError:
    """An error that ends the command with FAILED; the message says what to do."""
    return CommandError(message, returncode=FAILED)


class Subcommand(ABC):
    """A subcommand; ``found`` says what its exit code 1 means, if it has one.

    The signals that one sends are not observed, unless ``is_observed``.
    """

    name: ClassVar[str]
    help: ClassVar[str]
    found: ClassVar[str] = ""
    formats: ClassVar[Sequence[str]] = ("text", "json")
    examples: ClassVar[Sequence[str]] = ()
    is_observed: ClassVar[bool] = False

    def add_arguments(self, parser: ArgumentParser) -> None:  # noqa: B027 - a subcommand may have no options
        """Declare the options."""

    @abstractmethod
    def handle(self, options: Options, out: Output) -> int:
        """Do it; answers the exit code."""

    @property
    def epilog(self) -> str:
        """The examples and the exit codes, for ``--help``."""
        codes = [f"  {OK:>3}  done", f"  {FOUND:>3}  {self.found}", f"  {FAILED:>3}  an error: wrong usage, no data"]
        codes += [f"  {INTERRUPTED:>3}  interrupted by Ctrl-C"]
        shown = [code for code in codes if self.found or not code.startswith(f"  {FOUND:>3}  ")]
        examples = ["examples:", *(f"  manage.py signals {example}" for example in self.examples), ""]
        return "\n".join([*(examples if self.examples else ()), "exit codes:", *shown])
