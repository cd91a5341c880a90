"""``python manage.py work request``: does what is named, one after the other, and answers with JSON."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.utils.module_loading import import_string

STEPS = import_string("shop.work.STEPS")


class Command(BaseCommand):
    """Does some work that dispatches."""

    help = "Do some work that dispatches."
    requires_system_checks = ()  # what it has to say of the setup is another test's

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("steps", nargs="+", choices=STEPS)

    def handle(self, *args: Any, steps: list[str], **options: Any) -> None:
        self.stdout.write(json.dumps({step: STEPS[step]() for step in steps}))
