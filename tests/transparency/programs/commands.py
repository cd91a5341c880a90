"""Commands of the command line behave the same though their runs are counted."""

from __future__ import annotations

import contextlib
import inspect
import io
import sys
import warnings
from collections.abc import Callable
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.test.utils import captured_stderr

from tests.transparency.calls import Sender, connected, first
from tests.transparency.scenario import scenario, shown


def fails(error: BaseException) -> Callable[[], None]:
    def run() -> None:
        raise error

    return run


ENDS: dict[str, Callable[[], object]] = {
    "done": lambda: None,
    "command error": fails(CommandError("no", returncode=3)),
    "other error": fails(LookupError("no")),
    "exit": fails(SystemExit(2)),
    "exit with text": fails(SystemExit("no")),
    "interrupt": fails(KeyboardInterrupt()),
    "warns": lambda: warnings.warn("from the caller", stacklevel=4),
}


@scenario(ENDS)
def a_command(end: Callable[[], object]) -> Any:
    """How it ends, what it prints, and the lines that a warning names."""
    made = connected(first)

    class Command(BaseCommand):
        requires_system_checks: Any = []

        def handle(self, *_args: object, **_options: object) -> str:
            made.send(Sender)
            end()
            return "done"

    out = io.StringIO()
    with captured_stderr() as err, warnings.catch_warnings(record=True) as caught, contextlib.redirect_stdout(out):
        warnings.simplefilter("always")
        sys.stdout = out
        try:
            Command(stdout=out).run_from_argv(["manage.py", "tidy", "--no-color"])
            how: Any = "returned"
        except BaseException as error:  # noqa: BLE001 - whatever it is
            how = shown(error), type(error.__context__).__name__
    said = [(str(item.message), item.lineno > 0) for item in caught if "fork" not in str(item.message)]
    return [how, out.getvalue(), err.getvalue().splitlines()[-1:], said]


@scenario()
def the_method() -> Any:
    method = BaseCommand.run_from_argv
    return [method.__name__, method.__qualname__, method.__module__, str(inspect.signature(method)), method.__doc__]
