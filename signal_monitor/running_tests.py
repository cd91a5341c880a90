"""Whether this process runs a project's tests, whose records are nobody else's business."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from django.conf import UserSettingsHolder, global_settings, settings

COMMAND = "django.core.management.commands.test"
RUNNERS = frozenset({"pytest", "py.test", "unittest", "nose2", "behave", "green", "ward", "trial"})
"""Programs that run tests, and packages that do so with ``python -m``."""


class _Known:
    """Whether tests were seen to run: they still did so once they have ended."""

    is_test_run = False


def is_test_run() -> bool:
    """Whether this process runs tests, or has: by Django's test environment or command, or another runner."""
    if not _Known.is_test_run:
        _Known.is_test_run = _has_test_environment() or _is_pytest() or _is_test_command(sys.argv)
    return _Known.is_test_run


def note_test_environment() -> None:
    """Note that tests run, if a test environment is set up; it takes a fraction of a microsecond."""
    if not _Known.is_test_run and _has_test_environment():
        _Known.is_test_run = True


def keeps_to_itself() -> bool:
    """Whether the configured store is not to be used: in a test run, unless a test has set SIGNAL_MONITOR itself."""
    return is_test_run() and not _is_overridden()


def _has_test_environment() -> bool:
    """Whether ``setup_test_environment`` was called, as each test runner does."""
    utils = sys.modules.get("django.test.utils")
    return hasattr(getattr(utils, "_TestState", None), "saved_data")


def _is_pytest() -> bool:
    """Whether pytest runs here, and not in a process that has started this one."""
    return "_pytest.main" in sys.modules and "PYTEST_VERSION" in os.environ


def _is_test_command(arguments: Sequence[str]) -> bool:
    """Whether a command line runs tests; known before a test environment is set up."""
    if COMMAND in sys.modules:
        return True
    program = Path(arguments[0] if arguments else "")
    name = program.parent.name if program.name == "__main__.py" else program.name
    if name.rpartition(" ")[2] in RUNNERS:  # unittest calls itself "python -m unittest"
        return True
    return program.name in {"manage.py", "django-admin", "__main__.py"} and list(arguments[1:2]) == ["test"]


def _is_overridden() -> bool:
    """Whether ``override_settings`` has set SIGNAL_MONITOR."""
    holder: object = vars(settings)["_wrapped"]  # there is no public way to it
    while isinstance(holder, UserSettingsHolder) and holder.default_settings is not global_settings:
        if "SIGNAL_MONITOR" in vars(holder):
            return True
        holder = holder.default_settings
    return False
