"""``manage.py signals``: what is connected, what ran, and what is wrong."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from signal_monitor.cli import command_line


class Command(BaseCommand):
    """The entry of ``signal_monitor.cli``."""

    help = command_line.HELP
    requires_system_checks = ()  # they are the work of `signals install` and `signals doctor`

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the subcommands."""
        command_line.add_subcommands(parser)

    def handle(self, *args: object, **options: Any) -> None:  # noqa: ANN401 - Django's signature
        """Run the subcommand; ends with its exit code unless that is 0."""
        self.stdout.ending = ""  # what is written is complete
        exit_code = command_line.run(options, self.stdout)
        if exit_code:
            sys.exit(exit_code)
