"""The management command of this process; ``signals`` shows what others have recorded and records nothing itself."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

COMMAND = "signals"
RECORDED = "run"
"""The subcommand that runs another command, which is recorded."""
_SERVERS = ("runserver", "testserver")
"""How the names of commands begin that serve requests."""
_PROGRAMS = {"manage.py", "django-admin", "django-admin.py", "__main__.py"}
_WITH_VALUE = {"--settings", "--pythonpath", "-v", "--verbosity", "--format"}


def is_own_command(arguments: Sequence[str] | None = None) -> bool:
    """Whether a command line, by default that of this process, is one of ours that only reads."""
    words = _command(arguments)
    return words[:1] == [COMMAND] and words[1:2] != [RECORDED]


def runs_command(arguments: Sequence[str] | None = None) -> bool:
    """Whether a command line, by default that of this process, is a management command that serves no requests."""
    words = _command(arguments)
    return bool(words) and not words[0].startswith(_SERVERS)


def _command(arguments: Sequence[str] | None) -> list[str]:
    """The management command of a command line and its arguments without options; empty if it is another program."""
    given = sys.argv if arguments is None else arguments
    return _words(given[1:]) if given and Path(given[0]).name in _PROGRAMS else []


def _words(arguments: Sequence[str]) -> list[str]:
    """The arguments without options and their values."""
    before = ["", *arguments]
    return [
        word
        for option, word in zip(before, arguments, strict=False)
        if not word.startswith("-") and option not in _WITH_VALUE
    ]
