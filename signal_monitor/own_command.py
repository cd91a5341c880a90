"""Whether this process runs ``manage.py signals``, which shows what others have recorded and records nothing itself."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

COMMAND = "signals"
RECORDED = "run"
"""The subcommand that runs another command, which is recorded."""
_PROGRAMS = {"manage.py", "django-admin", "django-admin.py", "__main__.py"}
_WITH_VALUE = {"--settings", "--pythonpath", "-v", "--verbosity", "--format"}


def is_own_command(arguments: Sequence[str] | None = None) -> bool:
    """Whether a command line, by default that of this process, is one of ours that only reads."""
    given = sys.argv if arguments is None else arguments
    if not given or Path(given[0]).name not in _PROGRAMS:
        return False
    words = _words(given[1:])
    return words[:1] == [COMMAND] and words[1:2] != [RECORDED]


def _words(arguments: Sequence[str]) -> list[str]:
    """The arguments without options and their values."""
    before = ["", *arguments]
    return [
        word
        for option, word in zip(before, arguments, strict=False)
        if not word.startswith("-") and option not in _WITH_VALUE
    ]
