"""``manage.py traffic``: visitors for the running site."""

from __future__ import annotations

import math
import time
from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from demo.home.browser import Browser
from demo.home.crowd import Crowd, tidy
from demo.home.processes import StopRequest

POLL_SECONDS = 0.2
TIDY_SECONDS = 20.0


def positive(text: str) -> float:
    """A number above 0."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and number > 0):
        raise ArgumentTypeError(f"{text!r} is not a number above 0")
    return number


class Command(BaseCommand):
    """Simulates several visitors of the site over HTTP."""

    help = "Click through the running demo site, for a time or until Ctrl-C."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--url", default="http://127.0.0.1:8000/", help="the site (http://127.0.0.1:8000/)")
        parser.add_argument("--rate", type=positive, default=3.0, help="actions per second (3)")
        parser.add_argument("--seconds", type=positive, default=math.inf, help="how long (until Ctrl-C)")
        parser.add_argument("--pitfalls", action="store_true", help="fall into a pitfall now and then")

    def handle(self, *args: object, **options: Any) -> None:  # noqa: ANN401 - Django's signature
        """Run the visitors, and delete what they have created."""
        try:
            Browser(options["url"]).get("/")
        except (OSError, ValueError) as error:
            message = f"The demo site does not answer at {options['url']} ({error}). Start it: python manage.py demo"
            raise CommandError(message) from error
        crowd = Crowd(options["url"], rate=options["rate"], pitfalls=options["pitfalls"])
        self.quiet = options["verbosity"] == 0
        self.watch(crowd, StopRequest(), options["seconds"])

    def watch(self, crowd: Crowd, stop: StopRequest, seconds: float) -> None:
        """Let the visitors act, print their progress, and clean up from time to time."""
        started = tidied = time.monotonic()
        tidy()
        crowd.start()
        try:
            while not stop and not crowd.stuck and time.monotonic() - started < seconds:
                time.sleep(POLL_SECONDS)
                if time.monotonic() - tidied > TIDY_SECONDS:
                    tidy()
                    tidied = time.monotonic()
                self.report(crowd, started)
        finally:
            crowd.stop()
            tidy()
        self.report(crowd, started, end="\n")
        if crowd.stuck:
            raise CommandError(f"The site has stopped answering: {crowd.last_error}")

    def report(self, crowd: Crowd, started: float, end: str = "") -> None:
        """Write the progress line: on a terminal whenever it changes, otherwise at the end."""
        if self.quiet or not (end or self.stdout.isatty()):
            return
        rate = crowd.actions / (time.monotonic() - started)
        line = f"{crowd.actions} actions, {crowd.failures} failed, {rate:.1f} a second"
        self.stdout.write(f"\r{line:<60}" if self.stdout.isatty() else line, ending=end)
        self.stdout.flush()
